'use strict';
'require baseclass';
'require dom';

/*
 * A labelled select whose options come and go with what the router has.
 */

const option = ([ value, word ]) => E('option', { value }, [ word ]);

return baseclass.extend({
	/** A label with its select; `options` are [ value, word ]. */
	make(title, attributes, options) {
		return E('label', {}, [ title, E('select', { 'class': 'cbi-input-select', ...attributes }, options.map(option)) ]);
	},

	/** Offer "all" and these names; the choice stays while it exists. Returns whether it had to go. */
	offer(select, names) {
		return this.fill(select, [ [ '', _('all') ], ...names.map((name) => [ name, name ]) ]);
	},

	/** Offer these names and no "all"; the choice stays while it exists, else the preferred one is chosen. */
	offerOnly(select, names, preferred) {
		return this.fill(select, names.map((name) => [ name, name ]), preferred);
	},

	fill(select, choices, preferred) {
		const chosen = select.value;
		const values = choices.map(([ value ]) => value);

		if ([ ...select.options ].map((each) => each.value).join('\n') === values.join('\n'))
			return false;

		dom.content(select, choices.map(option));
		select.value = values.includes(chosen) ? chosen : preferred ?? values[0] ?? '';

		return select.value !== chosen;
	}
});
