'use strict';
'require view';
'require offload.bus as bus';
'require offload.choice as choice';
'require offload.flows as flows';
'require offload.graph as graph';
'require offload.hosts as hosts';
'require offload.leases as leases';
'require offload.notice as notice';
'require offload.paths as paths';
'require offload.picture as picture';
'require offload.pulse as pulse';
'require offload.style';
'require offload.table as table';
'require offload.totals as totals';
'require offload.words as words';

/*
 * Network > Flow Offload > Live: flows and bytes of each pair by path, a graph of the last minutes, and the list of flows with
 * reasons. Every BEAT seconds it makes two calls, once a minute a third for the totals of hosts; none while it is hidden.
 */

const BEAT = 5; // seconds
const TITLES = [ _('Pair'), _('In effect'), _('Flows'), _('Bytes'), _('Ended') ];

const name = (pair) => `${pair.src} → ${pair.dest}`;

/** The name of the pair with the most flows. */
function busiest(pairs) {
	const flows = (pair) => paths.PATHS.reduce((sum, path) => sum + pair.flows[path], 0);

	return pairs.length ? name(pairs.reduce((most, pair) => flows(pair) > flows(most) ? pair : most)) : undefined;
}

/** The flows of a pair that ended since the totals began, and whether it missed some or all. */
function ended(pair, service) {
	if (!pair.ended || !service?.since)
		return '–';

	if (service.complete === false && !pair.ended.flows)
		return _('none counted, some may be missing');

	const all = `${paths.flows(pair.ended.flows)}, ${paths.bytes(pair.ended.bytes)}`;

	return service.complete === false ? _('at least %s').format(all) : all;
}

function pairRow(pair, { service, zones }) {
	const cell = (title, children) => E('td', { 'class': 'td', 'data-title': title }, children);

	return E('tr', { 'class': 'tr', 'data-key': name(pair) }, [
		cell(_('Pair'), [ E('span', { 'class': 'offload-whole' }, [ words.zone(pair.src), ' → ', words.zone(pair.dest) ]) ]),
		cell(_('In effect'), [ words.effective(pair), ...words.faster(pair, zones) ]),
		cell(_('Flows'), [ paths.bar(pair.flows, 'flows') ]),
		cell(_('Bytes'), [ paths.bar(pair.bytes, 'bytes') ]),
		cell(_('Ended'), [ E('span', { 'class': 'offload-whole' }, [ ended(pair, service) ]) ])
	]);
}

function section(title, ...children) {
	return E('div', { 'class': 'cbi-section' }, [ E('h3', {}, [ title ]), ...children ]);
}

return view.extend({
	handleSaveApply: null,
	handleSave: null,
	handleReset: null,

	render() {
		const page = E('div', { 'class': 'cbi-map' }, [
			E('h2', {}, [ _('Flow Offload') ]),
			this.renderNotices(),
			this.renderPairs(),
			this.renderPicture(),
			this.renderGraph(),
			this.renderLeases(),
			section(_('Flows'), flows.render()),
			section(_('Totals of hosts'), totals.render())
		]);

		pulse.every(BEAT, () => this.ask());

		return page;
	},

	renderNotices() {
		this.notices = notice.place();

		return this.notices;
	},

	renderPairs() {
		this.pairs = E('tbody');
		this.showPairs([], _('Not known now.'));

		return section(_('Pairs of zones'),
			E('div', { 'class': 'cbi-section-descr' }, [
				_('Flows and bytes that are on each path now. Bytes are those of the flows alive, on their present path: when a flow ends, its bytes leave the sum and count as ended.')
			]),
			E('table', { 'class': 'table', 'aria-label': _('Pairs of zones') }, [
				table.titles(TITLES), this.pairs
			]));
	},

	renderPicture() {
		this.ways = E('div');
		this.drawn = choice.make(_('Between'), { change: () => this.drawPicture() }, []);

		return section(_('The way of the packets'), E('div', { 'class': 'offload-filter' }, [ this.drawn ]), this.ways);
	},

	renderGraph() {
		const change = () => this.draw();

		this.figure = graph.figure();
		this.which = choice.make(_('Pair'), { change }, [ [ '', _('all') ] ]);
		this.metric = choice.make(_('Show'), { change }, [ [ 'flows', _('Flows') ], [ 'bytes', _('Bytes of live flows') ] ]);

		return section(_('The last minutes'),
			E('div', { 'class': 'offload-filter' }, [
				this.which, this.metric, E('span', { 'class': 'offload-legend' }, paths.PATHS.map((path) => paths.badge(path)))
			]),
			E('div', { 'class': 'offload-frame' }, [ this.figure ]));
	},

	renderLeases() {
		return section(_('Kept slow for a while'),
			E('div', { 'class': 'cbi-section-descr' }, [
				_('Connections that stay on the slow path until the time is up, because something must see all of their packets. An entry takes effect at once, without Save & Apply, and so does its removal. It outlives a restart of the service, but not one of the router.')
			]),
			leases.render(() => this.ask()));
	},

	async ask() {
		const [ answer, failure ] = await Promise.all([ bus.status().catch((error) => error), flows.ask(), hosts.load().then(() => totals.ask()) ]);
		const failed = answer instanceof Error;

		notice.show(this.notices, failed ? answer : failure ?? answer);

		if (!failed)
			this.show(answer);
		else if ([ 'stopped', 'away' ].includes(answer.kind))
			this.empty();
	},

	show(status) {
		this.status = status;
		this.showPairs(status.pairs.map((pair) => pairRow(pair, status)), _('Nothing now.'));
		flows.offer(status.zones.map((zone) => zone.name));
		leases.show(status.exempts);
		choice.offer(this.which.lastElementChild, status.pairs.map(name));
		graph.remember(status.pairs, Date.now());
		this.draw();
		choice.offerOnly(this.drawn.lastElementChild, status.pairs.map(name), busiest(status.pairs));
		this.drawPicture();
	},

	/** Shows rows of pairs, or a sentence where there are none. */
	showPairs(rows, sentence) {
		table.show(this.pairs, rows.length ? rows : [ table.message(sentence, TITLES.length) ]);
	},

	/** Clears everything, because the service does not answer and the last figures may be wrong now. */
	empty() {
		this.showPairs([], _('Not known now.'));
		leases.empty();
		flows.empty();
		totals.empty();
		this.status = null;
		this.draw();
		this.drawPicture();
	},

	/** Draws the picture of the chosen pair, unless it is the same as before; none while nothing is known. */
	drawPicture() {
		const pair = this.status?.pairs.find((each) => name(each) === this.drawn.lastElementChild.value);
		const fresh = pair ? [ picture.draw(this.status, pair) ] : [];

		if (fresh.length !== this.ways.children.length || fresh.some((each) => !each.isEqualNode(this.ways.firstChild)))
			this.ways.replaceChildren(...fresh);
	},

	draw() {
		const which = this.which.lastElementChild.value;

		graph.draw(this.figure, this.metric.lastElementChild.value, (pair) => !which || name(pair) === which, Boolean(this.status));
	}
});
