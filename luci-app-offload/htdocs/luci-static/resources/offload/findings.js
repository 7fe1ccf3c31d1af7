'use strict';
'require baseclass';
'require dom';
'require uci';
'require ui';
'require offload.sentences as sentences';

/*
 * The problems of the configuration, in a warning box, each with its section and remedy; the findings of `check`, as plain text.
 */

const PROBLEM = 'problem';

/** Switches an option of `config globals` on; LuCI applies it, with its rollback. */
function mend(option) {
	uci.set('offload', uci.sections('offload', 'globals')[0]['.name'], option, '1');

	return uci.save().then(() => ui.changes.apply(true));
}

function button(option) {
	return E('button', {
		'class': 'btn cbi-button cbi-button-action',
		'disabled': L.hasViewPermission() ? null : '',
		'click': ui.createHandlerFn(null, mend, option)
	}, [ _('Set %s to 1').format(option) ]);
}

function line(...children) {
	return E('li', {}, children);
}

function fault(problem, sentence) {
	return line(E('code', {}, [ String(problem.place) ]), problem.section ? ': ' : ' ', sentence);
}

/** The nodes of a finding: its sentence, what the service did about it, and its remedy. */
function finding(found) {
	const { text, done, remedy, option } = sentences.finding(found);

	return line(text,
		done ? E('div', { 'class': 'offload-remedy' }, [ `✓ ${done}` ]) : '',
		remedy ? E('div', { 'class': 'offload-remedy' }, [ `→ ${remedy}` ]) : '',
		option ? E('p', {}, [ button(option) ]) : '');
}

/** Shows `items` in a node, drawn by `draw`; nothing is changed if they are the same as before. */
function replace(node, items, draw) {
	const shown = items.map((item) => item.textContent).join('\n');

	if (node.dataset.shown === shown)
		return;

	node.dataset.shown = shown;
	dom.content(node, items.length ? draw(items) : null);
}

return baseclass.extend({
	/** An empty element for a list, which screen readers read out when it changes. */
	place(name) {
		return E('div', { 'class': name, 'role': 'status', 'aria-live': 'polite' });
	},

	/** show(place, problems, check): lists problems, but not `FW4_OFFLOADS`, which has a notice. `check`: its reply, if there is one. */
	show(node, problems, check) {
		const own = (problems ?? []).filter((problem) => problem.code !== 'FW4_OFFLOADS');
		const found = (check?.findings ?? []).filter((each) => each.severity === PROBLEM);
		const items = [
			...own.map((problem) => fault(problem, sentences.problem(problem))),
			...(check?.firewall ?? []).map((problem) => fault(problem, sentences.firewall(problem))),
			...found.map(finding)
		];

		replace(node, items, () => E('div', { 'class': 'alert-message warning offload-notice' }, [
			E('h4', {}, [ _('Findings') ]), E('ul', {}, items)
		]));
	},

	/** remark(place, check): lists the notices of `check`. */
	remark(node, check) {
		const items = (check?.findings ?? []).filter((each) => each.severity !== PROBLEM).map(finding);

		replace(node, items, () => E('div', { 'class': 'cbi-section' }, [
			E('h3', {}, [ _('Worth knowing') ]), E('ul', { 'class': 'offload-remarks' }, items)
		]));
	}
});
