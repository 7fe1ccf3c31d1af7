'use strict';
'require baseclass';
'require dom';
'require ui';
'require uci';
'require rpc';

/* A form over a package of UCI: it loads, renders, checks and saves the sections in it. */

const access = rpc.declare({ object: 'session', method: 'access', params: [ 'scope', 'object', 'function' ], expect: { access: false } });

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

		dom.content(this.root, [ this.title ? E('h2', {}, this.title) : '',
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

return baseclass.extend({ AbstractElement, CBIMap });
