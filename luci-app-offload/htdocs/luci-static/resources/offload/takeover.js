'use strict';
'require baseclass';
'require ui';
'require uci';
'require offload.bus as bus';
'require offload.fields as fields';

/*
 * Turns fw4's own switch into our mode for all zones, as `offload takeover` does, but through LuCI's Save & Apply: the
 * browser must confirm it, and the firewall is reloaded by what watches its configuration.
 */

const WRITTEN = [ 'mode', 'taken', 'enabled' ];
const SECOND = 'DUPLICATE_SECTION'; // what is written is written to all of them

const globals = () => uci.sections('offload', 'globals');

/** The first section, if its switch is on: fw4 passes by all others. */
function switched() {
	return uci.sections('firewall', 'defaults').slice(0, 1).filter((section) => fields.on(section.flow_offloading));
}

/** What would keep zones slow once fw4's switch is off: faults of `config globals` that are not mended on the way. */
function hindrances(problems) {
	const ids = globals().flatMap((section, place) => [ section['.name'], `@globals[${place}]` ]);

	return (problems ?? []).filter((problem) =>
		problem.file === 'offload' && ids.includes(problem.section) && problem.code !== SECOND && !WRITTEN.includes(problem.option));
}

function refuse(sentence, problems) {
	ui.showModal(_('Nothing was taken over'), [
		E('p', {}, [ sentence ]),
		E('ul', {}, problems.map((problem) => E('li', {}, [ E('code', {}, [ String(problem.option) ]), ' ', String(problem.text) ]))),
		E('div', { 'class': 'button-row' }, [ E('button', { 'class': 'btn cbi-button', 'click': ui.hideModal }, [ _('Dismiss') ]) ])
	]);
}

function stage(sections) {
	const mode = sections.some((section) => fields.on(section.flow_offloading_hw)) ? 'hardware' : 'software';
	const first = globals()[0]?.['.name'] ?? uci.add('offload', 'globals', 'globals');

	uci.set('offload', first, 'mode', mode);
	uci.set('offload', first, 'taken', mode);

	// Of several sections the slower word counts.
	for (const section of globals())
		for (const [ option, value ] of [ [ 'mode', mode ], [ 'enabled', '1' ] ])
			if (section[option] != null)
				uci.set('offload', section['.name'], option, value);

	for (const section of sections)
		for (const option of [ 'flow_offloading', 'flow_offloading_hw' ])
			if (section[option] != null)
				uci.set('firewall', section['.name'], option, '0');
}

return baseclass.extend({
	/** Stages the change, and applies it at once, or says why not. Nothing to do where fw4's switch is off. */
	async run() {
		const [ status ] = await Promise.all([ bus.status().catch(() => null), uci.load('firewall'), uci.load('offload') ]);
		const sections = switched();
		const found = hindrances(status?.problems);

		if (!sections.length)
			return;

		if (!status)
			return refuse(_('The service does not answer now. Try again when it does.'), []);

		if (found.length)
			return refuse(_('Section globals of /etc/config/offload has a fault, and with it flows would be slow that are fast now. Mend it first:'), found);

		stage(sections);
		await uci.save();
		await ui.changes.init();
		ui.changes.apply(true);
	}
});
