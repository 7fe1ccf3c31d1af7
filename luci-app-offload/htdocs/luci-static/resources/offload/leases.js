'use strict';
'require baseclass';
'require ui';
'require offload.bus as bus';
'require offload.choice as choice';
'require offload.match as match';
'require offload.table as table';

/*
 * Exemptions that end by themselves: what there is and how long it has left, and a form that keeps one host on the slow
 * path. They live in the kernel and in no file, so they begin and end at once, without Save & Apply.
 */

const MAC = /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i;
const HOUR = 3600; // seconds
const TIMES = [ HOUR / 6, HOUR, 8 * HOUR, 24 * HOUR, 7 * 24 * HOUR ];
const SIDES = [ [ 'src', _('opened by it') ], [ 'dest', _('leading to it') ] ];

function duration(seconds) {
	const minutes = seconds / 60;
	const hours = minutes / 60;
	const days = hours / 24;

	if (hours < 1)
		return N_(minutes, '%d minute', '%d minutes').format(minutes);

	return days < 1 ? N_(hours, '%d hour', '%d hours').format(hours) : N_(days, '%d day', '%d days').format(days);
}

/** Why `exempt_add` cannot be asked for it; empty where it can. Addresses are judged by the service. */
function unfit(host, side) {
	if (!host)
		return _('An address, a network or a MAC address is missing.');

	return MAC.test(host) && side === 'dest' ? _('A MAC address tells only who opens a connection.') : '';
}

return baseclass.extend({
	/** The list and the form; `changed()` is called after each change, and its promise waited for. */
	render(changed) {
		this.changed = changed;
		this.readonly = L.hasViewPermission() ? null : '';
		this.body = E('tbody');
		this.form = this.renderForm();
		this.form.elements.seconds.value = HOUR;
		this.list([]);

		return E('div', {}, [
			E('table', { 'class': 'table', 'aria-label': _('Kept slow for a while') }, [
				table.titles([ _('Matches'), _('Time left'), _('Remove') ]), this.body
			]),
			this.form
		]);
	},

	renderForm() {
		const host = E('input', {
			'name': 'lease', 'type': 'text', 'class': 'cbi-input-text', 'autocomplete': 'off', 'spellcheck': 'false',
			'placeholder': '192.168.1.50', 'aria-describedby': 'offload-lease-refused', 'disabled': this.readonly
		});
		const select = (title, name, options) => choice.make(title, { name, 'disabled': this.readonly }, options);

		this.refused = E('div', { 'id': 'offload-lease-refused', 'class': 'offload-refused', 'role': 'alert' });

		return E('form', { 'class': 'offload-filter', 'submit': (event) => event.preventDefault() }, [
			E('label', {}, [ _('Address, network or MAC address'), host ]),
			select(_('Connections'), 'side', SIDES),
			select(_('How long'), 'seconds', TIMES.map((seconds) => [ seconds, duration(seconds) ])),
			E('button', {
				'class': 'btn cbi-button cbi-button-add', 'disabled': this.readonly, 'click': ui.createHandlerFn(this, 'add')
			}, [ _('Keep slow') ]),
			this.refused
		]);
	},

	/** show(exempts): those of a status reply. */
	show(exempts) {
		this.list(exempts ?? []);
	},

	list(exempts) {
		table.show(this.body, exempts.length ? exempts.map((each) => this.renderRow(each)) : [
			E('tr', { 'class': 'tr', 'data-key': 'message' }, [
				E('td', { 'class': 'td', 'colspan': 3 }, [ E('em', {}, [ _('Nothing now.') ]) ])
			])
		]);
	},

	renderRow(exempt) {
		const cell = (title, children) => E('td', { 'class': 'td', 'data-title': title }, children);

		return E('tr', { 'class': 'tr', 'data-key': `lease ${exempt.id}` }, [
			cell(_('Matches'), [ match.list(exempt.match ?? {}) ]),
			cell(_('Time left'), [ '%t'.format(exempt.expires) ]),
			E('td', { 'class': 'td' }, [ E('button', {
				'class': 'btn cbi-button cbi-button-remove', 'disabled': this.readonly,
				'click': ui.createHandlerFn(this, 'remove', exempt.id)
			}, [ _('Remove') ]) ])
		]);
	},

	add() {
		const { lease, side, seconds } = this.form.elements;
		const host = lease.value.trim();
		const option = MAC.test(host) ? 'src_mac' : `${side.value}_ip`;
		const sentence = unfit(host, side.value);

		if (sentence)
			return this.refuse(sentence);

		return this.change(() => bus.exemptAdd({ [option]: [ host ] }, +seconds.value).then(() => {
			if (lease.value.trim() === host)  // the next one may have been typed meanwhile
				lease.value = '';
		}));
	},

	remove(id) {
		return this.change(() => bus.exemptDelete(id));
	},

	/** Resolves when the list is as the router has it. That nobody answers is told by the page, when it asks again. */
	change(call) {
		this.refuse('');

		return call().catch((error) => this.refuse(error.kind === 'refused' ? error.message : error.kind === 'denied' ? _('No rights') : ''))
			.then(() => this.changed());
	},

	refuse(sentence) {
		this.form.elements.lease.setAttribute('aria-invalid', sentence ? 'true' : 'false');
		this.refused.replaceChildren(sentence);
	}
});
