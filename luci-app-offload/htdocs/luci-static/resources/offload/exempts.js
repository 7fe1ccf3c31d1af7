'use strict';
'require baseclass';
'require form';
'require uci';
'require offload.fields as fields';
'require offload.match as match';
'require offload.words as words';

/*
 * Traffic that stays on the slow path: the sections `config exempt`, each in a dialogue of its own.
 */

const PORTS = [ 'src_port', 'dest_port' ];
const PORTED = [ 'tcp', 'udp', 'tcpudp' ];
const PROTOCOLS = new Map(Object.entries({ tcp: [ 'tcp' ], udp: [ 'udp' ], tcpudp: [ 'tcp', 'udp' ], gre: [ 'gre' ], 6: [ 'tcp' ], 17: [ 'udp' ], 47: [ 'gre' ] }));
const CHOICES = [ ...PORTED, 'gre' ];
const ALL = [ 'all', 'any', '*' ];
const MARK = /^(0x[0-9a-f]{1,8}|\d{1,10})(\/(0x[0-9a-f]{1,8}|\d{1,10}))?$/i;
const HIGHEST_MARK = 0xffffffff;
const CLASSES = [
	...[ 0, 1, 2, 3, 4, 5, 6, 7 ].map((number) => `CS${number}`),
	...[ 1, 2, 3, 4 ].flatMap((level) => [ 1, 2, 3 ].map((drop) => `AF${level}${drop}`)),
	'EF', 'BE', 'DF', 'LE'
];

function column(section, name, heading, draw) {
	const option = section.option(form.DummyValue, name, heading);

	option.modalonly = false;
	option.load = () => null;
	option.textvalue = draw;
}

function zone(section, name) {
	const option = section.option(form.ListValue, name, match.title[name]);

	option.modalonly = true;
	option.value('', _('any'));
	words.chooseZone(option, uci.sections('offload', 'exempt').map((each) => each[name]));
	option.load = (id) => {
		const named = uci.get('offload', id, name);

		return named === '*' ? '' : named;
	};
	fields.keep(option);
	fields.untouched(option);
}

function list(section, name, datatype, placeholder, description) {
	const option = section.option(form.DynamicList, name, match.title[name], description);

	option.modalonly = true;
	option.datatype = datatype;
	option.placeholder = placeholder;
	fields.finished(option);

	return option;
}

/** A list of addresses. LuCI accepts octets with leading zeros; the service refuses them, because some programs read them as octal. */
function addresses(section, name, placeholder, description) {
	const option = list(section, name, 'neg(or(ipaddr("nomask"),cidr))', placeholder, description);

	option.validate = (section_id, value) => !/(^|[! .:])0\d+\.|\.0\d+(\/|$)/.test(value)
		|| _('an address without leading zeros');
}

function ports(section, name) {
	const option = list(section, name, 'neg(portrange)', '8000-8080');

	option.validate = (section_id, value) => !/\d{6}/.test(value) || _('a port or a range of ports (80, 8000-8080)');

	return option;
}

/** The value of the protocol select for a section: one of its choices, or the protocols as the file has them. */
function protocolOf(section) {
	const named = L.toArray(section.proto).join(' ').split(/\s+/).filter((word) => word);
	const known = named.flatMap((word) => ALL.includes(word) ? [ 'all' ] : PROTOCOLS.get(word.toLowerCase()) ?? [ null ]);

	if (known.includes(null))
		return named.join(' ');

	if (!known.length || known.includes('all'))
		return PORTS.some((port) => section[port] != null) ? 'all' : ''; // with ports, all is as wrong as an unknown one

	const choice = [ ...new Set(known) ].sort().join('');

	return CHOICES.includes(choice) ? choice : named.join(' ');
}

function protocol(section) {
	const option = section.option(form.ListValue, 'proto', match.title.proto);

	option.modalonly = true;
	option.value('', _('any'));
	option.value('tcp', 'TCP');
	option.value('udp', 'UDP');
	option.value('tcpudp', _('TCP and UDP'));
	option.value('gre', 'GRE');
	option.load = (id) => protocolOf(uci.get('offload', id) ?? {});
	fields.keep(option);
	fields.untouched(option);
}

function checked(section, name, placeholder, description, right, sentence) {
	const option = section.option(form.Value, name, match.title[name], description);

	option.modalonly = true;
	option.placeholder = placeholder;
	option.validate = (section_id, value) => !value || right(value.replace(/^!\s*/, '')) || sentence;
}

function isMark(value) {
	const [ mark, mask ] = value.split('/').map(Number);

	return MARK.test(value) && Math.max(mark, mask ?? 0) <= HIGHEST_MARK && (mark & ~(mask ?? HIGHEST_MARK)) === 0;
}

function isDscp(value) {
	return CLASSES.includes(value.toUpperCase()) || (/^\d{1,2}$/.test(value) && Number(value) <= 63);
}

return baseclass.extend({
	/** add(map): adds the section. */
	add(map) {
		const section = map.section(form.GridSection, 'exempt', _('Exempt traffic'),
			_('Traffic that stays on the slow path, because something must see all of its packets. All fields of an entry must match; several values of one field are alternatives, and ! in front of a value means all others. To keep a host slow for a while only, use the page Live.'));

		section.anonymous = true;
		section.addremove = true;
		section.nodescriptions = true;
		section.modaltitle = _('Exempt traffic');
		section.addbtntitle = _('Add exemption');

		const enabled = section.option(form.Flag, 'enabled', _('Enable'));

		enabled.default = enabled.enabled;
		enabled.modalonly = true;
		enabled.load = (id) => fields.holds(uci.get('offload', id) ?? {}) ? enabled.enabled : enabled.disabled;
		fields.untouched(enabled);

		const name = section.option(form.Value, 'name', _('Name'));

		name.modalonly = true;

		column(section, '_name', _('Name'), (id) => E('span', {}, [
			uci.get('offload', id, 'name') ?? '-',
			...fields.holds(uci.get('offload', id) ?? {}) ? [] : [ ' ', E('em', {}, [ _('switched off') ]) ]
		]));
		column(section, '_match', _('Matches'), (id) => match.list(uci.get('offload', id) ?? {}));

		zone(section, 'src');
		zone(section, 'dest');
		addresses(section, 'src_ip', '192.168.1.50', _('who opens the connection'));
		addresses(section, 'dest_ip', '203.0.113.0/24', _('who it leads to'));
		list(section, 'src_mac', 'neg(macaddr)', '00:11:22:33:44:55');
		protocol(section);

		// A protocol that is not known hides no ports: a hidden option is removed with the next Save.
		const odd = uci.sections('offload', 'exempt')
			.filter((each) => protocolOf(each) !== 'gre' || PORTS.some((port) => each[port] != null))
			.map(protocolOf).filter((proto) => proto && !PORTED.includes(proto));

		for (const port of PORTS)
			for (const proto of new Set([ ...PORTED, ...odd ]))
				(section.getOption(port) ?? ports(section, port)).depends('proto', proto);

		checked(section, 'mark', '0x10/0xff', _("the packet's mark, optionally with a mask"), isMark,
			_('a number or 0xhex, optionally /mask that has all its bits'));
		checked(section, 'dscp', 'EF', _('a class name (EF, AF11, CS1) or a number'), isDscp,
			_('a class name (EF, AF11, CS1) or a number from 0 to 63'));

		return () => {};
	}
});
