'use strict';
'require baseclass';
'require firewall';
'require uci';
'require offload.paths as paths';
'require offload.sentences as sentences';

/*
 * How the page shows zones, modes and reasons. Names may be anything, so they go into text nodes only.
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

const LONG = 24; // characters of an address or a zone's name that is still in one line on a phone
const PIECES = /\[?[0-9a-f]*:[0-9a-f]*:(?=[0-9a-f])|.+$/gi; // two groups each; the last piece has the port

/* Reasons that only repeat the chosen mode; they are not shown where that mode is the effective one. */
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

	/** The slower of two modes; a word that is no mode counts as `none`. */
	lower: (one, other) => MODES[Math.max(0, Math.min(MODES.indexOf(one), MODES.indexOf(other)))],

	/** Whether the firewall has a zone of this name. */
	isZone: (name) => uci.sections('firewall', 'zone').some((zone) => zone.name === name),

	/** Names of the firewall's zones, in the order of its file, each once. */
	zones: () => [ ...new Set(uci.sections('firewall', 'zone').map((zone) => zone.name).filter((name) => name)) ],

	/** A zone in its colour, as the firewall's page shows it. */
	zone(name) {
		return E('span', {
			'class': String(name).length > LONG ? 'zonebadge offload-long' : 'zonebadge',
			'style': firewall.getZoneColorStyle(name)
		}, [ E('strong', {}, [ String(name) ]) ]);
	},

	/** A mode, marked with the colour of the path that it means. */
	badge(word) {
		const path = [ 'software', 'hardware' ].includes(word) ? word : 'slow';

		return E('span', { 'class': `offload-mode offload-path offload-${path}` }, [ mode(word) ]);
	},

	/** The badge of a pair or zone that is partly in hardware and partly in software; `flows`: how many of each, if known. */
	shared(flows) {
		return [
			E('span', { 'class': 'offload-mode offload-path offload-shared' }, [ paths.SHARED ]),
			flows?.hardware || flows?.software ? E('div', { 'class': 'offload-reasons' }, [ paths.fast(flows) ]) : ''
		];
	},

	/** Reasons of a status reply, as a list of sentences, each remedy once; nothing where there are none. */
	reasons(list) {
		const shown = new Set();
		const items = (list ?? []).map((reason) => {
			const again = shown.has(reason.remedy);

			shown.add(reason.remedy);

			return E('li', {}, [ sentences.reason(reason), ...again ? [] : this.remedy(reason) ]);
		});

		return items.length ? E('ul', { 'class': 'offload-reasons' }, items) : '';
	},

	/** The remedy of a reason; nothing if the service gives none. */
	remedy(reason) {
		const text = sentences.remedy(reason);

		return text ? [ E('div', { 'class': 'offload-remedy' }, [ `→ ${text}` ]) ] : [];
	},

	/** An address and its port, with no line break between them. A long IPv6 address may be broken between pairs of its groups. */
	end(address, port) {
		const known = String(address);
		const text = !port ? known : known.includes(':') ? `[${known}]:${port}` : `${known}:${port}`;
		const pieces = known.length > LONG ? text.match(PIECES) : [ text ];

		return E('span', { 'class': 'offload-end' }, pieces.flatMap((piece, place) => place ? [ E('wbr'), piece ] : [ piece ]));
	},

	/** The `flow` that the methods `cut` and `explain` take, from one of a reply of `flows`. */
	identity: ({ proto, src, sport, dest, dport, ct_zone }) => ({ proto, src, sport, dest, dport, ct_zone: ct_zone ?? 0 }),

	/** The words for a hardware verdict (`proof` of a reply); empty if hardware is not requested. */
	evidence: (word) => EVIDENCE[word] ?? '',

	/** The classes of a device's badge: bold where a flowtable lists it. */
	deviceClass: (device) => `ifacebadge${device?.flowtables?.length ? ' ifacebadge-active' : ''}`,

	/** A zone of a status reply, with the hardware verdict and the flows of its pairs added. */
	ofPairs(zone, pairs) {
		const own = (pairs ?? []).filter((pair) => pair.src === zone.name || pair.dest === zone.name);
		const found = own.map((pair) => pair.hardware?.proof);
		const proof = [ 'proven', 'refused', 'bound', 'impossible' ].find((word) => found.includes(word));

		return { ...zone, hardware: { proof }, flows: paths.total(own, 'flows'), shared: own.some((pair) => paths.shared(pair)) };
	},

	/** The sentence that a pair's section makes it faster than one of its zones; nothing if it does not. */
	faster(pair, zones) {
		const slower = (zones ?? []).filter((zone) => zone.chosen && [ pair.src, pair.dest ].includes(zone.name)
			&& MODES.indexOf(zone.mode) < MODES.indexOf(pair.effective));

		return slower.map((zone) => E('div', { 'class': 'offload-reasons' }, [
			_('Faster than zone %s (%s), because this pair has a mode of its own.').format(zone.name, mode(zone.mode))
		]));
	},

	/** The cell for a zone or pair of a status reply: effective mode, reasons if it is a lower one, hardware verdict. */
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

	/** Offers all zones as choices, and the names of zones in sections that the firewall no longer has; `*` is not one of them. */
	chooseZone(option, named) {
		const zones = this.zones();

		for (const name of zones)
			option.value(name);

		for (const name of new Set(named.filter((each) => each && each !== '*' && !zones.includes(each))))
			option.value(name, _('%s (no such zone)').replace('%s', name));
	},

	/** Labels an option's fields for screen readers: by its title, and in a table by what `name(section_id)` gives for the row. */
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
