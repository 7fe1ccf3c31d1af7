'use strict';
'require baseclass';
'require offload.bus as bus';
'require offload.words as words';

/*
 * Why one connection is on its path: the conditions in the order in which packets meet them, whether each holds, and why not.
 */

const STEPS = {
	protocol: () => _('Protocol'),
	source: () => _('Source'),
	destination: () => _('Destination'),
	forwarded: () => _('Forwarded'),
	pair: () => _('Pair of zones'),
	family: () => _('Address family'),
	exempt: () => _('No exempt'),
	devices: () => _('Devices'),
	established: () => _('Established'),
	helper: () => _('No helper'),
	unchanged: () => _('Sequence numbers unchanged'),
	reply: () => _('Answered'),
	packets: () => _('Enough packets'),
	route: () => _('Route'),
	neighbour: () => _('Neighbour'),
	mtu: () => _('MTU'),
	sending: () => _('Its sender has sent again'),
	path: () => _('Fast path'),
	hardware: () => _('In hardware')
};

const HOLDS = {
	yes: () => [ '✓', _('yes') ],
	no: () => [ '✗', _('no') ],
	unasked: () => [ '–', _('not asked') ]
};

function step({ name, holds, reasons }) {
	const [ sign, meaning ] = (HOLDS[holds] ?? HOLDS.unasked)();

	return E('li', { 'class': `offload-step offload-step-${holds}` }, [
		E('span', { 'class': 'offload-sign', 'role': 'img', 'aria-label': meaning }, [ sign ]), ` ${STEPS[name]?.() ?? name}`,
		holds === 'no' ? words.reasons(reasons) : ''
	]);
}

/** The steps of a reply; a connection that has ended meanwhile has those that it would pass now. */
function explained({ explanations: [ found ] }) {
	return [
		found.hypothetical ? E('em', {}, [ _('The connection has ended. This is how far it would get:') ]) : '',
		E('ol', { 'class': 'offload-steps' }, found.steps.map(step))
	];
}

return baseclass.extend({
	/** place(flow): an element that fills when the service has answered, or could not. */
	place(flow) {
		const place = E('div', { 'aria-live': 'polite' }, [ E('em', {}, [ _('Waiting for an answer') ]) ]);

		bus.explain({ flow: words.identity(flow) }).then(
			(reply) => place.replaceChildren(...explained(reply)),
			(error) => place.replaceChildren(E('em', {}, [ bus.sentence(error) ])));

		return place;
	}
});
