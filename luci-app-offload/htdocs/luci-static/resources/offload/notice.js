'use strict';
'require baseclass';
'require dom';
'require fs';
'require ui';
'require offload.paths as paths';
'require offload.takeover as takeover';

/*
 * Notices about what keeps the page or offload from working: the service is stopped or does not answer, the login has no rights,
 * the kernel lacks a feature, fw4 offloads itself, the last pass failed, a list was cut. All of it goes into text nodes only.
 */

const WORDS = {
	stopped: () => [ 'warning', _('The service is not running'),
		_('The state is not known here now. This page asks again by itself.'),
		E('p', {}, [ startButton() ]) ],
	starting: () => [ 'notice', _('The service is starting'), _('It looks at the router for the first time. This page asks again by itself.') ],
	waiting: () => [ 'notice', _('Waiting for an answer'), _('The router did not answer just now. This page asks again by itself.') ],
	denied: () => [ 'warning', _('No rights'),
		_('This login may not ask the service. Log out and in again if the package was installed just now.') ],
	away: () => [ 'danger', _('No answer'),
		_('The router, its web server or ubus does not answer. This page asks again by itself.') ],
	unreadable: () => [ 'danger', _('No configuration'),
		_('/etc/config/offload or /etc/config/firewall cannot be read: a file is missing, it is not valid, or this login has no rights to it.') ],
	refused: (error) => [ 'danger', _('Refused'), error.message ]
};

const LISTS = { zones: _('Zones'), pairs: _('Pairs'), devices: _('Devices'), problems: _('Findings'), exempts: _('Exempt traffic') };

function box(level, title, body, ...more) {
	return E('div', { 'class': `alert-message ${level} offload-notice` }, [
		E('h4', {}, [ title ]),
		E('p', {}, [ body ]),
		...more
	]);
}

function startButton() {
	const start = () => fs.exec('/etc/init.d/offload', [ 'start' ]).catch((error) => ({ code: 1, stderr: error.message }))
		.then(({ code, stderr }) => code && ui.addNotification(_('The service was not started'), E('p', {}, [ String(stderr || code) ]), 'danger'));

	return E('button', {
		'class': 'btn cbi-button cbi-button-action important',
		'disabled': L.hasViewPermission() ? null : '',
		'click': ui.createHandlerFn(null, start)
	}, [ _('Start') ]);
}

function failed(error) {
	return box(...(WORDS[error.kind] ?? WORDS.away)(error));
}

/** The first `FW4_OFFLOADS` of a status reply, as a reason of a zone or as a problem. */
function fw4Offloads(status) {
	const found = [ ...status.problems ?? [], ...(status.zones ?? []).flatMap((zone) => zone.reasons ?? []) ];

	return found.some((each) => each.code === 'FW4_OFFLOADS');
}

function takeoverButton() {
	return E('button', {
		'class': 'btn cbi-button cbi-button-action important',
		'disabled': L.hasViewPermission() ? null : '',
		'click': ui.createHandlerFn(takeover, 'run')
	}, [ _('Take over') ]);
}

function found(status) {
	const missing = status.kernel?.missing ?? [];
	const notices = [];

	if (missing.length)
		notices.push(box('warning', _('This router cannot offload yet'), _('Kernel or nft lack something:'),
			E('ul', {}, missing.map((sentence) => E('li', {}, [ String(sentence) ])))));

	if (fw4Offloads(status))
		notices.push(box('warning', _('The firewall offloads every flow itself'),
			_('While the switch in Network > Firewall is on, the choices per zone have no effect. Taking over switches it off, makes what it did (software or hardware) the mode of other zones (in Advanced), and reloads the firewall. After that you choose for each zone.'),
			E('p', {}, [ takeoverButton() ])));

	if (status.applied?.error)
		notices.push(box('danger', _('The last change was not applied'), String(status.applied.error),
			E('p', {}, [ _('The last good state stands.') ])));

	if (status.left_off)
		notices.push(box('notice', _('Not everything is shown'), _('There is more than one answer of the service can carry. Left out here:'),
			E('ul', {}, Object.entries(status.left_off).map(([ list, count ]) =>
				E('li', {}, [ `${LISTS[list] ?? list}: ${paths.count(count)}` ])))));

	for (const note of status.notes ?? [])
		notices.push(box('notice', _('Note'), String(note)));

	return notices;
}

return baseclass.extend({
	/**
	 * of(answer): the notices for a status reply, or for the Error that a function of `offload.bus` rejected with;
	 * none if there is nothing to say.
	 */
	of(answer) {
		return answer instanceof Error ? [ failed(answer) ] : found(answer ?? {});
	},

	/** The answer to show: instead of a first missing one, which may be a restart, an Error of kind `waiting`, not shown in red. */
	patient(place, answer) {
		const away = answer instanceof Error && answer.kind === 'away';
		const first = away && !place.dataset.away;

		place.dataset.away = away ? 'yes' : '';

		return first ? Object.assign(new Error(), { kind: 'waiting' }) : answer;
	},

	/** A place for notices, read out by screen readers when they change. */
	place() {
		return E('div', { 'class': 'offload-notices', 'role': 'status', 'aria-live': 'polite' });
	},

	/** show(place, answer): shows the notices, in place of those before; nothing is changed if they are the same. */
	show(place, answer) {
		const nodes = this.of(this.patient(place, answer));
		const text = nodes.map((node) => node.textContent).join('\n');

		if (place.dataset.shown === text)
			return;

		place.dataset.shown = text;
		dom.content(place, nodes);
	}
});
