'use strict';
'require baseclass';
'require dom';
'require validation';

/* Fields: what holds a value, and says whether it may be. */

const invalid = 'cbi-input-invalid';

const AbstractElement = baseclass.extend({
	__init__(value, options) {
		this.value = value;
		this.options = options;
	},

	/** The frame of a field: validates it, and calls back when it changes. */
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
		return AbstractElement.prototype.complaint.call(this, this.input.value);
	},

	/** As in the real one, a Save asks neither the typed text nor the values above it. */
	isValid: () => true,

	/** As in the real one, with the typed text, which is left out if it is not valid. */
	getValue() {
		const values = [ ...this.items.children ].map((item) => item.dataset.value);
		const typed = this.input.value;

		return /\S/.test(typed) && !this.input.classList.contains(invalid) && !values.includes(typed) ? [ ...values, typed ] : values;
	}
});

return baseclass.extend({ AbstractElement, Textfield, Checkbox, Select, DynamicList });
