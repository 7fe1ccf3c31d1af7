'use strict';
'require baseclass';
'require dom';
'require ui';
'require uci';
'require standin.map as parts';

/* The options of a section: each loads, renders, checks and writes its value. */

const { AbstractElement } = parts;
const same = (one, other) => JSON.stringify(one ?? null) === JSON.stringify(other ?? null);

const AbstractValue = AbstractElement.extend({
	__init__(map, section, option, ...args) {
		this.super('__init__', args);
		Object.assign(this, { map, section, option, config: map.config, deps: [], data: {}, rmempty: true, default: null });
	},

	cbid(id) {
		return `cbid.${this.config}.${id}.${this.option}`;
	},

	depends(field, value) {
		this.deps.push(typeof field === 'string' ? { [field]: value } : field);
	},

	checkDepends(id) {
		const satisfied = !this.deps.length || this.deps.some((dep) => Object.entries(dep)
			.every(([ name, value ]) => this.section.getOption(name).formvalue(id) === value));

		this.map.findElement('data-field', this.cbid(id))?.classList.toggle('hidden', !satisfied);
	},

	load(id) {
		return uci.get(this.config, id, this.option);
	},

	cfgvalue(id, ...value) {
		if (value.length)
			this.data[id] = value[0];

		return this.data[id];
	},

	element(id) {
		const node = this.map.findElement('id', this.cbid(id));

		return node ? dom.findClassInstance(node) : null;
	},

	formvalue(id) {
		return this.element(id)?.getValue() ?? null;
	},

	isActive(id) {
		const field = this.map.findElement('data-field', this.cbid(id));

		return field != null && !field.classList.contains('hidden');
	},

	validate: () => true,
	isValid(id) {
		return this.element(id)?.isValid() ?? true;
	},

	async parse(id) {
		if (!this.isActive(id))
			return this.remove(id);

		if (!this.isValid(id))
			throw new TypeError(`Option "${this.title}" contains an invalid input value. ${this.element(id).getValidationError()}`);

		const value = this.formvalue(id);

		if (value == null || value === '' || value.length === 0)
			return this.remove(id);

		return same(value, this.cfgvalue(id)) ? null : this.write(id, value);
	},

	write(id, value) {
		uci.set(this.config, id, this.option, value);
	},

	remove(id) {
		uci.unset(this.config, id, this.option);
	}
});

const Value = AbstractValue.extend({
	Widget: ui.Textfield,

	value(key, title) {
		(this.keylist ??= []).push(String(key));
		(this.choices ??= {})[key] = String(title ?? key);
	},

	widgetOptions(id) {
		return { id: this.cbid(id), datatype: this.datatype, placeholder: this.placeholder, sort: this.keylist,
			validate: (value) => this.validate(id, value), disabled: this.readonly ?? this.map.readonly };
	},

	renderWidget(id, index, cfgvalue) {
		return new this.Widget(cfgvalue ?? this.default, this.widgetOptions(id)).render();
	},

	async render(index, id, inTable) {
		const widget = await this.renderWidget(id, index, this.cfgvalue(id));
		const field = { 'data-field': this.cbid(id), 'data-name': this.option };
		const node = inTable
			? E('td', { 'class': 'td cbi-value-field', 'data-title': this.title }, [ E('div', field, [ widget ]) ])
			: E('div', { 'class': 'cbi-value', ...field }, [
				this.title ? E('label', { 'class': 'cbi-value-title', 'for': `widget.${this.cbid(id)}` }, this.title) : '',
				E('div', { 'class': 'cbi-value-field' }, [ widget, this.description ? E('div', { 'class': 'cbi-value-description' }, this.description) : '' ])
			]);

		node.addEventListener('widget-change', () => this.map.checkDepends());

		return node;
	}
});

const ListValue = Value.extend({
	renderWidget(id, index, cfgvalue) {
		return new ui.Select(cfgvalue ?? this.default, this.choices ?? {}, this.widgetOptions(id)).render();
	}
});

const Flag = Value.extend({
	Widget: ui.Checkbox,
	enabled: '1',
	disabled: '0',

	__init__(...args) {
		this.super('__init__', args);
		this.default = this.disabled;
	},

	widgetOptions(id) {
		return { ...this.super('widgetOptions', [ id ]), value_enabled: this.enabled, value_disabled: this.disabled };
	},

	/** The default is not written. */
	async parse(id) {
		const value = this.formvalue(id);

		return value === this.default ? this.remove(id) : this.write(id, value);
	}
});

const DynamicListValue = Value.extend({ Widget: ui.DynamicList });

const DummyValue = Value.extend({
	renderWidget(id, index, cfgvalue) {
		return E('output', { 'id': this.cbid(id) }, [ cfgvalue ?? this.default ?? '' ]);
	},

	parse: () => Promise.resolve(),
	isActive: () => false
});

const SectionValue = Value.extend({
	__init__(map, section, option, Class, ...args) {
		this.super('__init__', [ map, section, option ]);
		this.subsection = new Class(map, ...args);
		this.subsection.parentoption = this;
	},

	load() {
		return this.subsection.load();
	},

	parse() {
		return this.subsection.parse();
	},

	checkDepends() {
		this.subsection.checkDepends();
	},

	renderWidget() {
		return this.subsection.render();
	}
});

return baseclass.extend({
	AbstractValue, Value, ListValue, Flag, DynamicList: DynamicListValue, DummyValue, SectionValue
});
