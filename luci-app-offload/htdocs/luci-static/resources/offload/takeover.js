'use strict';
'require baseclass';
'require ui';
'require offload.bus as bus';

/*
 * Replaces fw4's option flow_offloading by offload's mode, as `offload takeover` does: the service writes both files and has
 * the firewall reloaded, so this login needs no right to write /etc/config/firewall.
 */

function refuse(sentence) {
	ui.showModal(_('Nothing was taken over'), [
		E('p', {}, [ sentence ]),
		E('div', { 'class': 'button-row' }, [ E('button', { 'class': 'btn cbi-button', 'click': ui.hideModal }, [ _('Dismiss') ]) ])
	]);
}

return baseclass.extend({
	/** Takes over at once, and then reloads the page, or shows why it failed. */
	run() {
		return bus.takeover().then(
			() => window.location.reload(),
			(error) => refuse(bus.sentence(error)));
	}
});
