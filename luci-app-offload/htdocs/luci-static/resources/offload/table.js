'use strict';
'require baseclass';

/*
 * A table that is updated in place: only cells with another content are replaced, so that focus, selection and scroll
 * position stay. Rows are identified by their data-key.
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
	/** The row of column titles; on a narrow screen each cell shows its title itself. */
	titles(words) {
		return E('thead', {}, [ E('tr', { 'class': 'tr table-titles' }, words.map((word) =>
			E('th', { 'class': 'th', 'scope': 'col' }, [ word ]))) ]);
	},

	/** A row with a sentence in place of `columns` cells. */
	message(sentence, columns) {
		return E('tr', { 'class': 'tr', 'data-key': 'message' }, [
			E('td', { 'class': 'td', 'colspan': columns }, [ E('em', {}, [ sentence ]) ])
		]);
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
