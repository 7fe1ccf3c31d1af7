'use strict';
'require baseclass';
'require rpc';
'require offload.sentences as sentences';

/*
 * The methods of the ubus object `luci.offload` (docs/reference.md#ubus), one function each. A promise resolves to the
 * reply, and rejects with an Error that has a `kind`:
 *
 *   refused   the service refused; the message is its sentence
 *   starting  the service has not read the router yet
 *   stopped   the service does not run
 *   denied    this login may not call the method
 *   away      no answer at all: ubusd, the web server or the network is down
 */

const object = 'luci.offload';
const declare = (method, ...params) => rpc.declare({ object, method, params, reject: true });

// rpcd and uhttpd answer with JSON-RPC errors, ubus with codes of its own; LuCI puts either into a sentence.
const KINDS = [
	[ /\berror -32000\b/, 'stopped' ],
	[ /\berror -32002\b/, 'denied' ],
	[ /\bubus code [34]\b/, 'stopped' ],
	[ /\bubus code 6\b/, 'denied' ]
];

function failure(kind, message) {
	return Object.assign(new Error(message), { name: 'OffloadError', kind });
}

const anybody = rpc.declare({ object: 'session', method: 'access', params: [ 'scope', 'object', 'function' ], reject: true });

/** The kind of an error by its message. An object that is not found means `stopped`, or `away` if rpcd's is missing too. */
async function kindOf(message) {
	const kind = KINDS.find(([pattern]) => pattern.test(message))?.[1] ?? 'away';

	return kind === 'stopped' ? anybody('uci', 'offload', 'read').then(() => kind, () => 'away') : kind;
}

function heard(reply) {
	if (!L.isObject(reply))
		throw failure('away', 'an empty reply');

	if (reply.ok === false && reply.error)
		throw failure(reply.starting ? 'starting' : 'refused', String(reply.error));

	return reply;
}

function asked(call) {
	return (...args) => call(...args)
		.catch(async (error) => { throw failure(await kindOf(String(error.message)), String(error.message)); })
		.then(heard);
}

return baseclass.extend({
	/** An error of a function below, as a sentence for a dialogue. */
	sentence(error) {
		const known = { refused: sentences.refusal(error.message), denied: _('This login has no rights to do it.') };

		return known[error.kind] ?? _('The service does not answer now. Try again when it does.');
	},

	/** Zones, pairs, devices, problems, and what the last pass did. */
	status: asked(declare('status')),

	/** The bytes of hosts and pairs by path, since the totals began. */
	totals: asked(declare('totals')),

	/** Zones and pairs alone. */
	zones: asked(declare('zones')),

	/** `problems` and `missing`; the reply of a faulty configuration has `ok: false` too, which is no refusal here. */
	check: asked(declare('check')),

	/** Has the service read everything again and bring the kernel in line. */
	reload: asked(declare('reload')),

	/** set(zone, mode): written, committed and applied at once, without LuCI's rollback. */
	set: asked(declare('set', 'zone', 'mode')),

	/** setPair(src, dest, mode): as `set`. */
	setPair: asked(declare('set_pair', 'src', 'dest', 'mode')),

	/** flows({ zone, host, state, sort, limit, offset, all }): a page of the connections. */
	flows: asked(declare('flows', 'query')),

	/** explain({ flow }): why one connection is on its path, step by step; `flow` as for `cut`. */
	explain: asked(declare('explain', 'query')),

	/** preview({ zones: { NAME: mode }, pairs: [ { src, dest, mode } ] }): what these choices would change; nothing is written. */
	preview: asked(declare('preview', 'query')),

	/** flush({ zone, host, state }): puts offloaded flows back on the slow path for a moment. */
	flush: asked(declare('flush', 'query')),

	/** exemptAdd({ options of `config exempt` }, seconds): keeps traffic on the slow path for so long. */
	exemptAdd: asked(declare('exempt_add', 'match', 'timeout')),

	/** exemptDelete(id): ends such an exempt before its time. */
	exemptDelete: asked(declare('exempt_delete', 'id')),

	/** cut({ zone, host, state, flow }): ends connections; flow is { proto, src, sport, dest, dport, ct_zone } of one. */
	cut: asked(declare('cut', 'query')),

	/** Switches fw4's own offload off, and makes it the mode of the zones without one of their own. */
	takeover: asked(declare('takeover')),
	giveback: asked(declare('giveback'))
});
