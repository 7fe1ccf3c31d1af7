'use strict';
'require baseclass';
'require form';
'require uci';
'require offload.fields as fields';
'require offload.legend as legend';
'require offload.rows as rows';
'require offload.words as words';

/*
 * The table of pairs, a row for each pair of zones: those in the service's reply, those that a forwarding permits, and those
 * of sections `config pair`. Choosing a mode adds the section; choosing that of the zones removes it.
 */

const NO_MODE = '-'; // the choice for a section without a mode, which is faulty

const sectionsOf = (row) => uci.sections('offload', 'pair')
	.filter((section) => section.src === row.src && section.dest === row.dest && fields.holds(section));

function list(status) {
	const found = [ ...status.pairs ?? [], ...uci.sections('firewall', 'forwarding'), ...uci.sections('offload', 'pair') ];
	const known = new Map();

	for (const { src, dest } of found)
		if (src && dest && src !== '*' && dest !== '*')
			known.set(`${src} ${dest}`, { key: `${src} ${dest}`, src, dest });

	return [ ...known.values() ];
}

function choose(row, value) {
	const sections = sectionsOf(row).map((section) => section['.name']);

	if (!sections.length) {
		sections.push(uci.add('offload', 'pair'));
		uci.set('offload', sections[0], 'src', row.src);
		uci.set('offload', sections[0], 'dest', row.dest);
	}

	for (const section of sections)
		uci.set('offload', section, 'mode', value);
}

function forget(row) {
	for (const section of sectionsOf(row))
		uci.remove('offload', section['.name']);
}

function inEffect(row, decision, zones) {
	if (decision)
		return E('div', {}, [ words.effective(decision), ...words.faster(decision, zones) ]);

	return words.isZone(row.src) && words.isZone(row.dest)
		? E('em', {}, [ _('unknown') ])
		: E('em', {}, [ _('The firewall has no such zone any more.') ]);
}

return baseclass.extend({
	/** add(map, now): adds the section; `now()` gives the latest status reply. Returns a function that redraws its live cells. */
	add(map, now) {
		const decision = (row) => now().pairs?.find((pair) => pair.src === row.src && pair.dest === row.dest);
		const section = map.section(rows.table('pair', () => list(now())), 'pair', _('Pairs'),
			_('Traffic that the first zone opens to the second. A mode chosen here is stronger than the modes of the two zones.'));

		legend.ofModes(section);
		rows.live(section, '_src', _('From'), (row) => words.zone(row.src));
		rows.live(section, '_dest', _('To'), (row) => words.zone(row.dest));

		const mode = section.option(form.ListValue, 'mode', _('Mode'));

		mode.value('', _('as its zones'));
		words.choose(mode);
		words.label(mode, (id) => `${section.rowOf(id).src} > ${section.rowOf(id).dest}`);
		mode.load = (id) => {
			const modes = sectionsOf(section.rowOf(id)).map((each) => each.mode ?? NO_MODE);

			return modes.length ? modes.reduce(words.lower) : null;
		};
		fields.keep(mode);
		mode.write = (id, value) => choose(section.rowOf(id), value);
		mode.remove = (id) => forget(section.rowOf(id));

		map.offloadPairs = {
			saved: (src, dest) => {
				const modes = sectionsOf({ src, dest }).map((each) => each.mode).filter((each) => each);

				return modes.length ? modes.reduce(words.lower) : null;
			},
			shown: (src, dest) => {
				const id = Object.keys(section.rows ?? {}).find((each) => section.rows[each].src === src && section.rows[each].dest === dest);

				return id && mode.formvalue(id) || null;
			}
		};

		return rows.live(section, '_effective', _('In effect'), (row) => inEffect(row, decision(row), now().zones));
	}
});
