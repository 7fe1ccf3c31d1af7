'use strict';
'require baseclass';
'require dom';
'require poll';
'require uci';

/* Dialogues, and the way of a change from the browser into the router's files. */

function overlay() {
	return document.getElementById('modal_overlay')
		?? document.body.appendChild(E('div', { 'id': 'modal_overlay', 'role': 'dialog', 'aria-modal': 'true', 'aria-labelledby': 'modal_title', 'tabindex': '0' }));
}

function showModal(title, children, ...classes) {
	const dialogue = E('div', { 'class': [ 'modal', ...classes ].join(' ') }, [ E('h4', { 'id': 'modal_title' }, title), ...L.toArray(children) ]);

	dom.content(overlay(), [ dialogue ]);
	document.body.classList.add('modal-overlay-active');

	return dialogue;
}

function hideModal() {
	document.body.classList.remove('modal-overlay-active');
	document.getElementById('modal_overlay')?.remove();
}

const pause = (seconds) => new Promise((resolve) => { setTimeout(resolve, seconds * 1000); });
const post = (path) => fetch(L.url('admin/uci', path), { method: 'POST', credentials: 'same-origin' });

/* Saved changes wait on the router; applying them must be confirmed by this browser, or the old files come back. */
const changes = {
	async init() {
		const found = await uci.changes();

		changes.setIndicator(Object.values(found).reduce((count, each) => count + each.length, 0));
	},

	setIndicator(count) {
		const place = document.getElementById('indicators');

		dom.content(place, count ? [ E('span', { 'data-indicator': 'uci-changes' }, [ `${_('Unsaved Changes')}: ${count}` ]) ] : []);
	},

	async apply(checked) {
		poll.stop();
		showModal('', [ E('p', {}, [ _('Starting configuration apply…') ]) ], 'alert-message', 'notice');

		const started = await post(checked ? 'apply_rollback' : 'apply_unchecked');

		if (checked && started.status === 204)
			return changes.finish(_('There are no changes to apply'));

		await pause(L.env.apply_holdoff);

		for (const deadline = Date.now() + L.env.apply_rollback * 1000; Date.now() < deadline; await pause(1)) {
			const confirmed = await post('confirm').catch(() => ({}));

			if (confirmed.ok)
				return changes.finish(_('Configuration changes applied.'), true);
		}

		showModal('', [ E('p', {}, [ _('Configuration changes have been rolled back!') ]) ], 'alert-message', 'warning');
	},

	async finish(sentence, reload) {
		showModal('', [ E('p', {}, [ sentence ]) ], 'alert-message', 'notice');
		await pause(L.env.apply_display);

		if (reload)
			window.location = window.location.href.split('#')[0];
		else
			hideModal();
	}
};

return baseclass.extend({ showModal, hideModal, changes });
