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
		const chosen = select.value;

		if ([ ...select.options ].slice(1).map((each) => each.value).join('\n') === names.join('\n'))
			return false;

		dom.content(select, [ [ '', _('all') ], ...names.map((name) => [ name, name ]) ].map(option));
		select.value = names.includes(chosen) ? chosen : '';

		return select.value !== chosen;
	}
});
