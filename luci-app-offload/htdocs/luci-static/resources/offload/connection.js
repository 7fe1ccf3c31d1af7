'use strict';
'require baseclass';
'require ui';
'require offload.bus as bus';
'require offload.choice as choice';
'require offload.explain as explain';
'require offload.hosts as hosts';
'require offload.paths as paths';
'require offload.times as times';
'require offload.words as words';

/*
 * One connection in a dialogue: its ends, its path and why, and what can be done: keep its host slow for a while, end it,
 * or end all of its host's.
 */

function fact(title, ...content) {
	return E('tr', { 'class': 'tr' }, [
		E('td', { 'class': 'td left', 'width': '33%' }, [ title ]), E('td', { 'class': 'td left' }, content)
	]);
}

function end(address, port) {
	const host = hosts.of(address);

	return [ words.end(address, port), host?.name ? E('div', { 'class': 'offload-reason' }, [ host.name ]) : '' ];
}

const zone = (name) => name == null ? '–' : words.zone(name);

/** The match for `exempt_add` of a flow's host: its MAC address where it is known, because it covers IPv6 too. */
function matchOf(flow) {
	const host = hosts.of(flow.src);

	return host ? { src_mac: [ host.mac ] } : { src_ip: [ flow.src ] };
}

return baseclass.extend({
	/** show(flow, changed): `changed()` is called after each change. */
	show(flow, changed) {
		const readonly = L.hasViewPermission() ? null : '';
		const refused = E('div', { 'class': 'offload-refused', 'role': 'alert' });
		const name = hosts.of(flow.src)?.name || flow.src;
		const time = choice.make(_('How long'), { 'name': 'seconds', 'disabled': readonly }, times.CHOICES);

		time.lastElementChild.value = times.USUAL;

		const does = (style, title, call) => E('button', {
			'class': `btn cbi-button ${style}`, 'disabled': readonly,
			'click': ui.createHandlerFn(this, () => call().then(
				() => { ui.hideModal(); return changed(); },
				(error) => refused.replaceChildren(bus.sentence(error))))
		}, [ title ]);

		ui.showModal(_('Connection'), [
			E('table', { 'class': 'table' }, [
				fact(_('Source'), ...end(flow.src, flow.sport)),
				fact(_('Destination'), ...end(flow.dest, flow.dport)),
				fact(_('Zones'), zone(flow.src_zone), ' → ', zone(flow.dest_zone)),
				fact(_('Protocol'), String(flow.proto)),
				fact(_('Path'), paths.badge(flow.state)),
				fact(_('Why'), words.reasons(flow.reasons) || (flow.state === 'slow' ? '–' : _('It is on the fast path.'))),
				fact(_('Step by step'), explain.place(flow))
			]),
			E('div', { 'class': 'offload-filter' }, [
				time,
				does('cbi-button-action', _('Keep %s slow').replace('%s', () => name),
					() => bus.exemptAdd(matchOf(flow), +time.lastElementChild.value))
			]),
			E('p', {}, [ E('em', {}, [
				_('End a connection that is no longer allowed: its next packet must pass the firewall anew. A download through NAT breaks off.')
			]) ]),
			refused,
			E('div', { 'class': 'button-row' }, [
				does('cbi-button-negative', _('End this connection'), () => bus.cut({ flow: words.identity(flow) })),
				does('cbi-button-negative', _('End all of %s').replace('%s', () => name), () => bus.cut({ host: flow.src })),
				E('button', { 'class': 'btn cbi-button', 'click': ui.hideModal }, [ _('Dismiss') ])
			])
		]);
	}
});
