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

/** A line about a pair, or about none. */
function line(children, pair) {
	return E('li', pair ? { 'data-pair': name(pair) } : {}, children);
}

function changed(pair, before, after, reasons) {
	return line([ `${name(pair)}: `, words.badge(before), ' → ', words.badge(after), words.reasons(reasons) ], pair);
}

function stays(pair, mode, reasons) {
	return line([ _('%s stays %s').format(name(pair), words.mode(mode)), words.reasons(reasons) ], pair);
}

/** The line of a pair that the new modes of zones do not change: the other zone's is lower, or the pair has its own. */
function unchanged({ pair, after }, touched, form) {
	const raised = touched.find((zone) => [ pair.src, pair.dest ].includes(zone)
		&& form.zone(zone) && words.lower(form.zone(zone), after.mode) !== form.zone(zone));
	const other = after.by.find((zone) => zone !== raised);

	if (!raised || !other)
		return stays(pair, after.mode);

	const found = line([ _('%s stays %s, because zone %s has the lower mode').format(name(pair), words.mode(after.mode), other) ], pair);

	found.dataset.why = 'lower';

	return found;
}

/** Puts a line in place of the one for its pair, unless that gives the reason; at the end if there is none. */
function put(list, fresh) {
	const own = [ ...list.children ].find((item) => item.dataset.pair === fresh.dataset.pair);

	if (!own)
		list.append(fresh);
	else if (!own.dataset.why)
		own.replaceWith(fresh);
}

const heading = (some) => some ? _('When you save, this changes') : _('When you save, no pair changes');

/** Shows the service's reply to `preview`: what each pair would get, where that is not the mode chosen, and the live flows that are returned. */
function known(list, pairs, reply) {
	const moved = reply.changed ?? [], less = reply.unchanged ?? [];
	const named = new Set([ ...moved, ...less ].map(name));

	list.previousSibling.textContent = heading(moved.length);
	moved.forEach((pair) => put(list, changed(pair, pair.before, pair.effective, pair.reasons)));
	less.forEach((pair) => put(list, stays(pair, pair.effective, pair.reasons)));
	pairs.filter((pair) => !named.has(name(pair))).forEach((pair) => put(list, stays(pair, pair.effective)));

	if (reply.flows)
		list.append(line([ N_(reply.flows, '%d live flow takes the slow path for a few packets', '%d live flows take the slow path for a few packets').format(reply.flows) ]));
}

/** Whether the service takes a word as a mode; '' takes the choice back. A word that the file has and that is no mode is not asked about. */
const askable = (mode) => [ '', ...words.modes ].includes(mode);

/** What is chosen now and was not before, as the service is asked: '' where the choice is taken back. */
function choices(pairs, saved, form) {
	const zones = form.zones.filter((zone) => (form.zone(zone) ?? '') !== (saved.zone(zone) ?? ''))
		.map((zone) => [ zone, form.zone(zone) ?? '' ]).filter(([ , mode ]) => askable(mode));
	const own = pairs.filter(({ src, dest }) => (form.pair(src, dest) ?? '') !== (saved.pair(src, dest) ?? ''))
		.map(({ src, dest }) => ({ src, dest, mode: form.pair(src, dest) ?? '' })).filter(({ mode }) => askable(mode));

	return zones.length || own.length ? { zones: Object.fromEntries(zones), pairs: own } : null;
}

return baseclass.extend({
	place() {
		return E('div', { 'class': 'offload-preview', 'role': 'status', 'aria-live': 'polite' });
	},

	/**
	 * show(place, pairs, saved, form): `saved` and `form` are { zone(name), pair(src, dest), common, zones }. The service is
	 * asked too; an answer that comes after another change is not shown.
	 */
	show(place, pairs, saved, form) {
		const both = pairs.map((pair) => ({
			pair,
			before: wanted(pair, saved.zone, saved.pair, saved.common),
			after: wanted(pair, form.zone, form.pair, form.common)
		}));
		const moved = both.filter(({ before, after }) => before.mode !== after.mode);
		const touched = form.zones.filter((zone) => (form.zone(zone) ?? '') !== (saved.zone(zone) ?? ''));
		const idle = both.filter(({ pair, before, after }) => before.mode === after.mode && touched.some((zone) => [ pair.src, pair.dest ].includes(zone)));
		const list = E('ul', {}, [
			...moved.map(({ pair, before, after }) => changed(pair, before.mode, after.mode)),
			...idle.map((each) => unchanged(each, touched, form))
		]);
		const asked = choices(pairs, saved, form);

		dom.content(place, moved.length || touched.length ? E('div', { 'class': 'alert-message notice offload-notice' }, [
			E('h4', {}, [ heading(moved.length) ]), list
		]) : []);

		if (asked)
			bus.preview(asked).then((reply) => list.isConnected && known(list, moved.map((each) => each.pair), reply), () => null);
	}
});
