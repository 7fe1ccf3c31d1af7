'use strict';
'require baseclass';
'require offload.bus as bus';
'require offload.hosts as hosts';
'require offload.paths as paths';
'require offload.table as table';
'require offload.words as words';

/*
 * The bytes of hosts by path since the totals began. Names and addresses come from other hosts and go into text
 * nodes only.
 */

const FRESH = 60_000; // milliseconds until the service is asked again
const MOST = 10; // hosts shown at first, those with the most bytes
const NOTHING = '–';
const COLUMNS = [ ...paths.PATHS, 'unseen' ];
const TITLES = [ _('Host'), _('Zone'), _('Flows'), _('Slow'), _('Software'), _('Hardware'), _('Not seen') ];

const sum = (share) => Object.values(share ?? {}).reduce((all, each) => all + each, 0);

function name({ host }) {
	const known = hosts.of(host)?.name;

	return [ words.end(host), ...known ? [ E('div', { 'class': 'offload-reason' }, [ known ]) ] : [] ];
}

function row(key, first, counts) {
	const cells = [
		...first,
		[ paths.count(sum(counts.flows)) ],
		...COLUMNS.map((path) => counts.bytes?.[path] ? [ E('span', { 'class': 'offload-whole' }, [ paths.bytes(counts.bytes[path]) ]) ] : [])
	];

	return E('tr', { 'class': 'tr', 'data-key': key }, cells.map((cell, place) =>
		E('td', { 'class': cell.length ? 'td' : 'td offload-none', 'data-title': TITLES[place] }, cell.length ? cell : [ NOTHING ])));
}

const message = (sentence) => table.message(sentence, TITLES.length);

/** The sum of the hosts that are not shown, and of those (`others`) that the service counts together. */
function rest(rows, others) {
	const every = [ ...rows, others ?? {} ];
	const added = (what, path) => every.reduce((all, each) => all + (each[what]?.[path] ?? 0), 0);
	const of = (what) => Object.fromEntries(COLUMNS.map((path) => [ path, added(what, path) ]));

	return { flows: of('flows'), bytes: of('bytes') };
}

function rowsOf({ hosts: found = [], others }, most) {
	const shown = found.slice(0, most);
	const more = rest(found.slice(most), others);

	return [
		...shown.map((each) => row(each.host, [ name(each), each.zone == null ? [] : [ words.zone(each.zone) ] ], each)),
		...sum(more.flows) ? [ row('others', [ [ _('all others') ], [] ], more) ] : []
	];
}

/** A sentence: when the counting began, and whether connections were missed. */
function since({ since: begin, complete }) {
	const time = new Date(begin).toLocaleString(document.documentElement.lang.replace('_', '-') || 'en');

	return complete === false ? _('Since %s, at least: some connections were missed.').format(time) : _('Since %s.').format(time);
}

return baseclass.extend({
	asked: -Infinity,
	reply: null,

	render() {
		this.body = E('tbody');
		this.begin = E('span');
		this.all = E('button', { 'class': 'btn cbi-button', 'type': 'button', 'click': () => this.show(Infinity) }, [ _('Show all hosts') ]);
		this.empty();

		return E('div', {}, [
			E('div', { 'class': 'cbi-section-descr' }, [
				_('Bytes that the hosts inside have sent and received, those of live and of ended connections. A connection counts for the fastest path on which it was seen; one that ended before that is "not seen".'),
				' ', this.begin
			]),
			E('table', { 'class': 'table offload-totals', 'aria-label': _('Totals of hosts') }, [ table.titles(TITLES), this.body ]),
			this.all
		]);
	},

	/** Asks again if the last answer is older than FRESH. A refusal is shown in the table; the page says if the service is away. */
	async ask() {
		if (performance.now() - this.asked < FRESH)
			return;

		this.asked = performance.now();

		try {
			this.reply = await bus.totals();
			this.show();
		}
		catch (error) {
			this.empty();
			table.show(this.body, [ message(error.kind === 'refused' ? error.message : _('Not known now.')) ]);
		}
	},

	/** The last answer; `most`: how many hosts, from now on. */
	show(most = this.most ?? MOST) {
		const rows = rowsOf(this.reply, most);

		this.most = most;
		this.all.hidden = (this.reply.hosts ?? []).length <= most;
		this.begin.replaceChildren(since(this.reply));
		table.show(this.body, rows.length ? rows : [ message(_('No connection was forwarded.')) ]);
	},

	/** Forgets the last answer, so that the next `ask` asks. */
	empty() {
		this.asked = -Infinity;
		this.all.hidden = true;
		this.begin.replaceChildren();
		table.show(this.body, [ message(_('Not known now.')) ]);
	}
});
