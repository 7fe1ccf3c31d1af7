'use strict';
'require baseclass';
'require dom';
'require ui';
'require uci';
'require rpc';

/* Forms over UCI: a Map of sections with options, each of which loads, renders, checks and writes its value. */

const access = rpc.declare({ object: 'session', method: 'access', params: [ 'scope', 'object', 'function' ], expect: { access: false } });
const same = (one, other) => JSON.stringify(one ?? null) === JSON.stringify(other ?? null);
const heading = (tag, text) => text ? E(tag, {}, text) : '';

const AbstractElement = baseclass.extend({
	__init__(title, description) {
		this.title = title ?? '';
		this.description = description ?? '';
		this.children = [];
	},

	append(child) {
		this.children.push(child);

		return child;
	}
});

const CBIMap = AbstractElement.extend({
	__init__(config, ...args) {
		this.super('__init__', args);
		this.config = config;
		this.data = uci;
	},

	section(Class, ...args) {
		return this.append(new Class(this, ...args));
	},

	async load() {
		const [ writable ] = await Promise.all([ access('uci', this.config, 'write'), uci.load(this.config) ]);

		this.readonly = writable ? null : true;
		await Promise.all(this.children.map((child) => child.load()));
	},

	async save(cb, silent) {
		try {
			await Promise.all(this.children.map((child) => child.parse()));
			cb?.();
			await uci.save();
			await this.load();
		}
		catch (error) {
			if (!silent)
				ui.showModal(_('Save error'), [ E('p', {}, [ error.message ]),
					E('button', { 'class': 'btn cbi-button', 'click': ui.hideModal }, [ _('Dismiss') ]) ]);

			throw error;
		}

		ui.changes.init();

		return this.renderContents();
	},

	reset() {
		return this.renderContents();
	},

	async render() {
		await this.load();

		return this.renderContents();
	},

	async renderContents() {
		this.root ??= E('div', { 'id': `cbi-${this.config}`, 'class': 'cbi-map' });
		dom.bindClassInstance(this.root, this);

		const nodes = await Promise.all(this.children.map((child) => child.render()));
		const inside = this.tabbed ? [ E('div', { 'class': 'cbi-map-tabbed' }, nodes) ] : nodes;

		dom.content(this.root, [ heading('h2', this.title),
			this.description ? E('div', { 'class': 'cbi-map-descr' }, this.description) : '', ...inside ]);
		this.checkDepends();

		for (const group of this.root.querySelectorAll('.cbi-map-tabbed'))
			ui.tabs.initTabGroup(group.childNodes);

		return this.root;
	},

	checkDepends() {
		this.children.forEach((child) => child.checkDepends());
	},

	findElement(attribute, value) {
		return this.root?.querySelector(`[${attribute}="${CSS.escape(value)}"]`) ?? null;
	}
});

const AbstractSection = AbstractElement.extend({
	__init__(map, sectiontype, ...args) {
		this.super('__init__', args);
		Object.assign(this, { map, sectiontype, config: map.config });
	},

	option(Class, ...args) {
		return this.append(new Class(this.map, this, ...args));
	},

	getOption(name) {
		return this.children.find((child) => child.option === name) ?? null;
	},

	each(act) {
		return Promise.all(this.cfgsections().flatMap((id) => this.children.map((child) => act(child, id))));
	},

	load() {
		return this.each(async (child, id) => { child.cfgvalue(id, await child.load(id)); });
	},

	parse() {
		return this.each((child, id) => child.parse(id));
	},

	checkDepends() {
		this.each((child, id) => child.checkDepends(id));
	},

	frame(style, children) {
		const tabbed = this.map.tabbed && !this.parentoption;

		return E('div', {
			'id': `cbi-${this.config}-${this.sectiontype}`, 'class': `cbi-section ${style}`,
			'data-tab': tabbed ? this.sectiontype : null, 'data-tab-title': tabbed ? this.title : null
		}, [ heading('h3', this.title), this.description ? E('div', { 'class': 'cbi-section-descr' }, this.description) : '', ...children ]);
	},

	button(style, title, click, always) {
		return E('button', { 'class': `btn cbi-button ${style}`, 'disabled': (this.map.readonly && !always) || null,
			'click': ui.createHandlerFn(this, click) }, [ title ]);
	}
});

const NamedSection = AbstractSection.extend({
	__init__(map, section, ...args) {
		this.super('__init__', [ map, ...args ]);
		this.section = section;
	},

	cfgsections() {
		return [ this.section ];
	},

	/** As the real one: without its section it shows nothing. */
	async render() {
		const nodes = await Promise.all(this.children.map((child) => child.render(0, this.section, false)));
		const found = uci.get(this.config, this.section);

		return this.frame('', found ? [ E('div', { 'class': 'cbi-section-node' }, nodes) ] : []);
	}
});

const TypedSection = AbstractSection.extend({
	cfgsections() {
		return uci.sections(this.config, this.sectiontype).map((section) => section['.name']);
	},

	handleAdd() {
		uci.add(this.config, this.sectiontype);

		return this.map.save(null, true);
	},

	handleRemove(id) {
		uci.remove(this.config, id);

		return this.map.save(null, true);
	}
});

const TableSection = TypedSection.extend({
	shown() {
		return this.children;
	},

	cell(option, id) {
		return option.render(0, id, true);
	},

	actions(id) {
		return this.addremove ? [ this.button('cbi-button-remove', this.delbtntitle ?? _('Delete'), () => this.handleRemove(id)) ] : [];
	},

	async row(id) {
		const cells = await Promise.all(this.shown().map((option) => this.cell(option, id)));
		const actions = this.actions(id);

		return E('tr', { 'class': 'tr cbi-section-table-row', 'data-sid': id }, [
			...cells, actions.length ? E('td', { 'class': 'td cbi-section-actions' }, actions) : ''
		]);
	},

	async render() {
		const rows = await Promise.all(this.cfgsections().map((id) => this.row(id)));
		const heads = this.shown().map((option) => E('th', { 'class': 'th' }, option.title));
		const titles = E('tr', { 'class': 'tr table-titles' }, [ ...heads, this.addremove ? E('th', { 'class': 'th cbi-section-actions' }) : '' ]);
		const none = E('tr', { 'class': 'tr placeholder' }, [ E('td', { 'class': 'td' }, [ E('em', {}, [ _('This section contains no values yet') ]) ]) ]);
		const add = this.addremove ? E('div', { 'class': 'cbi-section-create' },
			[ this.button('cbi-button-add', this.addbtntitle ?? _('Add'), 'handleAdd') ]) : '';

		return this.frame('cbi-tblsection', [ E('table', { 'class': 'table cbi-section-table' }, [ titles, ...rows.length ? rows : [ none ] ]), add ]);
	}
});

/** Rows show text; a dialogue holds the fields. */
const GridSection = TableSection.extend({
	shown() {
		return this.children.filter((option) => !option.modalonly);
	},

	cell(option, id) {
		return E('td', { 'class': 'td cbi-value-field', 'data-title': option.title, 'data-name': option.option }, option.textvalue(id) ?? '');
	},

	actions(id) {
		const edit = this.button('cbi-button-edit', _('Edit'), () => this.renderMoreOptionsModal(id), true);

		return [ edit, ' ', ...this.super('actions', [ id ]) ];
	},

	parse: () => Promise.resolve(),
	checkDepends() {},

	handleAdd() {
		this.added = uci.add(this.config, this.sectiontype);

		return this.renderMoreOptionsModal(this.added);
	},

	async renderMoreOptionsModal(id) {
		const map = new CBIMap(this.config);
		const section = map.section(NamedSection, id, this.sectiontype);

		for (const option of this.children.filter((each) => each.modalonly !== false))
			section.append(Object.assign(Object.create(Object.getPrototypeOf(option)), option, { map, section }));

		const node = await map.render();
		const close = () => {
			if (this.added)
				uci.remove(this.config, this.added);

			delete this.added;
			ui.hideModal();
		};
		const save = async () => {
			await map.save(null, true);
			delete this.added;
			ui.hideModal();
			await this.map.load();
			await this.map.reset();
		};

		ui.showModal(this.modaltitle ?? '', [ node, E('div', { 'class': 'button-row' }, [
			E('button', { 'class': 'btn cbi-button', 'click': close }, [ _('Dismiss') ]), ' ',
			E('button', { 'class': 'btn cbi-button cbi-button-positive important', 'disabled': map.readonly || null,
				'click': ui.createHandlerFn(this, () => save().catch(() => {})) }, [ _('Save') ])
		]) ], 'cbi-modal');
	}
});

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
	Map: CBIMap, AbstractSection, AbstractValue, NamedSection, TypedSection, TableSection, GridSection,
	Value, ListValue, Flag, DynamicList: DynamicListValue, DummyValue, SectionValue
});
