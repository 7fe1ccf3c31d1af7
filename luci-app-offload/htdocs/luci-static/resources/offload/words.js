'use strict';
'require baseclass';
'require firewall';
'require uci';
'require offload.paths as paths';
'require offload.sentences as sentences';

/*
 * How the page writes zones, modes and reasons. Names come from the router and are hostile: they become text nodes only.
 */

const MODES = [ 'none', 'software', 'hardware' ];
const TITLES = { none: _('None'), software: _('Software'), hardware: _('Hardware') };

const EVIDENCE = {
	requested: _('asked for'),
	bound: _('accepted by the kernel, not yet proven'),
	proven: _('proven by live connections'),
	refused: _('hardware refused: connections stay in software'),
	impossible: _('not possible on these devices')
};

const LONG = 24; // characters of an address that is still in one line on a phone
const PIECES = /\[?[0-9a-f]*:[0-9a-f]*:(?=[0-9a-f])|.+$/gi; // two groups each; the last piece has the port

/* Reasons that say no more than the choice did, where it was followed. */
const REPEATED = [ 'MODE_NONE', 'PAIR_MODE_NONE', 'LOWER_MODE' ];

const mode = (word) => TITLES[word] ?? String(word ?? '?');

function telling(decision) {
	const followed = decision.effective === decision.mode;

	return (decision.reasons ?? []).filter((reason) => !(followed && REPEATED.includes(reason.code)));
}

return baseclass.extend({
	/** The modes, slowest first. */
	modes: MODES,

	/** A mode as people read it. */
	mode,

	/** The slower of two modes; any other word counts as none. */
	lower: (one, other) => MODES[Math.max(0, Math.min(MODES.indexOf(one), MODES.indexOf(other)))],

	/** Whether the firewall has a zone of this name. */
	isZone: (name) => uci.sections('firewall', 'zone').some((zone) => zone.name === name),

	/** Names of the firewall's zones, in the order of its file, each once. */
	zones: () => [ ...new Set(uci.sections('firewall', 'zone').map((zone) => zone.name).filter((name) => name)) ],

	/** A zone in its colour, as the firewall's page shows it. */
	zone(name) {
		return E('span', {
			'class': 'zonebadge',
			'style': firewall.getZoneColorStyle(name)
		}, [ E('strong', {}, [ String(name) ]) ]);
	},

	/** A mode, marked with the colour of the path that it means. */
	badge(word) {
		const path = [ 'software', 'hardware' ].includes(word) ? word : 'slow';

		return E('span', { 'class': `offload-mode offload-path offload-${path}` }, [ mode(word) ]);
	},

	/** What some devices have in hardware and the others in software, with how many flows each has where that is known. */
	shared(flows) {
		return [
			E('span', { 'class': 'offload-mode offload-path offload-shared' }, [ paths.SHARED ]),
			flows?.hardware || flows?.software ? E('div', { 'class': 'offload-reasons' }, [ paths.fast(flows) ]) : ''
		];
	},

	/** Reasons of a status reply, as a list of sentences; nothing where there are none. */
	reasons(list) {
		const items = (list ?? []).map((reason) => E('li', {}, [ sentences.reason(reason), ...this.remedy(reason) ]));

		return items.length ? E('ul', { 'class': 'offload-reasons' }, items) : '';
	},

	/** What to do about a reason, where the service knows. */
	remedy(reason) {
		const text = sentences.remedy(reason);

		return text ? [ E('div', { 'class': 'offload-remedy' }, [ `→ ${text}` ]) ] : [];
	},

	/** An address with its port, which never part; a long IPv6 address may have more lines, of at least two groups each. */
	end(address, port) {
		const known = String(address);
		const text = !port ? known : known.includes(':') ? `[${known}]:${port}` : `${known}:${port}`;
		const pieces = known.length > LONG ? text.match(PIECES) : [ text ];

		return E('span', { 'class': 'offload-end' }, pieces.flatMap((piece, place) => place ? [ E('wbr'), piece ] : [ piece ]));
	},

	/** What `cut` and `explain` take for one flow. */
	identity: ({ proto, src, sport, dest, dport, ct_zone }) => ({ proto, src, sport, dest, dport, ct_zone: ct_zone ?? 0 }),

	/** How far hardware has come, in words; empty where it was not asked for. */
	evidence: (word) => EVIDENCE[word] ?? '',

	/** A zone of a status reply with what its pairs tell: how far hardware has come with any of them, and their flows. */
	ofPairs(zone, pairs) {
		const own = (pairs ?? []).filter((pair) => pair.src === zone.name || pair.dest === zone.name);
		const found = own.map((pair) => pair.hardware?.proof);
		const proof = [ 'proven', 'refused', 'bound', 'impossible' ].find((word) => found.includes(word));

		return { ...zone, hardware: { proof }, flows: paths.total(own, 'flows'), shared: own.some((pair) => paths.shared(pair)) };
	},

	/** Why a pair is faster than a zone of its own: its section is stronger. Nothing where it is not. */
	faster(pair, zones) {
		const slower = (zones ?? []).filter((zone) => zone.chosen && [ pair.src, pair.dest ].includes(zone.name)
			&& MODES.indexOf(zone.mode) < MODES.indexOf(pair.effective));

		return slower.map((zone) => E('div', { 'class': 'offload-reasons' }, [
			_('Faster than zone %s (%s), because this pair has a mode of its own.').format(zone.name, mode(zone.mode))
		]));
	},

	/** What a zone or pair of a status reply gets, why not all that was asked, and what hardware has proved. */
	effective(decision) {
		if (!decision)
			return E('em', {}, [ _('unknown') ]);

		const proof = decision.effective === 'hardware' ? this.evidence(decision.hardware?.proof) : '';
		const shared = decision.shared ?? paths.shared(decision);

		return E('div', {}, [
			...shared ? this.shared(decision.flows) : [ this.badge(proof && decision.hardware.proof === 'refused' ? 'software' : decision.effective) ],
			proof ? E('div', { 'class': 'offload-reasons' }, [ proof ]) : '',
			this.reasons(decision.hardware?.reasons),
			this.reasons(telling(decision))
		]);
	},

	/** The three modes as choices of a form.ListValue. */
	choose(option) {
		for (const word of MODES)
			option.value(word, mode(word));
	},

	/** All zones as choices, and those that sections still name though the firewall lost them; `*` is no name. */
	chooseZone(option, named) {
		const zones = this.zones();

		for (const name of zones)
			option.value(name);

		for (const name of new Set(named.filter((each) => each && each !== '*' && !zones.includes(each))))
			option.value(name, _('%s (no such zone)').replace('%s', name));
	},

	/** Names an option's fields for screen readers: its title, and in a table what `name(section_id)` says of the row. */
	label(option, name) {
		const renderWidget = option.renderWidget; // `super` would pass over the option's own class

		option.renderWidget = function(section_id, ...rest) {
			const node = renderWidget.call(this, section_id, ...rest);

			for (const field of node.querySelectorAll('select, input:not([type=hidden])'))
				field.setAttribute('aria-label', name ? `${this.title}: ${name(section_id)}` : this.title);

			return node;
		};
	}
});
