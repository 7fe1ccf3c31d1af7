'use strict';
'require baseclass';
'require form';
'require dom';
'require offload.words as words';

/*
 * The table of devices: which flowtables list them, whether hardware takes their flows, and reasons why not.
 */

const TABLES = { sw: _('software'), hw: _('hardware') };

/** What live connections have shown of a device in hardware, in the words of the page. */
const OWN = { none: _('not asked for'), impossible: _('not possible') };

/** How many stations were learned at a port last; nothing where the port does not decide about their path. */
function stations(count) {
	return count == null ? '' : E('div', { 'class': 'offload-reason' }, [ N_(count, '%d station', '%d stations').format(count) ]);
}

function row(device) {
	const cell = (title, content) => E('td', { 'class': 'td', 'data-title': title }, content);

	return E('tr', { 'class': 'tr' }, [
		cell(_('Device'), [ E('span', { 'class': words.deviceClass(device) }, [ String(device.name) ]), stations(device.stations) ]),
		cell(_('Zone'), (device.zones ?? []).map((name) => words.zone(name))),
		cell(_('Listed for'), [ (device.flowtables ?? []).map((name) => TABLES[name] ?? String(name)).join(', ') || '-' ]),
		cell(_('Hardware'), [ OWN[device.hardware] ?? words.evidence(device.hardware) ]),
		cell(_('Why not'), [ words.reasons(device.reasons) || '-' ])
	]);
}

function table(devices) {
	const heads = [ _('Device'), _('Zone'), _('Listed for'), _('Hardware'), _('Why not') ];

	if (!devices?.length)
		return E('p', {}, [ E('em', {}, [ devices ? _('The service knows no devices now.') : _('Not known now.') ]) ]);

	return E('table', { 'class': 'table' }, [
		E('tr', { 'class': 'tr table-titles' }, heads.map((head) => E('th', { 'class': 'th' }, [ head ]))),
		...devices.map(row)
	]);
}

/** A form section that shows a table and has no options, so that it can be a tab beside other sections. */
const Devices = form.AbstractSection.extend({
	cfgsections: () => [],
	load: () => Promise.resolve(),
	parse: () => Promise.resolve(),

	render() {
		this.place = E('div');
		this.draw();

		return E('div', {
			'class': 'cbi-section',
			'data-tab': this.sectiontype,
			'data-tab-title': this.title
		}, [
			E('h3', {}, [ this.title ]),
			E('div', { 'class': 'cbi-section-descr' }, [ this.description ]),
			this.place
		]);
	},

	draw() {
		const fresh = table(this.now().devices);

		if (this.place && this.place.firstChild?.outerHTML !== fresh.outerHTML)
			dom.content(this.place, fresh);
	}
});

return baseclass.extend({
	/** add(map, now): adds the section; `now()` gives the latest status reply. Returns a function that redraws it. */
	add(map, now) {
		const section = map.section(Devices, 'devices', _('Devices'),
			_('Packets can take a fast path where they come in at a device that a flowtable lists. That the kernel accepts a device for hardware proves nothing yet; a live connection does. Stations are the hosts that a bridge has learned at a port.'));

		section.now = now;

		return () => section.draw();
	}
});
