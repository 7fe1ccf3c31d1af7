'use strict';
'require baseclass';

/*
 * The conditions of an exempt in words: of a section `config exempt`, or of a timed exempt.
 */

const TITLES = {
	src: _('From zone'), dest: _('To zone'), src_ip: _('Source address'), dest_ip: _('Destination address'),
	src_mac: _('Source MAC address'), proto: _('Protocol'), src_port: _('Source port'), dest_port: _('Destination port'),
	mark: _('Mark'), dscp: _('DSCP')
};

return baseclass.extend({
	/** The title of each option. */
	title: TITLES,

	/** A list such as "From zone: lan", "Source address: 192.168.1.50", without `*`. The values are text from the router. */
	list(match) {
		const parts = Object.keys(TITLES).filter((name) => ![ null, undefined, '*' ].includes(match[name]))
			.map((name) => E('li', {}, [ `${TITLES[name]}: ${[].concat(match[name]).join(', ')}` ]));

		return parts.length ? E('ul', { 'class': 'offload-reasons' }, parts) : E('em', {}, [ _('everything') ]);
	}
});
