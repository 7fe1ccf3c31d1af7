'use strict';
'require baseclass';

/*
 * The three paths of a flow's packets, slowest first, and what shows shares of them: sentences, figures, bars.
 */

const PATHS = [ 'slow', 'software', 'hardware' ];
const WORDS = { slow: _('slow'), software: _('software'), hardware: _('hardware') };

/* Reasons of a pair in hardware which say that flows of some devices or stations are in software. */
const BESIDE = [ 'STATIONS_SOFTWARE', 'STATIONS_UNSEEN', 'HARDWARE_PART' ];

const UNITS = [ 'B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB' ];

// LuCI's pt_br is the browser's pt-BR.
const LANGUAGE = (document.documentElement.lang || 'en').replace('_', '-');
const whole = new Intl.NumberFormat(LANGUAGE);
const tenths = new Intl.NumberFormat(LANGUAGE, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

return baseclass.extend({
	PATHS,

	word(path) {
		return WORDS[path] ?? String(path);
	},

	/** Whether a zone or pair of a status reply is in hardware on some of its devices and in software on the others. */
	shared: (decision) => decision.effective === 'hardware' && decision.hardware?.proof !== 'refused'
		&& (decision.reasons ?? []).some((reason) => BESIDE.includes(reason.code)),

	/** The mode that the page shows for such a pair or zone. */
	SHARED: _('Hardware + software'),

	/** How many flows of a share are on each of the two fast paths. */
	fast(share) {
		return _('%s in hardware, %s in software').format(this.flows(share.hardware), this.count(share.software));
	},

	count(number) {
		return whole.format(number);
	},

	/** "1 flow", "1,200 flows". */
	flows(number) {
		return N_(number, '%s flow', '%s flows').format(this.count(number));
	},

	bytes(number) {
		const step = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(number, 1)) / 10));

		return `${step ? tenths.format(number / 1024 ** step) : whole.format(number)} ${UNITS[step]}`;
	},

	/** A number of `flows` or `bytes`, with its unit. */
	measure(number, metric) {
		return metric === 'bytes' ? this.bytes(number) : this.count(number);
	},

	/** The sum of the pairs' shares, of metric `flows` or `bytes`: { slow, software, hardware }. */
	total(pairs, metric) {
		const sum = (path) => pairs.reduce((found, pair) => found + (pair[metric]?.[path] ?? 0), 0);

		return Object.fromEntries(PATHS.map((path) => [ path, sum(path) ]));
	},

	/** [ "2 slow", "120 software" ]; paths with nothing on them are left out. */
	figures(share, metric) {
		const used = PATHS.filter((path) => share[path] > 0);

		return used.length ? used.map((path) => `${this.measure(share[path], metric)} ${this.word(path)}`) : [ _('nothing') ];
	},

	/** The same in a line. */
	sentence(share, metric) {
		return this.figures(share, metric).join(', ');
	},

	badge(path) {
		return E('span', { 'class': `offload-path offload-${PATHS.includes(path) ? path : 'slow'}` }, [ this.word(path) ]);
	},

	/** A bar with a part for each path, and the share in words. */
	bar(share, metric) {
		const parts = PATHS.filter((path) => share[path] > 0).map((path) =>
			E('span', { 'class': `offload-${path}`, 'style': `flex-grow:${+share[path]}` }));

		return E('div', {}, [
			E('div', { 'class': 'offload-bar', 'aria-hidden': 'true' }, parts),
			E('div', {}, this.figures(share, metric).flatMap((figure, place) =>
				[ place ? ', ' : '', E('span', { 'class': 'offload-whole' }, [ figure ]) ]))
		]);
	}
});
