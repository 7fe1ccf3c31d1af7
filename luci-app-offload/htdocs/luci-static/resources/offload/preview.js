'use strict';
'require baseclass';
'require dom';
'require uci';
'require offload.bus as bus';
'require offload.words as words';

/*
 * The modes that pairs would have if the form were saved, by the service's rule: the mode of the pair's section, else the
 * lower of the modes chosen for its two zones, else the mode of globals.
 */

const name = (pair) => `${pair.src} → ${pair.dest}`;

/** { mode, by } of a pair: `by` are the zones whose choice decides; none if the pair's section or globals decides. */
function wanted(pair, zoneMode, pairMode, common) {
	const own = pairMode(pair.src, pair.dest);

	if (own)
		return { mode: own, by: [] };

	const chosen = [ ...new Set([ pair.src, pair.dest ]) ].map((zone) => ({ zone, mode: zoneMode(zone) })).filter((each) => each.mode);

	if (!chosen.length)
		return { mode: common, by: [] };

	const mode = chosen.map((each) => each.mode).reduce(words.lower);

	return { mode, by: chosen.filter((each) => each.mode === mode).map((each) => each.zone) };
}

function line(children) {
	return E('li', {}, children);
}

function changed({ pair, before, after }) {
	return E('li', { 'data-pair': name(pair) }, [ `${name(pair)}: `, words.badge(before.mode), ' → ', words.badge(after.mode) ]);
}

/** The sentence why a zone's new mode does not change a pair: the other zone's is lower, or the pair has its own. */
function unchanged({ pair, after }, zone, chosen) {
	const other = after.by.find((each) => each !== zone);

	return line([ other && chosen && words.lower(chosen, after.mode) !== chosen
		? _('%s stays %s, because zone %s has the lower mode').format(name(pair), words.mode(after.mode), other)
		: _('%s stays %s').format(name(pair), words.mode(after.mode)) ]);
}

/** Puts the mode that a pair would get, and why, into its line in place of the mode chosen; gives a line of its own if it has none. */
function corrected(list, pair) {
	const own = [ ...list.children ].find((item) => item.dataset.pair === name(pair));

	if (!own)
		return [ line([ _('%s would be %s').format(name(pair), words.mode(pair.effective)), words.reasons(pair.reasons) ]) ];

	own.lastChild.replaceWith(words.badge(pair.effective), words.reasons(pair.reasons));

	return [];
}

/** Shows the service's reply to `preview`: gives the lines of pairs that would not get the mode, and of live flows that are returned. */
function known(list, { changed: moved, unchanged: idle, flows }) {
	const less = [ ...(moved ?? []).filter((pair) => pair.reasons), ...(idle ?? []) ];
	const stays = less.flatMap((pair) => corrected(list, pair));

	return flows ? [ ...stays, line([ N_(flows, '%d live flow takes the slow path for a few packets', '%d live flows take the slow path for a few packets').format(flows) ]) ] : stays;
}

/** Asks the service about the modes chosen for zones; an answer that comes after another change is not shown. */
function ask(place, zones) {
	const list = place.querySelector('ul');

	if (!list || !Object.keys(zones).length)
		return;

	bus.preview({ zones }).then((reply) => list.isConnected && list.append(...known(list, reply)), () => null);
}

return baseclass.extend({
	place() {
		return E('div', { 'class': 'offload-preview', 'role': 'status', 'aria-live': 'polite' });
	},

	/** show(place, pairs, saved, form): `saved` and `form` are { zone(name), pair(src, dest), common, zones }. */
	show(place, pairs, saved, form) {
		const both = pairs.map((pair) => ({
			pair,
			before: wanted(pair, saved.zone, saved.pair, saved.common),
			after: wanted(pair, form.zone, form.pair, form.common)
		}));
		const moved = both.filter(({ before, after }) => before.mode !== after.mode);
		const touched = form.zones.filter((zone) => (form.zone(zone) ?? '') !== (saved.zone(zone) ?? ''));
		const idle = touched.flatMap((zone) => both
			.filter(({ pair, before, after }) => before.mode === after.mode && (pair.src === zone || pair.dest === zone))
			.map((each) => unchanged(each, zone, form.zone(zone))));

		dom.content(place, moved.length || touched.length ? E('div', { 'class': 'alert-message notice offload-notice' }, [
			E('h4', {}, [ moved.length ? _('When you save, this changes') : _('When you save, no pair changes') ]),
			E('ul', {}, [ ...moved.map(changed), ...idle ])
		]) : []);
		ask(place, Object.fromEntries(touched.map((zone) => [ zone, form.zone(zone) ]).filter(([ , mode ]) => mode)));
	}
});
