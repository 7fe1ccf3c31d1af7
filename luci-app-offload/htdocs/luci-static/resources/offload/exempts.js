'use strict';
'require baseclass';
'require form';
'require uci';
'require offload.match as match';
'require offload.words as words';

/*
 * Traffic that stays on the slow path: the sections `config exempt`, each in a dialogue of its own.
 */

const PORTS = [ 'src_port', 'dest_port' ];
const MARK = /^(0x[0-9a-f]{1,8}|\d{1,10})(\/(0x[0-9a-f]{1,8}|\d{1,10}))?$/i;
const CLASSES = [
	...[ 0, 1, 2, 3, 4, 5, 6, 7 ].map((number) => `CS${number}`),
	...[ 1, 2, 3, 4 ].flatMap((level) => [ 1, 2, 3 ].map((drop) => `AF${level}${drop}`)),
	'EF', 'BE', 'LE'
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
}

function list(section, name, datatype, placeholder, description) {
	const option = section.option(form.DynamicList, name, match.title[name], description);

	option.modalonly = true;
	option.datatype = datatype;
	option.placeholder = placeholder;

	return option;
}

function protocol(section) {
	const option = section.option(form.ListValue, 'proto', match.title.proto);

	option.modalonly = true;
	option.value('', _('any'));
	option.value('tcp', 'TCP');
	option.value('udp', 'UDP');
	option.value('tcpudp', _('TCP and UDP'));
	option.load = (id) => {
		const named = L.toArray(uci.get('offload', id, 'proto')).join(' ').split(' ').sort().join(' ');

		return { 'tcp udp': 'tcpudp', 'all': '' }[named] ?? named;
	};
}

function checked(section, name, placeholder, description, right, sentence) {
	const option = section.option(form.Value, name, match.title[name], description);

	option.modalonly = true;
	option.placeholder = placeholder;
	option.validate = (section_id, value) => !value || right(value) || sentence;
}

function isMark(value) {
	return MARK.test(value) && value.split('/').every((number) => Number(number) <= 0xffffffff);
}

function isDscp(value) {
	return CLASSES.includes(value.toUpperCase()) || (/^\d{1,2}$/.test(value) && Number(value) <= 63);
}

return baseclass.extend({
	/** add(map): adds the section. */
	add(map) {
		const section = map.section(form.GridSection, 'exempt', _('Exempt traffic'),
			_('Traffic that stays on the slow path, because something must see all of its packets. All fields of an entry must match; several values of one field are alternatives. One that ends by itself is added at Live.'));

		section.anonymous = true;
		section.addremove = true;
		section.nodescriptions = true;
		section.modaltitle = _('Exempt traffic');
		section.addbtntitle = _('Add exemption');

		const name = section.option(form.Value, 'name', _('Name'));

		name.modalonly = true;

		column(section, '_name', _('Name'), (id) => E('span', {}, [ uci.get('offload', id, 'name') ?? '-' ]));
		column(section, '_match', _('Matches'), (id) => match.list(uci.get('offload', id) ?? {}));

		zone(section, 'src');
		zone(section, 'dest');
		list(section, 'src_ip', 'or(ipaddr("nomask"),cidr)', '192.168.1.50', _('who opens the connection'));
		list(section, 'dest_ip', 'or(ipaddr("nomask"),cidr)', '203.0.113.0/24', _('who it leads to'));
		list(section, 'src_mac', 'macaddr', '00:11:22:33:44:55');
		protocol(section);

		for (const port of PORTS)
			for (const proto of [ 'tcp', 'udp', 'tcpudp' ])
				(section.getOption(port) ?? list(section, port, 'portrange', '8000-8080')).depends('proto', proto);

		checked(section, 'mark', '0x10/0xff', _("the packet's mark, optionally with a mask"), isMark,
			_('a number or 0xhex, optionally /mask'));
		checked(section, 'dscp', 'EF', _('a class name (EF, AF11, CS1) or a number'), isDscp,
			_('a class name (EF, AF11, CS1) or a number from 0 to 63'));

		return () => {};
	}
});
