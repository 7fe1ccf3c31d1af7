'use strict';
'require baseclass';
'require form';
'require uci';
'require ui';
'require offload.fields as fields';
'require offload.legend as legend';
'require offload.rows as rows';
'require offload.words as words';

/*
 * The table of zones: a row for each zone of the firewall, whether /etc/config/offload has a section for it or not, and a row
 * for each name in its sections that is no zone of the firewall any more.
 */

const ENDS = [ 'src', 'dest' ];
/** The zone of a section; without option `name` its own name, as in the service: `config zone 'guest'`. */
const zoneOf = (section) => section.name ?? (section['.anonymous'] ? null : section['.name']);
const sectionsOf = (name) => uci.sections('offload', 'zone').filter((section) => zoneOf(section) === name && fields.holds(section));
const globalMode = () => uci.sections('offload', 'globals')[0]?.mode ?? 'none';

/** The value of an option in a zone's sections; of two modes the lower one, as in the service. */
function chosen(name, option) {
	const values = sectionsOf(name).map((section) => section[option]).filter((value) => value != null);

	return option === 'mode' && values.length ? values.reduce(words.lower) : values[0] ?? null;
}

function choose(name, option, value) {
	const sections = sectionsOf(name).map((section) => section['.name']);

	if (!sections.length) {
		if (value == null)
			return;

		sections.push(uci.add('offload', 'zone', freeName(name)));
		uci.set('offload', sections[0], 'name', name);
	}

	for (const section of sections)
		value == null ? uci.unset('offload', section, option) : uci.set('offload', section, option, value);
}

/** A zone's name as the name for its new section, so that `uci set offload.NAME.mode` works; null if it is taken. */
function freeName(name) {
	const plain = name.replace(/[^A-Za-z0-9_]/g, '_');

	return plain && !uci.get('offload', plain) ? plain : null;
}

/** The names in sections that are no zones of the firewall. */
function lost() {
	const named = [
		...uci.sections('offload', 'zone').map(zoneOf),
		...uci.sections('offload', 'pair').flatMap((section) => ENDS.map((end) => section[end])),
		...uci.sections('offload', 'exempt').flatMap((section) => ENDS.map((end) => section[end]))
	];

	return [ ...new Set(named.filter((name) => name && name !== '*' && !words.isZone(name))) ];
}

/** Gives the sections of name `before` the name of zone `after`; if that zone has sections already, they are removed instead. */
function rename(before, after) {
	const taken = sectionsOf(after).length > 0;

	for (const section of sectionsOf(before))
		taken ? uci.remove('offload', section['.name']) : uci.set('offload', section['.name'], 'name', after);

	for (const kind of [ 'pair', 'exempt' ])
		for (const section of uci.sections('offload', kind))
			for (const end of ENDS)
				if (section[end] === before)
					uci.set('offload', section['.name'], end, after);
}

/** Removes the sections with a name, but not exempts: they say what must stay slow, and `check` reports the missing zone. */
function forget(name) {
	for (const section of sectionsOf(name))
		uci.remove('offload', section['.name']);

	for (const section of uci.sections('offload', 'pair'))
		if (ENDS.some((end) => section[end] === name))
			uci.remove('offload', section['.name']);
}

/** The zones that may be the new name of a lost one; those without a section first. */
function candidates() {
	const chosen = (name) => sectionsOf(name).length > 0;

	return words.zones().sort((one, other) => chosen(one) - chosen(other));
}

function repair(map, name) {
	const select = E('select', { 'aria-label': _('The zone it is called now'), 'disabled': map.readonly || null },
		candidates().map((zone) => E('option', { 'value': zone }, [ zone ])));
	const button = (title, style, change) => E('button', {
		'class': `btn cbi-button ${style}`,
		'disabled': map.readonly || null,
		'click': ui.createHandlerFn(null, () => map.save(change, true)) // after the form is read: its rows are those of the old names
	}, [ title ]);

	return E('div', { 'class': 'offload-repair' }, [
		E('p', {}, [ _('The firewall has no such zone any more. Rename it here too if it was renamed, or remove what was chosen for it.') ]),
		select,
		button(_('Rename'), 'cbi-button-action', () => rename(name, select.value)),
		button(_('Remove'), 'cbi-button-negative', () => forget(name))
	]);
}

function mode(section, nameOf) {
	const option = section.option(form.ListValue, 'mode', _('Mode'));

	option.value('', globalMode() === 'none' ? _('as the other zone') : _('as the other zone, or %s').format(words.mode(globalMode())));
	words.choose(option);
	words.label(option, nameOf);
	option.load = (id) => chosen(nameOf(id), 'mode') ?? '';
	fields.keep(option);
	option.write = (id, value) => choose(nameOf(id), 'mode', value);
	option.remove = (id) => choose(nameOf(id), 'mode', null);

	unlessLost(option, (id) => E('em', {}, [ words.mode(chosen(nameOf(id), 'mode') ?? '–') ]));

	return option;
}

/** Lets an option draw its field only for zones of the firewall; other rows show the file's value and never write it. */
function unlessLost(option, draw) {
	const { renderWidget, isActive, parse } = option;
	const lost = (id) => option.section.rowOf(id)?.lost;

	option.renderWidget = (id, ...rest) => lost(id) ? draw(id) : renderWidget.call(option, id, ...rest);
	option.isActive = (id) => !lost(id) && isActive.call(option, id);
	option.parse = (id) => lost(id) ? Promise.resolve() : parse.call(option, id);
}

function devices(decision, status) {
	return (decision?.devices ?? []).map((name) => {
		const device = (status.devices ?? []).find((each) => each.name === name);

		return E('span', {
			'class': `${words.deviceClass(device)} offload-device`,
			'title': (device?.reasons ?? []).map((reason) => reason.text).join('\n') || null
		}, [ String(name) ]);
	});
}

return baseclass.extend({
	/** add(map, now): adds the section; `now()` gives the latest status reply. Returns a function that redraws its live cells. */
	add(map, now) {
		const decision = (name) => {
			const zone = now().zones?.find((each) => each.name === name);

			return zone && words.ofPairs(zone, now().pairs);
		};
		const list = () => [
			...words.zones().map((name) => ({ key: name, name })),
			...lost().map((name) => ({ key: name, name, lost: true }))
		];
		const section = map.section(rows.table('zone', list), 'zone', _('Zones'),
			_('What the traffic of a zone may have. A connection takes the lower of the modes chosen for the two zones it runs between; a zone without a choice slows no other.'));
		const nameOf = (id) => section.rowOf(id).name;

		legend.ofModesAndDevices(section);
		rows.live(section, '_zone', _('Zone'), (row) => words.zone(row.name));
		const choice = mode(section, nameOf);

		map.offloadModes = {
			zones: () => words.zones(),
			saved: (name) => chosen(name, 'mode'),
			shown: (name) => {
				const id = Object.keys(section.rows ?? {}).find((each) => section.rows[each].name === name);

				return id && choice.formvalue(id) || null;
			}
		};

		const redraw = [
			rows.live(section, '_effective', _('In effect'),
				(row) => row.lost ? repair(map, row.name) : words.effective(decision(row.name))),
			rows.live(section, '_devices', _('Devices'), (row) => devices(decision(row.name), now()))
		];

		return () => redraw.forEach((draw) => draw());
	},

	/** limits(parent): adds family and after_packets of each zone, as a table inside another section. */
	limits(parent) {
		const list = () => words.zones().map((name) => ({ key: name, name }));
		const Table = rows.table('limits', list);
		const section = parent.option(form.SectionValue, '_limits', Table, 'limits', _('Single zones')).subsection;
		const nameOf = (id) => section.rowOf(id).name;

		rows.live(section, '_zone', _('Zone'), (row) => words.zone(row.name));

		const family = section.option(form.ListValue, 'family', _('Address family'));

		family.value('', _('as above'));
		family.value('any', _('IPv4 and IPv6'));
		family.value('ipv4', _('IPv4 only'));
		family.value('ipv6', _('IPv6 only'));

		const packets = section.option(form.Value, 'after_packets', _('After packets'));

		fields.packets(packets);
		packets.placeholder = _('as above');

		for (const option of [ family, packets ]) {
			words.label(option, nameOf);
			option.load = (id) => chosen(nameOf(id), option.option);
			option.write = (id, value) => choose(nameOf(id), option.option, value);
			option.remove = (id) => choose(nameOf(id), option.option, null);
		}

		fields.keep(family);
	}
});
