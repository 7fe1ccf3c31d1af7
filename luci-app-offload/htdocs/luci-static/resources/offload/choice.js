'use strict';
'require baseclass';
'require dom';

/*
 * A select with a label, whose options are names that the router has now (zones, pairs).
 */

const option = ([ value, word ]) => E('option', { value }, [ word ]);

return baseclass.extend({
	/** A label with its select; `options` are [ value, word ]. */
	make(title, attributes, options) {
		return E('label', {}, [ title, E('select', { 'class': 'cbi-input-select', ...attributes }, options.map(option)) ]);
	},

	/** Offers "all" and these names. The choice stays if it is one of them, else it is "all"; returns whether it changed. */
	offer(select, names) {
		return this.fill(select, [ [ '', _('all') ], ...names.map((name) => [ name, name ]) ]);
	},

	/** Offers these names without "all". The choice stays if it is one of them, else it is `preferred`. */
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
