'use strict';
'require baseclass';
'require form';
'require dom';

/*
 * A table whose rows are not sections of a file but things that there are (zones, pairs); their section is made when
 * something is chosen for them. A row's id has a dot, so no section of UCI can have it.
 */

return baseclass.extend({
	/**
	 * table(kind, list, base): a subclass of a form section with one row for each of `list()`, which are objects with
	 * a `key`. `rowOf(id)` finds the object again.
	 */
	table(kind, list) {
		const ids = new Map();

		return form.TableSection.extend({
			__init__(...args) {
				this.super('__init__', args);
				this.anonymous = true;
				this.nodescriptions = true;
			},

			cfgsections() {
				this.rows = {};

				for (const row of list()) {
					if (!ids.has(row.key))
						ids.set(row.key, `${kind}.${ids.size}`);

					this.rows[ids.get(row.key)] = row;
				}

				return Object.keys(this.rows);
			},

			rowOf(id) {
				return this.rows[id];
			}
		});
	},

	/**
	 * live(section, title, draw): a column that shows what `draw(row)` makes, and again whenever the returned
	 * function is called.
	 */
	live(section, name, title, draw) {
		const option = section.option(form.DummyValue, name, title);
		const cells = new Map();

		option.load = () => null;
		option.renderWidget = (id) => {
			cells.set(id, E('div', { 'class': 'offload-live' }));
			dom.content(cells.get(id), draw(section.rowOf(id), id));

			return cells.get(id);
		};

		return () => {
			for (const [ id, cell ] of cells)
				if (cell.isConnected && section.rowOf(id))
					renew(cell, draw(section.rowOf(id), id));
		};
	}
});

/** Leaves alone what would look the same, so that a selection or a focus in it stays. */
function renew(cell, nodes) {
	const fresh = E('div', {}, L.toArray(nodes));

	if (fresh.innerHTML !== cell.innerHTML)
		dom.content(cell, nodes);
}
