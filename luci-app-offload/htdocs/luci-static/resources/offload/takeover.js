'use strict';
'require baseclass';
'require ui';
'require uci';

/*
 * Turns fw4's own switch into our mode for all zones, as `offload takeover` does, but through LuCI's Save & Apply: the
 * browser must confirm it, and the firewall is reloaded by what watches its configuration.
 */

const on = (value) => [ '1', 'on', 'true', 'yes', 'enabled' ].includes(value);

function switched() {
	return uci.sections('firewall', 'defaults').filter((section) => on(section.flow_offloading));
}

function globalsSection() {
	const found = uci.sections('offload', 'globals')[0];

	return found ? found['.name'] : uci.add('offload', 'globals', 'globals');
}

function stage(sections) {
	const mode = sections.some((section) => on(section.flow_offloading_hw)) ? 'hardware' : 'software';
	const globals = globalsSection();

	uci.set('offload', globals, 'mode', mode);
	uci.set('offload', globals, 'taken', mode);
	if (uci.get('offload', globals, 'enabled') != null)
		uci.set('offload', globals, 'enabled', '1');

	for (const section of sections)
		for (const option of [ 'flow_offloading', 'flow_offloading_hw' ])
			if (section[option] != null)
				uci.set('firewall', section['.name'], option, '0');
}

return baseclass.extend({
	/** Stages the change, and applies it at once. Nothing to do where fw4's switch is off. */
	async run() {
		await Promise.all([ uci.load('firewall'), uci.load('offload') ]);

		const sections = switched();

		if (!sections.length)
			return;

		stage(sections);
		await uci.save();
		await ui.changes.init();
		ui.changes.apply(true);
	}
});
