'use strict';
'require baseclass';
'require ui';
'require offload.bus as bus';
'require offload.choice as choice';
'require offload.hosts as hosts';
'require offload.match as match';
'require offload.table as table';
'require offload.times as times';

/*
 * Timed exempts: the list with the remaining time of each, and a form that keeps one host on the slow path for a while.
 * They are in the kernel and not in /etc/config/offload, so they begin and end at once, without Save & Apply.
 */

const MAC = /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i;
const TITLES = [ _('Matches'), _('Time left'), _('Remove') ];
const SIDES = [ [ 'src', _('opened by it') ], [ 'dest', _('leading to it') ] ];

/** Why the host typed into the form cannot be given to `exempt_add`; empty if it can. The service checks addresses. */
function unfit(host, side) {
	if (!host)
		return _('An address, a network or a MAC address is missing.');

	return MAC.test(host) && side === 'dest' ? _('A MAC address tells only who opens a connection.') : '';
}

return baseclass.extend({
	/** The list and the form. `changed()` is called after each change, and its promise is awaited. */
	render(changed) {
		this.changed = changed;
		this.readonly = L.hasViewPermission() ? null : '';
		this.body = E('tbody');
		this.form = this.renderForm();
		this.form.elements.seconds.value = times.USUAL;
		this.empty();

		return E('div', {}, [
			E('table', { 'class': 'table', 'aria-label': _('Kept slow for a while') }, [
				table.titles(TITLES), this.body
			]),
			this.form
		]);
	},

	renderForm() {
		const host = E('input', {
			'name': 'lease', 'type': 'text', 'class': 'cbi-input-text', 'autocomplete': 'off', 'spellcheck': 'false',
			'placeholder': '192.168.1.50', 'aria-describedby': 'offload-lease-refused', 'disabled': this.readonly,
			'list': 'offload-hosts'
		});
		const select = (title, name, options) => choice.make(title, { name, 'disabled': this.readonly }, options);

		this.known = E('datalist', { 'id': 'offload-hosts' });
		this.refused = E('div', { 'id': 'offload-lease-refused', 'class': 'offload-refused', 'role': 'alert' });

		return E('form', { 'class': 'offload-filter', 'submit': (event) => event.preventDefault() }, [
			E('label', {}, [ _('Address, network or MAC address'), host ]),
			this.known,
			select(_('Connections'), 'side', SIDES),
			select(_('How long'), 'seconds', times.CHOICES),
			E('button', {
				'class': 'btn cbi-button cbi-button-add', 'disabled': this.readonly, 'click': ui.createHandlerFn(this, 'add')
			}, [ _('Keep slow') ]),
			this.refused
		]);
	},

	/** Shows that no exempt is known: before the first answer, and while the service is away. */
	empty() {
		table.show(this.body, [ table.message(_('Not known now.'), TITLES.length) ]);
	},

	/** show(exempts): those of a status reply. */
	show(exempts) {
		this.list(exempts ?? []);
		this.offer();
	},

	/** Suggests the known hosts, by MAC address, which covers their IPv6 addresses too. */
	offer() {
		const fresh = hosts.known.map((host) => E('option', { 'value': host.mac }, [ hosts.title(host) ]));

		if (fresh.map((each) => each.outerHTML).join('') !== this.known.innerHTML)
			this.known.replaceChildren(...fresh);
	},

	list(exempts) {
		table.show(this.body, exempts.length ? exempts.map((each) => this.renderRow(each))
			: [ table.message(_('Nothing now.'), TITLES.length) ]);
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

	/** Calls, and resolves when the list shows the result; shows beside the form why not. */
	change(call) {
		this.refuse('');

		return call().catch((error) => this.refuse(bus.sentence(error)))
			.then(() => this.changed());
	},

	refuse(sentence) {
		this.form.elements.lease.setAttribute('aria-invalid', sentence ? 'true' : 'false');
		this.refused.replaceChildren(sentence);
	}
});
