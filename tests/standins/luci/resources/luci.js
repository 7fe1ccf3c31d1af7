/*
 * Stand-in of LuCI's browser runtime: only what this repository's pages use, with the real one's names and behaviour.
 * Classes, modules, nodes, polling and views; rpc, uci, ui and form are modules beside this file, in parts of standin/.
 */

'use strict';

(() => {
	/* Of an object, for each method, the prototypes whose version of it runs now: where `super` goes on from. */
	const running = new WeakMap();

	function above(object, key) {
		const stacks = running.get(object) ?? running.set(object, {}).get(object);

		return (stacks[key] ??= []);
	}

	class Root {
		/** Like the real one, called in a method put on the object itself, it passes over the object's own class. */
		super(key, args) {
			const stack = above(this, key);
			let proto = Object.getPrototypeOf(stack.at(-1) ?? Object.getPrototypeOf(this));

			while (proto && !Object.hasOwn(proto, key))
				proto = Object.getPrototypeOf(proto);

			if (!proto || args === undefined)
				return proto?.[key] ?? null;

			stack.push(proto);

			try {
				return proto[key].apply(this, args);
			}
			finally {
				stack.pop();
			}
		}
	}

	function extend(Base, properties) {
		const Made = function(...args) {
			if (Object.hasOwn(Object.getPrototypeOf(this), '__init__'))
				this.__init__(...args);
			else
				this.super('__init__', args);
		};

		Made.prototype = Object.assign(Object.create(Base.prototype), { constructor: Made }, properties);
		Made.extend = (more) => extend(Made, more);
		Made.instantiate = (args) => new Made(...args);
		Made.isSubclass = (other) => other?.prototype instanceof Made;

		return Made;
	}

	const baseclass = extend(Root, {});

	/* Nodes. As in LuCI, children in an array become text, and a single string becomes markup. */
	const dom = {
		elem: (node) => node != null && typeof node === 'object' && 'nodeType' in node,

		append(node, children) {
			if (Array.isArray(children))
				for (const child of children)
					node.appendChild(dom.elem(child) ? child : document.createTextNode(`${child}`));
			else if (dom.elem(children))
				node.appendChild(children);
			else if (children != null)
				node.innerHTML = `${children}`;

			return node.lastChild;
		},

		content(node, children) {
			node.replaceChildren();

			return dom.append(node, children);
		},

		attr(node, attributes) {
			for (const [ name, value ] of Object.entries(attributes ?? {}))
				if (typeof value === 'function')
					node.addEventListener(name, value);
				else if (value != null)
					node.setAttribute(name, typeof value === 'object' ? JSON.stringify(value) : value);
		},

		create(what, attributes, children) {
			const plain = attributes instanceof Object && !Array.isArray(attributes) && !dom.elem(attributes);
			const node = Array.isArray(what) ? document.createDocumentFragment()
				: what.startsWith('<') ? document.createRange().createContextualFragment(what).firstChild
					: document.createElement(what);

			if (Array.isArray(what))
				dom.append(node, what);

			if (plain)
				dom.attr(node, attributes);

			dom.append(node, plain ? children : attributes);

			return node;
		},

		parent: (node, selector) => node.closest(selector),
		matches: (node, selector) => dom.elem(node) && node.matches(selector),
		bindClassInstance: (node, instance) => { instances.set(node, instance); },

		findClassInstance(node) {
			while (node && !instances.has(node))
				node = node.parentNode;

			return node ? instances.get(node) : null;
		},

		callClassMethod: (node, method, ...args) => dom.findClassInstance(node)[method](...args)
	};
	const instances = new WeakMap();

	/* One timer ticks for everybody who asks again and again. */
	const poll = {
		queue: [],
		active: () => poll.timer != null,

		add(fn, interval) {
			poll.queue.push({ fn, interval: interval ?? 5, ready: true });

			if (!poll.active() && poll.tick != null)
				poll.start();
		},

		remove(fn) {
			poll.queue = poll.queue.filter((entry) => entry.fn !== fn);
		},

		start() {
			poll.tick = 0;

			if (poll.active() || !poll.queue.length)
				return;

			poll.timer = setInterval(poll.step, 1000);
			poll.step();
		},

		stop() {
			clearInterval(poll.timer);
			delete poll.timer;
		},

		step() {
			for (const entry of poll.queue.filter((each) => each.ready && poll.tick % each.interval === 0)) {
				entry.ready = false;
				Promise.resolve(entry.fn()).finally(() => { entry.ready = true; });
			}

			poll.tick += 1;
		}
	};

	const View = baseclass.extend({
		__init__() {
			const place = document.getElementById('view');

			dom.content(place, [ E('div', { 'class': 'spinning' }, [ _('Loading view…') ]) ]);

			Promise.resolve(this.load())
				.then((data) => this.render(data))
				.then((nodes) => {
					dom.content(place, nodes);
					dom.append(place, [ this.addFooter() ]);
				})
				.catch((error) => {
					dom.content(place, [ E('p', { 'class': 'alert-message danger' }, [ `${error}` ]) ]);
					throw error;
				});
		},

		load: () => null,
		render: () => null,
		maps: () => [ ...document.querySelectorAll('#maincontent .cbi-map') ],

		handleSave() {
			return Promise.all(this.maps().map((map) => dom.callClassMethod(map, 'save')));
		},

		handleSaveApply(ev, mode) {
			return this.handleSave().then(() => modules.ui.changes.apply(mode === '0'));
		},

		handleReset() {
			return Promise.all(this.maps().map((map) => dom.callClassMethod(map, 'reset')));
		},

		addFooter() {
			const maps = this.maps().map((map) => dom.findClassInstance(map)).filter(Boolean);
			const readonly = maps.length ? maps.every((map) => map.readonly) : !L.hasViewPermission();
			const button = (handler, style, title) => this[handler] ? E('button', {
				'class': `btn cbi-button ${style}`,
				'click': modules.ui.createHandlerFn(this, (event) => this[handler](event, '0')),
				'disabled': readonly || null
			}, [ title ]) : '';

			return E('div', { 'class': 'cbi-page-actions' }, [
				button('handleSaveApply', 'cbi-button-apply important', _('Save & Apply')), ' ',
				button('handleSave', 'cbi-button-save', _('Save')), ' ',
				button('handleReset', 'cbi-button-reset', _('Reset'))
			]);
		}
	});

	/* Modules: a file each, whose first strings say what it requires; a class becomes its one instance. */
	const modules = { baseclass, dom, poll, view: View };
	const loading = {};
	const REQUIRE = /^'require ([^\s']+)(?: as ([^\s']+))?';$/gm;

	async function compile(name) {
		const path = L.resource(`${name.replaceAll('.', '/')}.js`);
		const response = await fetch(path);

		if (!response.ok)
			throw new Error(`HTTP error ${response.status} while loading class file "${path}"`);

		const source = await response.text();
		const required = [ ...source.matchAll(REQUIRE) ];
		const values = await Promise.all(required.map(([ , each ]) => L.require(each)));
		const names = required.map(([ , each, alias ]) => alias ?? each.replace(/[^a-zA-Z0-9]+/g, '_'));
		const made = new Function('window', 'document', 'L', ...names, `${source}\n//# sourceURL=${path}`)(
			window, document, L, ...values);

		if (!baseclass.isSubclass(made))
			throw new TypeError(`"${name}" factory yields invalid constructor`);

		return (modules[name] = new made());
	}

	const L = {
		env: {},
		bind: (fn, self, ...args) => fn.bind(self, ...args),
		isObject: (value) => value != null && typeof value === 'object',
		naturalCompare: new Intl.Collator(undefined, { numeric: true }).compare,
		hasViewPermission: () => !L.env.nodespec.readonly,
		require: (name) => modules[name] ? Promise.resolve(modules[name]) : (loading[name] ??= compile(name)),
		resolveDefault: (value, fallback) => Promise.resolve(value).catch(() => fallback),
		resource: (path) => `/luci-static/resources/${path}`,
		url: (...parts) => [ '/cgi-bin/luci', ...parts ].join('/'),

		raise(type, format, ...args) {
			throw Object.assign(new Error(format.format(...args)), { name: type });
		},

		toArray(value) {
			if (value == null)
				return [];

			if (Array.isArray(value))
				return value;

			return typeof value === 'object' ? [ value ] : `${value}`.trim().split(/\s+/).filter((word) => word !== '');
		}
	};

	window.LuCI = function(env) {
		Object.assign(L.env, env);
		document.addEventListener('DOMContentLoaded', () => {
			L.require('ui').then(() => L.require('form')).then(() => {
				modules.ui.changes.init();
				poll.start();
			});
		});
		L.instantiateView = (path) => L.require('ui').then(() => L.require(`view.${path.replaceAll('/', '.')}`));

		return L;
	};
	window.E = dom.create;
	window._ = (text) => text;
	window.N_ = (number, one, many) => number === 1 ? one : many;
})();
