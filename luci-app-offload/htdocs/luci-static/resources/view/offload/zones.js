'use strict';
'require view';
'require form';
'require uci';
'require offload.bus as bus';
'require offload.notice as notice';
'require offload.findings as findings';
'require offload.preview as preview';
'require offload.pulse as pulse';
'require offload.style';
'require offload.zones as zones';
'require offload.pairs as pairs';
'require offload.exempts as exempts';
'require offload.devices as devices';
'require offload.advanced as advanced';

/*
 * Network > Flow Offload > Zones: the chosen modes, the effective ones, and the reasons for less. The form is LuCI's, over
 * /etc/config/offload; the columns from the service's status are updated by themselves.
 */

const SECONDS = 5;
const asked = () => bus.status().catch((error) => error);
const unreadable = () => Object.assign(new Error(), { kind: 'unreadable' });

return view.extend({
	load() {
		return Promise.all([ asked(), uci.load([ 'firewall', 'offload' ]).catch(unreadable) ]);
	},

	/** Save and Reset leave no unsaved choice in the form, so the preview is drawn again. */
	handleSave(...args) {
		return this.super('handleSave', args).then(() => this.foresee());
	},

	handleReset(...args) {
		return this.super('handleReset', args).then(() => this.foresee());
	},

	render([ answer, loaded ]) {
		let status = answer instanceof Error ? {} : answer;

		const places = [ notice.place(), findings.place('offload-findings') ];
		const below = findings.place('offload-worth');

		if (loaded instanceof Error) {
			notice.show(places[0], loaded);

			return places[0];
		}

		const map = new form.Map('offload', _('Flow Offload'),
			_('Packets of connections that the firewall has accepted can take a fast path through the router: in software, or in hardware where a chip takes them. Choose for each zone; each zone and connection that is not offloaded shows why.'));

		map.tabbed = true;

		const redraw = [ zones, pairs, exempts, devices, advanced ].map((part) => part.add(map, () => status));
		let passes, checked;
		const check = async () => {
			checked = await bus.check().catch(() => null);
			findings.show(places[1], status.problems, checked);
			findings.remark(below, checked);
		};
		const show = (reply) => {
			status = reply instanceof Error ? {} : reply;
			notice.show(places[0], reply);
			findings.show(places[1], status.problems, checked);
			redraw.forEach((draw) => draw());

			// `check` can only find something else after a pass of the service.
			if (passes !== (passes = status.service?.passes))
				check();
		};

		const common = () => uci.sections('offload', 'globals')[0]?.mode ?? 'none';
		const ahead = preview.place();
		const foresee = () => preview.show(ahead, status.pairs ?? [],
			{ zone: map.offloadModes.saved, pair: map.offloadPairs.saved, common: common() },
			{ zone: map.offloadModes.shown, pair: map.offloadPairs.shown, common: common(), zones: map.offloadModes.zones() });

		this.foresee = foresee;
		show(answer);
		pulse.every(SECONDS, () => asked().then(show));

		return map.render().then((node) => E('div', { 'change': foresee }, [ ...places, node, ahead, below ]));
	}
});
