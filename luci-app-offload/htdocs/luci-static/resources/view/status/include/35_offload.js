'use strict';
'require baseclass';
'require offload.bus as bus';
'require offload.paths as paths';
'require offload.pulse as pulse';

/*
 * A line on Status > Overview; nothing if this login may not call the service.
 */

function line(status) {
	const share = paths.total(status.pairs ?? [], 'flows');
	const fast = share.software + share.hardware;

	return _('%s of %s flows on the fast path (%s software, %s hardware)').format(
		...[ fast, fast + share.slow, share.software, share.hardware ].map((each) => paths.count(each)));
}

/** A pair that is in hardware on some of its devices and in software on the others. */
function shared(pair) {
	return E('div', {}, [ `${pair.src} → ${pair.dest}: ${paths.SHARED} (${paths.fast(pair.flows)})` ]);
}

function words(answer) {
	if (answer instanceof Error)
		return answer.kind === 'stopped' ? _('The service is not running') : _('No answer');

	if (answer.kernel?.missing?.length)
		return _('Kernel or nft lack something');

	return line(answer);
}

return baseclass.extend({
	title: _('Flow offload'),

	// The overview loads this every few seconds, also while it is hidden.
	load: pulse.gently(() => bus.status().catch((error) => error)),

	render(answer) {
		if (answer == null || answer.kind === 'denied')
			return null;

		return E('table', { 'class': 'table' }, [
			E('tr', { 'class': 'tr' }, [
				E('td', { 'class': 'td left' }, [
					E('a', { 'href': L.url('admin/network/offload/live') }, [ words(answer) ]),
					...(answer.pairs ?? []).filter((pair) => paths.shared(pair) && (pair.flows.hardware || pair.flows.software)).map(shared)
				])
			])
		]);
	}
});
