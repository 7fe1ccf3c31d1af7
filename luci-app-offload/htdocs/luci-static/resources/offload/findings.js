'use strict';
'require baseclass';
'require dom';
'require offload.sentences as sentences';

/*
 * Problems of the configuration, with their place: file, line, section and option.
 */

return baseclass.extend({
	/** A place for the list, read out when it changes. */
	place() {
		return E('div', { 'class': 'offload-findings', 'role': 'status', 'aria-live': 'polite' });
	},

	/** show(place, problems): what was there is replaced. `FW4_OFFLOADS` has a notice of its own. */
	show(node, problems) {
		const found = (problems ?? []).filter((problem) => problem.code !== 'FW4_OFFLOADS');
		const items = found.map((problem) => E('li', {}, [ E('code', {}, [ String(problem.place) ]), ' ', sentences.problem(problem) ]));
		const shown = items.map((item) => item.textContent).join('\n');

		if (node.dataset.shown === shown)
			return;

		node.dataset.shown = shown;
		dom.content(node, items.length ? E('div', { 'class': 'alert-message warning offload-notice' }, [
			E('h4', {}, [ _('Findings') ]),
			E('ul', {}, items)
		]) : null);
	}
});
