'use strict';
'require baseclass';

/*
 * Table rows that outlive a poll: only a cell that says something else is replaced, so that focus, selection and the
 * place on the page stay. A row is known by its data-key.
 */

function distinct(rows) {
	const taken = new Set();

	for (const row of rows) {
		while (taken.has(row.dataset.key))
			row.dataset.key += '+';

		taken.add(row.dataset.key);
	}

	return taken;
}

function freshen(kept, row) {
	[ ...row.children ].forEach((cell, place) => {
		if (!kept.children[place]?.isEqualNode(cell))
			kept.replaceChild(cell, kept.children[place]);
	});

	return kept;
}

return baseclass.extend({
	/** The titles of the columns, which a phone shows beside each value instead. */
	titles(words) {
		return E('thead', {}, [ E('tr', { 'class': 'tr table-titles' }, words.map((word) =>
			E('th', { 'class': 'th', 'scope': 'col' }, [ word ]))) ]);
	},

	/** show(body, rows): all rows must have the same columns. */
	show(body, rows) {
		const wanted = distinct(rows);
		const there = new Map([ ...body.children ].map((row) => [ row.dataset.key, row ]));

		for (const [ key, row ] of there)
			if (!wanted.has(key))
				row.remove();

		rows.forEach((row, place) => {
			const kept = there.get(row.dataset.key);
			const shown = kept ? freshen(kept, row) : row;

			if (body.children[place] !== shown)
				body.insertBefore(shown, body.children[place] ?? null);
		});
	}
});
