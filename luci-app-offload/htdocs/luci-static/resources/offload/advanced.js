'use strict';
'require baseclass';
'require form';
'require uci';
'require offload.fields as fields';
'require offload.words as words';
'require offload.zones as zones';

/*
 * The options of `config globals`, which hold for all zones, and below them the limits of single zones.
 */

const DEVICE = /^(?!\.{1,2}$)[A-Za-z0-9._:+@-]{1,15}$/;

/** The name of section `globals`; a missing one is added to the form's changes, and written with the first of them. */
function globalsName() {
	return uci.sections('offload', 'globals')[0]?.['.name'] ?? uci.add('offload', 'globals', 'globals');
}

/** Lets a form option show `value` where the file has none, and write nothing unless the user changes it. */
function defaulted(option, value) {
	words.label(option);
	option.default = value;
	option.load = (id) => uci.get('offload', id, option.option) ?? value;
	fields.untouched(option);
}

function chosen(option, value) {
	defaulted(option, value);
	fields.keep(option);
}

/** Makes a form option a switch with this default; it reads each word for on and off that the service reads. */
function switched(option, value = option.enabled) {
	defaulted(option, value);

	const load = option.load;

	option.load = (id) => fields.on(load(id)) ? option.enabled : option.disabled;
}

function devices(section, name, heading, description) {
	const option = section.option(form.DynamicList, name, heading, description);

	fields.finished(option);

	option.validate = (section_id, value) => !value || DEVICE.test(value)
		|| _('a device name of 1 to 15 of A-Z a-z 0-9 . _ : + @ -');
}

return baseclass.extend({
	/** add(map): adds the section. */
	add(map) {
		const section = map.section(form.NamedSection, globalsName(), 'globals', _('Advanced'));

		const enabled = section.option(form.Flag, 'enabled', _('Enable'), _('Without it nothing is offloaded, whatever the rest says.'));

		switched(enabled);

		const mode = section.option(form.ListValue, 'mode', _('Mode of other zones'), _('For pairs of which neither zone has a mode of its own.'));

		words.choose(mode);
		chosen(mode, 'none');

		const family = section.option(form.ListValue, 'family', _('Address family'), _('Connections of the other family stay on the slow path.'));

		family.value('any', _('IPv4 and IPv6'));
		family.value('ipv4', _('IPv4 only'));
		family.value('ipv6', _('IPv6 only'));
		chosen(family, 'any');

		const packets = section.option(form.Value, 'after_packets', _('After packets'),
			_('A connection is offloaded only after so many packets of the side that opened it, for tools that must see its beginning.'));

		fields.packets(packets);
		packets.placeholder = '0';

		devices(section, 'device', _('More devices'), _('Added to the devices that are found.'));
		devices(section, 'exclude_device', _('Devices to leave out'), _('Never listed in a flowtable.'));

		const retry = section.option(form.Value, 'hardware_retry', _('Ask hardware again after'),
			_('Hours until hardware is asked again where it took no connection. The command offload reload asks at once.'));

		fields.hours(retry);
		retry.placeholder = '6';

		const exempt = section.option(form.Flag, 'auto_exempt', _('Respect other rules'),
			_('Traffic that rules of the firewall or of nft limit, count against a quota, or give a mark, a priority or a DSCP class stays on the slow path, where they see every packet.'));

		switched(exempt);

		const shaped = section.option(form.Flag, 'auto_software', _('Respect shapers'),
			_("Pairs in hardware over a device that has a shaper (SQM and others), a tc filter or an nft chain that changes packets become software, where these see every packet, and hardware again when they are gone. A zone's network on the port below such a device (the modem's, below a PPPoE session) stays slow, because offload there would bypass them."));

		switched(shaped);

		const cut = section.option(form.Flag, 'cut_refused', _('End refused connections'),
			_('A new DROP or REJECT rule, or a time at which one begins, also ends live connections. The firewall itself lets these go on.'));

		switched(cut, cut.disabled);

		const level = section.option(form.ListValue, 'log_level', _('Log'), _('The system log gets these lines and all that are more important.'));

		level.value('err', _('Errors'));
		level.value('warning', _('Warnings'));
		level.value('notice', _('Start and stop'));
		level.value('info', _('Every change'));
		level.value('debug', _('Everything'));
		chosen(level, 'info');

		zones.limits(section);

		return () => {};
	}
});
