'use strict';
'require baseclass';
'require form';
'require dom';

/*
 * A form table whose rows are zones or pairs of the router, whether the file has a section for them or not; the section is
 * added when something is chosen. A row's id has a dot, so it is never the name of a UCI section.
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
	 * live(section, name, title, draw): adds a column with the nodes that `draw(row)` gives. Returns a function that draws
	 * it again.
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

/** Replaces a cell's nodes, unless they would look the same: so a selection or the focus in it stays. */
function renew(cell, nodes) {
	const fresh = E('div', {}, L.toArray(nodes));

	if (fresh.innerHTML !== cell.innerHTML)
		dom.content(cell, nodes);
}
