'use strict';
'require baseclass';
'require dom';
'require poll';
'require uci';
'require validation';

/* Fields, tabs, dialogues, and the way of a change from the browser into the router's files. */

const invalid = 'cbi-input-invalid';

const AbstractElement = baseclass.extend({
	__init__(value, options) {
		this.value = value;
		this.options = options;
	},

	/** The frame of a field: validated and told of when it changes. */
	bind(frame, input) {
		this.node = frame;
		this.input = input;
		dom.bindClassInstance(frame, this);

		for (const event of [ 'change', 'blur', 'keyup' ])
			input.addEventListener(event, () => this.triggerValidation());

		input.addEventListener('change', () => frame.dispatchEvent(new CustomEvent('widget-change', { bubbles: true })));

		return frame;
	},

	getValue() {
		return this.input.value;
	},

	setValue(value) {
		this.input.value = value ?? '';
	},

	complaint(value) {
		const verdict = this.options.validate?.(value);

		return validation.complaint(value, this.options.datatype) || (verdict == null || verdict === true ? '' : verdict);
	},

	triggerValidation() {
		this.error = this.complaint(this.getValue() ?? '');
		this.input.classList.toggle(invalid, !!this.error);
		this.error ? this.input.setAttribute('data-tooltip', this.error) : this.input.removeAttribute('data-tooltip');

		return !this.error;
	},

	isValid() {
		return this.triggerValidation();
	},

	getValidationError() {
		return this.error;
	},

	attributes(style) {
		return { 'id': `widget.${this.options.id}`, 'class': style, 'disabled': this.options.disabled ? '' : null };
	}
});

const Textfield = AbstractElement.extend({
	render() {
		const input = E('input', {
			...this.attributes('cbi-input-text'), 'type': 'text', 'value': this.value, 'placeholder': this.options.placeholder
		});

		return this.bind(E('div', { 'id': this.options.id }, [ input ]), input);
	}
});

const Checkbox = AbstractElement.extend({
	render() {
		const { value_enabled: enabled } = this.options;
		const input = E('input', { ...this.attributes('cbi-input-checkbox'), 'type': 'checkbox', 'checked': this.value === enabled ? '' : null });

		return this.bind(E('div', { 'id': this.options.id, 'class': 'cbi-checkbox' }, [ input ]), input);
	},

	isChecked() {
		return this.input.checked;
	},

	getValue() {
		return this.isChecked() ? this.options.value_enabled : this.options.value_disabled;
	}
});

const Select = AbstractElement.extend({
	__init__(value, choices, options) {
		this.super('__init__', [ value, options ]);
		this.choices = choices;
	},

	/** As in the real one, a choice '' is there whatever the list says, and the first one. */
	render() {
		const value = this.value ?? '';
		const keys = [ ...'' in this.choices ? [ '' ] : [], ...this.options.sort.filter((key) => key !== '') ];
		const select = E('select', this.attributes('cbi-input-select'), keys.map((key) =>
			E('option', { 'value': key, 'selected': key === value ? '' : null }, [ this.choices[key] ])));

		return this.bind(E('div', { 'id': this.options.id }, [ select ]), select);
	}
});

/** Values one below the other, and a field that adds another. */
const DynamicList = AbstractElement.extend({
	render() {
		const input = E('input', { 'type': 'text', 'class': 'cbi-input-text', 'placeholder': this.options.placeholder,
			'id': `widget.${this.options.id}`, 'disabled': this.options.disabled ? '' : null,
			'keydown': (event) => { if (event.key === 'Enter') this.add(); } });
		const button = E('button', { 'class': 'btn cbi-button cbi-button-add', 'aria-label': _('Add'), 'click': () => this.add(),
			'disabled': this.options.disabled ? '' : null }, [ '+' ]);

		this.items = E('div', { 'class': 'items' }, L.toArray(this.value).map((value) => this.item(value)));

		return this.bind(E('div', { 'id': this.options.id, 'class': 'cbi-dynlist' }, [
			this.items, E('div', { 'class': 'add-item control-group' }, [ input, button ])
		]), input);
	},

	item(value) {
		return E('div', { 'class': 'item', 'data-value': value }, [ value, ' ', E('button', {
			'class': 'btn cbi-button', 'aria-label': `${_('Delete')}: ${value}`, 'disabled': this.options.disabled ? '' : null,
			'click': (event) => event.currentTarget.parentNode.remove()
		}, [ '×' ]) ]);
	},

	add() {
		if (!this.input.value || !this.triggerValidation())
			return;

		dom.append(this.items, [ this.item(this.input.value) ]);
		this.input.value = '';
	},

	complaint() {
		const typed = AbstractElement.prototype.complaint.call(this, this.input.value);

		return typed || this.getValue().map((value) => AbstractElement.prototype.complaint.call(this, value)).find(Boolean) || '';
	},

	getValue() {
		const values = [ ...this.items.children ].map((item) => item.dataset.value);

		return this.input.value ? [ ...values, this.input.value ] : values;
	}
});

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

const tabs = {
	initTabGroup(panes) {
		const found = [ ...panes ].filter((pane) => pane.dataset?.tab);

		if (!found.length || found[0].parentNode.querySelector(':scope > .cbi-tabmenu'))
			return;

		const menu = E('ul', { 'class': 'cbi-tabmenu' }, found.map((pane) => E('li', { 'class': 'cbi-tab-disabled', 'data-tab': pane.dataset.tab }, [
			E('a', { 'href': '#', 'click': (event) => { event.preventDefault(); tabs.show(menu, found, pane.dataset.tab); } }, [ pane.dataset.tabTitle ])
		])));

		found[0].parentNode.insertBefore(menu, found[0]);

		const active = sessionStorage.getItem('tab');

		tabs.show(menu, found, found.some((pane) => pane.dataset.tab === active) ? active : found[0].dataset.tab);
	},

	show(menu, panes, name) {
		sessionStorage.setItem('tab', name);

		for (const pane of panes)
			pane.setAttribute('data-tab-active', pane.dataset.tab === name);

		for (const item of menu.children)
			item.className = item.dataset.tab === name ? 'cbi-tab' : 'cbi-tab-disabled';
	}
};

return baseclass.extend({
	AbstractElement, Textfield, Checkbox, Select, DynamicList, changes, tabs, showModal, hideModal,

	instantiateView: (path) => L.require(`view.${path.replaceAll('/', '.')}`),

	addNotification(title, children, ...classes) {
		const node = E('div', { 'class': [ 'alert-message', ...classes ].join(' ') }, [ title ? E('h4', {}, title) : '', ...L.toArray(children) ]);

		document.getElementById('maincontent').prepend(node);

		return node;
	},

	/** What a button does, with the button out of action until it is done. */
	createHandlerFn(self, handler, ...args) {
		const fn = typeof handler === 'string' ? self[handler] : handler;

		return function(event) {
			const target = event.currentTarget;

			target.classList.add('spinning');
			target.disabled = true;
			Promise.resolve(fn.call(self, ...args, event)).finally(() => {
				target.classList.remove('spinning');
				target.disabled = false;
			});
		};
	}
});
