'use strict';
'require baseclass';
'require dom';
'require offload.bus as bus';
'require offload.choice as choice';
'require offload.connection as connection';
'require offload.hosts as hosts';
'require offload.paths as paths';
'require offload.sentences as sentences';
'require offload.table as table';
'require offload.words as words';

/*
 * The table of flows. The service selects, sorts and gives one page at a time, because a router may have 65,536. Names and
 * addresses come from other hosts and go into text nodes only.
 */

const PAGE = 25;
const PAUSE = 400; // milliseconds after the last key until the service is asked
const UNKNOWN = '–';
const ALL = [ '', _('all') ];
const FIRST = { sort: 'bytes', limit: PAGE, offset: 0 };

const COLUMNS = [
	{ sort: 'state', title: _('Path'), cell: path },
	{ sort: 'src', title: _('Source'), cell: (flow) => end(flow.src, flow.sport) },
	{ sort: 'dest', title: _('Destination'), cell: destination },
	{ sort: 'zone', title: _('Zones'), cell: (flow) => [ E('span', { 'class': 'offload-whole' }, [ zone(flow.src_zone), ' → ', zone(flow.dest_zone) ]) ] },
	{ title: _('Protocol'), cell: (flow) => [ String(flow.proto) ] },
	{ sort: 'packets', title: _('Packets'), most: true, cell: (flow) => counted(flow.packets, (number) => paths.count(number)) },
	{ sort: 'bytes', title: _('Bytes'), most: true, cell: (flow) => counted(flow.bytes, (number) => paths.bytes(number)) }
];

function end(address, port) {
	const host = hosts.of(address);

	return [ words.end(address, port), ...host?.name ? [ E('div', { 'class': 'offload-reason' }, [ host.name ]) ] : [] ];
}

function zone(name) {
	return name == null ? UNKNOWN : words.zone(name);
}

function path(flow) {
	return [
		paths.badge(flow.state),
		...(flow.reasons ?? []).map((reason) => E('div', { 'class': 'offload-reason' }, [ sentences.reason(reason) ]))
	];
}

/** The destination of a flow as its source addressed it, and the host that a port forward sends it to. */
function destination(flow) {
	const [ src, sport ] = [ flow.reply?.src ?? flow.dest, flow.reply?.sport ?? flow.dport ];
	const sent = end(flow.dest, flow.dport);

	return src === flow.dest && sport === flow.dport ? sent
		: [ ...sent, E('div', { 'class': 'offload-reason' }, [ '→ ', ...end(src, sport) ]) ];
}

function counted(number, format) {
	return number == null
		? [ E('span', { 'title': _('The kernel does not count: net.netfilter.nf_conntrack_acct is 0') }, [ UNKNOWN ]) ]
		: [ E('span', { 'class': 'offload-whole' }, [ format(number) ]) ];
}

function keyOf(flow) {
	return [ flow.proto, flow.src, flow.sport, flow.dest, flow.dport, flow.reply?.src, flow.reply?.sport ].join(' ');
}

function row(flow, open) {
	const key = keyOf(flow);

	return E('tr', { 'class': 'tr', 'data-key': key }, [
		...COLUMNS.map((column) => E('td', { 'class': 'td', 'data-title': column.title }, column.cell(flow))),
		E('td', { 'class': 'td' }, [
			E('button', { 'class': 'btn cbi-button', 'type': 'button', 'title': _('Why, keep slow, end'), 'click': () => open(key) }, [ _('Details') ])
		])
	]);
}

const message = (sentence) => table.message(sentence, COLUMNS.length + 1);

return baseclass.extend({
	/** The present query, and the last one that was answered: when the service refuses a new one, that is restored. */
	query: FIRST,
	good: FIRST,
	asked: 0,
	shown: [],

	/** The filter, the table and the pages. */
	render() {
		this.body = E('tbody');
		this.range = E('span');
		this.filter = this.renderFilter();
		this.head = E('tr', { 'class': 'tr offload-titles' }, [
			...COLUMNS.map((column) => this.renderTitle(column)), E('th', { 'class': 'th', 'scope': 'col' }, [ _('More') ])
		]);
		this.back = this.renderStep(_('Previous'), -PAGE);
		this.next = this.renderStep(_('Next'), PAGE);
		this.empty();
		this.mark();

		return E('div', {}, [
			this.filter,
			E('table', { 'class': 'table offload-flows', 'aria-label': _('Flows') }, [ E('thead', {}, [ this.head ]), this.body ]),
			E('div', { 'class': 'offload-pages' }, [ this.back, this.range, this.next ])
		]);
	},

	renderFilter() {
		const host = E('input', {
			'name': 'host', 'type': 'text', 'class': 'cbi-input-text', 'autocomplete': 'off', 'spellcheck': 'false',
			'placeholder': '192.168.1.50', 'aria-describedby': 'offload-host-refused'
		});
		let typing = null;

		this.refused = E('div', { 'id': 'offload-host-refused', 'class': 'offload-refused', 'role': 'alert' });

		return E('form', {
			'class': 'offload-filter',
			'input': () => {
				window.clearTimeout(typing);
				typing = window.setTimeout(() => this.select(), PAUSE);
			},
			'submit': (event) => {
				event.preventDefault();
				window.clearTimeout(typing);
				this.select();
			}
		}, [
			E('label', {}, [ _('Address or network'), host ]),
			choice.make(_('Zone'), { name: 'zone' }, [ ALL ]),
			choice.make(_('Path'), { name: 'state' }, [ ALL, ...paths.PATHS.map((each) => [ each, paths.word(each) ]) ]),
			this.refused
		]);
	},

	renderTitle(column) {
		if (!column.sort)
			return E('th', { 'class': 'th', 'scope': 'col' }, [ column.title ]);

		const sort = () => this.ask({ ...this.query, offset: 0, sort: this.query.sort === column.sort ? `-${column.sort}` : column.sort });

		return E('th', { 'class': 'th', 'scope': 'col', 'data-sort': column.sort }, [
			E('button', { 'type': 'button', 'class': 'offload-sort', 'click': sort }, [ column.title ])
		]);
	},

	renderStep(title, step) {
		return E('button', {
			'type': 'button', 'class': 'btn cbi-button',
			'click': () => this.ask({ ...this.query, offset: Math.max(0, this.query.offset + step) })
		}, [ title ]);
	},

	/** The dialogue of a flow, as it was shown last. */
	open(key) {
		const flow = this.shown.find((each) => keyOf(each) === key);

		if (flow)
			connection.show(flow, () => this.ask());
	},

	/** Offers these zones in the filter. */
	offer(names) {
		if (choice.offer(this.filter.elements.zone, names))
			this.select();
	},

	/** Asks for the flows that the filter selects now. */
	select() {
		const { host, zone, state } = this.filter.elements;
		const chosen = { host: host.value.trim(), zone: zone.value, state: state.value };
		const given = Object.fromEntries(Object.entries(chosen).filter(([ , value ]) => value));

		this.refusal('');

		return this.ask({ ...given, sort: this.query.sort, limit: PAGE, offset: 0 });
	},

	/**
	 * Asks for flows, by default with the same query as before, and shows them, unless a later query was made meanwhile.
	 * Resolves to the Error that the page has to show, or null; an error about the filter is shown beside the filter.
	 */
	async ask(query = this.query) {
		const number = ++this.asked;

		this.query = query;

		try {
			const reply = await bus.flows(query);

			return number === this.asked ? await this.show(reply, query) : null;
		}
		catch (error) {
			return number === this.asked ? this.refuse(error, query) : null;
		}
	},

	async show(reply, query) {
		const flows = reply.flows ?? [];

		if (!flows.length && reply.total > 0 && query.offset > 0)
			return this.ask({ ...query, offset: PAGE * Math.floor((reply.total - 1) / PAGE) });

		this.good = query;
		this.shown = flows;
		table.show(this.body, flows.length ? flows.map((flow) => row(flow, (key) => this.open(key))) : [ message(_('No such flows now.')) ]);
		dom.content(this.range, flows.length
			? [ _('%s to %s of %s').format(...[ query.offset + 1, query.offset + flows.length, reply.total ].map((each) => paths.count(each))) ]
			: []);
		this.back.disabled = query.offset === 0;
		this.next.disabled = query.offset + flows.length >= reply.total;
		this.mark();

		return null;
	},

	/** Shows that no flow is known. */
	empty() {
		this.shown = [];
		table.show(this.body, [ message(_('Not known now.')) ]);
		dom.content(this.range, []);
		this.back.disabled = this.next.disabled = true;
	},

	/** Handles the error of a query; the table stays as it is. */
	refuse(error, query) {
		if (error.kind !== 'refused' || query === this.good)
			return error;

		this.query = this.good;
		this.refusal(bus.sentence(error));

		return null;
	},

	refusal(sentence) {
		this.filter.elements.host.setAttribute('aria-invalid', sentence ? 'true' : 'false');
		dom.content(this.refused, [ sentence ]);
	},

	/** Marks the column that the table is sorted by. */
	mark() {
		for (const title of this.head.querySelectorAll('[data-sort]')) {
			const { sort } = title.dataset;
			const reversed = this.good.sort === `-${sort}`;
			const most = COLUMNS.find((column) => column.sort === sort)?.most ?? false;

			if (this.good.sort.replace('-', '') === sort)
				title.setAttribute('aria-sort', most === reversed ? 'ascending' : 'descending');
			else
				title.removeAttribute('aria-sort');
		}
	}
});
