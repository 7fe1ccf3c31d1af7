'use strict';
'require baseclass';
'require offload.paths as paths';

/*
 * What the colours mean, below the tables that have them.
 */

const MEANS = {
	slow: _('None, or slow: the processor handles every packet, with all rules'),
	software: _('Software: the processor passes packets on by a shorter way'),
	hardware: _('Hardware: a chip passes packets on, the processor sees none')
};
const SHARED = _('Hardware + software: hosts on some ports are in hardware, all others in software');

const BADGES = [
	[ 'ifacebadge ifacebadge-active', _('device'), _('listed in a flowtable: its packets can take a fast path') ],
	[ 'ifacebadge', _('device'), _('not listed: the tab Devices says why') ]
];

function badge([ style, word, meaning ]) {
	return E('li', {}, [ E('span', { 'class': style }, [ word ]), ` ${meaning}` ]);
}

function list(badges) {
	return E('ul', { 'class': 'offload-meanings', 'aria-label': badges.length ? _('Colours and badges') : _('Colours') }, [
		...paths.PATHS.map((path) => E('li', { 'class': `offload-path offload-${path}` }, [ MEANS[path] ])),
		E('li', { 'class': 'offload-path offload-shared' }, [ SHARED ]),
		...badges.map(badge)
	]);
}

function below(section, badges) {
	const render = section.render;

	section.render = (...args) => Promise.resolve(render.apply(section, args)).then((node) => {
		node.append(list(badges));

		return node;
	});
}

return baseclass.extend({
	/** Shows the colours, with a sentence each, below a section of the form. */
	ofModes(section) {
		below(section, []);
	},

	/** Shows the colours and the badges of devices, with a sentence each, below a section of the form. */
	ofModesAndDevices(section) {
		below(section, BADGES);
	}
});
