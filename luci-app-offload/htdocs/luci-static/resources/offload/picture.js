'use strict';
'require baseclass';
'require offload.paths as paths';
'require offload.svg as svg';

/*
 * A picture of the paths of a pair's packets through the router: a lane for each path, from the devices of the source zone
 * to those of the destination zone. Names of devices go into text nodes only.
 */

const WIDTH = 360;
const BOX = 104; // width of a zone's box; the rest is for the arrows and for what handles the packets
const LETTERS = 16; // as many fit into a box; a longer line is made narrower
const LINE = 14; // height of a line of text
const GAP = 18; // between two lanes
const MOST = 4; // devices of a box that have a line of their own

const HANDLERS = {
	hardware: [ _('Chip'), _('no processor') ],
	software: [ _('Processor'), _('short way') ],
	slow: [ _('Processor'), _('all rules') ]
};

const lists = (device, flowtable) => (device.flowtables ?? []).includes(flowtable);
const has = (device, code) => (device.reasons ?? []).some((reason) => reason.code === code);

/** Whether packets of hosts behind the device are fast in software and never in hardware. */
function softwareOnly(device) {
	return !lists(device, 'hw') && !has(device, 'HARDWARE_BENEATH') && (lists(device, 'sw') || has(device, 'WIRELESS_PORT'));
}

const CHOICES = {
	hardware: [ (device) => lists(device, 'hw') ],
	software: [ softwareOnly, (device) => lists(device, 'sw') ],
	slow: []
};

/** The names of a zone's devices whose packets take a path; of its l3 devices if the reply names none. */
function devices(status, zone, path) {
	const own = (status.devices ?? []).filter((device) => (device.zones ?? []).includes(zone));
	const found = CHOICES[path].map((choice) => own.filter(choice)).find((each) => each.length);

	return (found?.map((device) => device.name) ?? status.zones?.find((each) => each.name === zone)?.devices ?? []).map(String);
}

/** The paths that a pair's flows take now, or can take; the slow one always, for the first packets of each flow. */
function used(pair) {
	const can = { hardware: pair.effective === 'hardware', software: pair.effective === 'software' || paths.shared(pair), slow: true };

	return [ ...paths.PATHS ].reverse().filter((path) => can[path] || pair.flows?.[path] > 0);
}

/** At most MOST lines; the last one counts the rest. */
function lines(names) {
	return names.length <= MOST ? names : [ ...names.slice(0, MOST - 1), _('and %d more').format(names.length - MOST + 1) ];
}

/** A line in a box: counts have long words in some languages, and names of devices that do not print are escaped. */
function text(line, x, y, name) {
	const narrow = line.length > LETTERS ? { 'textLength': BOX - 8, 'lengthAdjust': 'spacingAndGlyphs' } : {};

	return svg.node('text', { x, y, 'text-anchor': 'middle', 'class': name, ...narrow }, [ line ]);
}

function box(words, x, top, height, name) {
	const first = top + height / 2 - LINE * (words.length - 1) / 2 + 4;

	return [
		svg.node('rect', { x, y: top, width: BOX, height, rx: 4, 'class': name }),
		...words.map((word, place) => text(word, x + BOX / 2, first + LINE * place, 'offload-picture-text'))
	];
}

function arrow(from, to, y) {
	return [
		svg.node('line', { x1: from + 2, x2: to - 2, y1: y, y2: y }),
		...[ [ from + 2, 5 ], [ to - 2, -5 ] ].map(([ x, back ]) => svg.node('path', { d: `M${x + back},${y - 4} L${x},${y} L${x + back},${y + 4}` }))
	];
}

function lane(path, { ends, share }, top) {
	const words = [ lines(ends[0]), [ ...HANDLERS[path], share ], lines(ends[1]) ];
	const height = LINE * Math.max(...words.map((each) => each.length)) + 10;
	const places = [ 0, (WIDTH - BOX) / 2, WIDTH - BOX ];
	const middle = top + height / 2;

	return {
		height,
		node: svg.node('g', { 'class': `offload-${path}` }, [
			...words.flatMap((each, place) => box(each, places[place], top, height, place === 1 ? 'offload-picture-handler' : 'offload-picture-end')),
			...arrow(BOX, places[1], middle),
			...arrow(places[1] + BOX, places[2], middle)
		])
	};
}

function sentence(path, { ends, share }) {
	return `${ends[0].join(', ')} ↔ ${ends[1].join(', ')}: ${HANDLERS[path].join(', ')}, ${share}`;
}

return baseclass.extend({
	/** draw(status, pair): the picture of one pair of a status reply. */
	draw(status, pair) {
		const lanes = used(pair).map((path) => ({
			path,
			ends: [ devices(status, pair.src, path), devices(status, pair.dest, path) ],
			share: paths.flows(pair.flows?.[path] ?? 0)
		}));
		let top = 1;
		const drawn = lanes.map((each) => {
			const { node, height } = lane(each.path, each, top);

			top += height + GAP;

			return node;
		});

		return svg.node('svg', {
			'class': 'offload-picture', 'role': 'img', 'viewBox': `-1 0 ${WIDTH + 2} ${top - GAP + 1}`,
			'aria-label': `${pair.src} → ${pair.dest}. ${lanes.map((each) => sentence(each.path, each)).join('. ')}.`
		}, drawn);
	}
});
