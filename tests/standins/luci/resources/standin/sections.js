'use strict';
'require baseclass';
'require ui';
'require uci';
'require standin.map as parts';

/* The sections of a form: one by its name, all of a type as a table, or as rows of text with a dialogue for their fields. */

const { AbstractElement, CBIMap } = parts;

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
		}, [ this.title ? E('h3', {}, this.title) : '', this.description ? E('div', { 'class': 'cbi-section-descr' }, this.description) : '', ...children ]);
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

return baseclass.extend({ AbstractSection, NamedSection, TypedSection, TableSection, GridSection });
