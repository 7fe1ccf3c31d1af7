'use strict';
'require baseclass';

/* ubus over JSON-RPC. Calls of one moment travel together, and are answered one after the other. */

const queue = [];
let last = 0;

function send(call) {
	queue.push(call);

	if (queue.length === 1)
		requestAnimationFrame(flush);
}

async function flush() {
	const calls = queue.splice(0);

	try {
		const path = L.url('admin/ubus');
		const body = JSON.stringify(calls.map((call) => call.message));
		const response = await fetch(`${path}?${Date.now()}`, { method: 'POST', body, credentials: 'same-origin' });

		if (!response.ok)
			for (const { options, reject } of calls)
				reject(failure(options, 'failed with HTTP error %d: %s', response.status, response.statusText || '?'));
		else
			(await response.json()).forEach((reply, index) => answered(calls[index], reply));
	}
	catch (error) {
		calls.forEach((call) => call.reject(error));
	}
}

function failure(options, format, ...args) {
	try {
		L.raise('RPCError', `RPC call to %s/%s ${format}`, options.object, options.method, ...args);
	}
	catch (error) {
		return error;
	}
}

const SENTENCES = {
	1: 'Invalid command', 2: 'Invalid argument', 3: 'Method not found', 4: 'Resource not found', 5: 'No data received',
	6: 'Permission denied', 7: 'Request timeout', 8: 'Not supported', 9: 'Unspecified error', 10: 'Connection lost'
};

function answered({ options, resolve, reject }, reply) {
	if (reply.error)
		return reject(failure(options, 'failed with error %d: %s', reply.error.code, reply.error.message));

	const [ code, data ] = reply.result;

	if (code && options.reject)
		return reject(failure(options, 'failed with ubus code %d: %s', code, SENTENCES[code] ?? 'Unknown error code'));

	resolve(expected(reply.result.length > 1 ? data : code, options.expect));
}

function expected(result, expect) {
	if (!expect)
		return result;

	const [ [ key, fallback ] ] = Object.entries(expect);
	const value = key === '' ? result : result?.[key];
	const kind = (each) => Object.prototype.toString.call(each);

	return value == null || kind(value) !== kind(fallback) ? fallback : value;
}

return baseclass.extend({
	declare(options) {
		return (...args) => new Promise((resolve, reject) => {
			const words = Object.fromEntries((options.params ?? []).map((name, index) => [ name, args[index] ]));
			const params = [ L.env.sessionid, options.object, options.method, words ];

			send({ options, resolve, reject, message: { jsonrpc: '2.0', id: ++last, method: 'call', params } });
		});
	}
});
