'use strict';
'require baseclass';
'require standin.changes as dialogues';
'require standin.widgets as widgets';

/* Fields, tabs, dialogues, and buttons that are out of action until what they do is done. */

const { AbstractElement, Textfield, Checkbox, Select, DynamicList } = widgets;
const { changes, showModal, hideModal } = dialogues;

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
