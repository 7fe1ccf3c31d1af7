'use strict';
'require baseclass';
'require rpc';

/* UCI in the browser: packages as the router has them, and over them what was added, changed and deleted here. */

const call = (method, ...params) => rpc.declare({ object: 'uci', method, params, reject: true });
const get = rpc.declare({ object: 'uci', method: 'get', params: [ 'config' ], expect: { values: {} }, reject: true });
const remote = {
	add: call('add', 'config', 'type', 'name', 'values'),
	set: call('set', 'config', 'section', 'values'),
	remove: call('delete', 'config', 'section', 'options'),
	changes: rpc.declare({ object: 'uci', method: 'changes', expect: { changes: {} } })
};
const plain = (section) => Object.fromEntries(Object.entries(section).filter(([ name ]) => !name.startsWith('.')));
const some = (object) => Object.keys(object).length > 0;

return baseclass.extend({
	__init__() {
		this.state = {};
	},

	async load(packages) {
		const missing = L.toArray(packages).filter((name) => !this.state[name]);

		await Promise.all(missing.map(async (name) => {
			const values = await get(name);

			this.state[name] ??= { values, created: {}, changed: {}, deleted: {} };
		}));

		return missing;
	},

	unload(packages) {
		for (const name of L.toArray(packages))
			delete this.state[name];
	},

	/** As the real one's: what was deleted of a section still shows here until it is saved. */
	sections(config, type) {
		const state = this.state[config];

		if (!state)
			return [];

		const kept = Object.values(state.values).filter((section) => state.deleted[section['.name']] !== true)
			.map((section) => ({ ...section, ...state.changed[section['.name']] }));

		return [ ...kept.sort((one, other) => one['.index'] - other['.index']), ...Object.values(state.created) ]
			.filter((section) => !type || section['.type'] === type)
			.map((section) => ({ ...section }));
	},

	get(config, sid, option) {
		const state = this.state[config];
		const gone = state?.deleted[sid];

		if (!state || gone === true)
			return null;

		const section = state.created[sid] ?? (state.values[sid] && { ...state.values[sid], ...state.changed[sid] });

		if (!section)
			return null;

		for (const name of gone ?? [])
			delete section[name];

		return option == null ? section : section[option];
	},

	add(config, type, name) {
		const sid = name || `new${Math.floor(Math.random() * 0xffffff).toString(16).padStart(6, '0')}`;

		this.state[config].created[sid] = { '.type': type, '.name': sid, '.anonymous': !name };

		return sid;
	},

	set(config, sid, option, value) {
		const state = this.state[config];
		const created = state?.created[sid];
		const empty = value == null || value === '';

		if (created)
			empty ? delete created[option] : created[option] = value;
		else if (state?.values[sid] && state.deleted[sid] !== true)
			change(state, sid, option, empty ? null : value);
	},

	unset(config, sid, option) {
		this.set(config, sid, option, null);
	},

	remove(config, sid) {
		const state = this.state[config];

		if (state.created[sid])
			delete state.created[sid];
		else if (state.values[sid])
			state.deleted[sid] = true;
	},

	async save() {
		const names = Object.keys(this.state).filter((name) => [ 'created', 'changed', 'deleted' ]
			.some((kind) => some(this.state[name][kind])));

		for (const name of names)
			await saved(name, this.state[name]);

		this.unload(names);
		await this.load(names);
	},

	changes: () => remote.changes()
});

function change(state, sid, option, value) {
	delete state.changed[sid]?.[option];
	state.deleted[sid]?.delete(option);

	if (value != null)
		(state.changed[sid] ??= {})[option] = value;
	else if (option in state.values[sid])
		(state.deleted[sid] ??= new Set()).add(option);
}

async function saved(config, state) {
	for (const section of Object.values(state.created))
		await remote.add(config, section['.type'], section['.anonymous'] ? undefined : section['.name'], plain(section));

	for (const [ sid, values ] of Object.entries(state.changed))
		if (some(values) && state.deleted[sid] !== true)
			await remote.set(config, sid, values);

	for (const [ sid, options ] of Object.entries(state.deleted))
		if (options === true || options.size)
			await remote.remove(config, sid, options === true ? undefined : [ ...options ]);
}
