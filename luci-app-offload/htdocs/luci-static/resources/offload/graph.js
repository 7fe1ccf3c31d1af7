'use strict';
'require baseclass';
'require offload.paths as paths';
'require offload.svg as svg';

/*
 * The flows, or their bytes, on each path in the last minutes, as stacked areas in the look of LuCI's realtime graphs. These are
 * sums over live flows, not rates: they fall when a flow ends.
 */

const MINUTES = 5;
const WINDOW = MINUTES * 60 * 1000;
const GAP = 60 * 1000; // milliseconds without a sample after which the areas are interrupted
const ROUND = [ 1, 2, 4, 8, 12, 20, 40, 60, 80, 100, 120, 200, 400, 600, 800, 1000, 1200 ];
const WIDTH = 1000, HEIGHT = 100;
const UPWARDS = [ ...paths.PATHS ].reverse(); // the fastest at the bottom

/** The value at the top of the graph, for a highest sample: its quarters are round figures in the unit that is shown. */
function ceiling(peak, metric) {
	const base = metric === 'bytes' ? 1024 : 1000;
	const unit = base ** Math.max(0, Math.floor(Math.log(Math.max(peak, 1)) / Math.log(base)));
	const round = ROUND.find((each) => each * unit >= Math.max(peak, 4));

	return round * unit;
}

function pieces(samples) {
	const found = [];

	samples.forEach((sample, place) => {
		if (!place || sample.time - samples[place - 1].time > GAP)
			found.push([]);

		found.at(-1).push(sample);
	});

	return found;
}

/** The sum of a share from the bottom of the stack up to this path. */
function stacked(share, path) {
	return UPWARDS.slice(0, UPWARDS.indexOf(path) + 1).reduce((sum, each) => sum + share[each], 0);
}

function outline(samples, path, now, top) {
	const point = (sample, height) => [
		(WIDTH * (1 - (now - sample.time) / WINDOW)).toFixed(1),
		(HEIGHT * (1 - height / top)).toFixed(2)
	].join(',');

	return pieces(samples).map((piece) => 'M' + [
		...piece.map((sample) => point(sample, stacked(sample.share, path))),
		...[ ...piece ].reverse().map((sample) => point(sample, stacked(sample.share, path) - sample.share[path]))
	].join(' L') + ' Z').join(' ');
}

function areas() {
	const stretched = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', width: '100%', height: '100%' };

	return svg.node('svg', { ...stretched, 'aria-hidden': 'true' },
		UPWARDS.map((path) => svg.node('path', { 'class': `offload-${path}`, 'vector-effect': 'non-scaling-stroke' })));
}

function quarter(share) {
	const y = `${100 - share}%`;

	return [
		svg.node('line', { x1: 0, y1: y, x2: '100%', y2: y }),
		svg.node('text', { x: 20, y, dy: -4, 'data-quarter': share })
	];
}

function minute(number) {
	const x = `${100 - 100 * number / MINUTES}%`;

	return [
		svg.node('line', { x1: x, y1: 0, x2: x, y2: '100%' }),
		svg.node('text', { x, y: 15, dx: 5 }, [ _('%d min').format(-number) ])
	];
}

return baseclass.extend({
	samples: [],

	/** An empty graph, to be given to `draw`. */
	figure() {
		return svg.node('svg', { 'class': 'offload-graph', 'role': 'img' }, [
			areas(),
			...[ 25, 50, 75 ].flatMap(quarter),
			...[ 1, 2, 3, 4 ].flatMap(minute)
		]);
	},

	/** Keeps the `pairs` of a status reply, with the time of the reply (milliseconds). */
	remember(pairs, time) {
		this.samples = [ ...this.samples.filter((each) => time - each.time <= WINDOW), { pairs, time } ];
	},

	/** draw(figure, `flows` or `bytes`, which pairs, whether the last sample is of now): up to that, the right edge. */
	draw(figure, metric, among, known) {
		const samples = this.samples.map(({ pairs, time }) =>
			({ time, share: paths.total(pairs.filter(among), metric) }));
		const now = samples.at(-1)?.time ?? 0;
		const top = ceiling(Math.max(0, ...samples.map(({ share }) => stacked(share, 'slow'))), metric);

		for (const path of paths.PATHS)
			figure.querySelector(`path.offload-${path}`).setAttribute('d', outline(samples, path, now, top));

		for (const label of figure.querySelectorAll('[data-quarter]'))
			label.textContent = metric === 'bytes' ? paths.bytes(top * label.dataset.quarter / 100)
				: paths.flows(top * label.dataset.quarter / 100);

		figure.setAttribute('aria-label', _('The last %d minutes, now: %s').format(MINUTES,
			known && samples.length ? paths.sentence(samples.at(-1).share, metric) : _('not known')));
	}
});
