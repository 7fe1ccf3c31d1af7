'use strict';
'require baseclass';
'require rpc';

/*
 * The host hints of LuCI: names and MAC addresses of IP addresses. They come from DHCP and the network, where anybody can
 * choose them, so they go into text nodes only.
 */

const hints = rpc.declare({ object: 'luci-rpc', method: 'getHostHints', expect: { '': {} } });
const FRESH = 60_000; // milliseconds until hints are read again

return baseclass.extend({
	known: [],
	read: -Infinity,

	/** Reads the hints again if they are older than FRESH; without rights or an answer there are none. */
	load() {
		if (performance.now() - this.read < FRESH)
			return Promise.resolve();

		this.read = performance.now();

		return hints().catch(() => null).then((found) => {
			this.known = Object.entries(L.isObject(found) ? found : {}).map(([ mac, each ]) => ({
				mac,
				name: each.name ? String(each.name) : '',
				addresses: [ ...L.toArray(each.ipaddrs ?? each.ipv4), ...L.toArray(each.ip6addrs ?? each.ipv6) ].map(String)
			}));
		});
	},

	/** The host that has an address, or undefined. */
	of(address) {
		return this.known.find((host) => host.addresses.includes(String(address)));
	},

	/** A host in a line: its name and its first address. */
	title(host) {
		return [ host.name, host.addresses[0] ].filter((word) => word).join(' · ') || host.mac;
	}
});
