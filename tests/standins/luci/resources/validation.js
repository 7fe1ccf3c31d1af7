'use strict';
'require baseclass';

/* Data types of form fields, as expressions: `or(ipaddr("nomask"),cidr)`. */

const V4 = /^\d{1,3}(\.\d{1,3}){3}$/;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;
const isNumber = (value, low, high) => /^\d+$/.test(value) && Number(value) >= low && Number(value) <= high;
const isV4 = (value) => V4.test(value) && value.split('.').every((part) => isNumber(part, 0, 255));
const isV6 = (value) => URL.canParse(`http://[${value}]/`);
const isMasked = (value, bits, isAddress) => {
	const [ address, mask, ...rest ] = value.split('/');

	return !rest.length && mask != null && isNumber(mask, 0, bits) && isAddress(address);
};
const isPort = (value) => isNumber(value, 0, 65535);

const TYPES = {
	neg: (value, type) => holds(value.replace(/^\s*!\s*/, ''), type),
	or: (value, ...types) => types.some((type) => holds(value, type)),
	/** As lax as the real one, which takes 1.5 and 00000020. */
	range: (value, low, high) => /^-?\d+(\.\d+)?$/.test(value) && Number(value) >= Number(low) && Number(value) <= Number(high),
	uinteger: (value) => isNumber(value, 0, Infinity),
	ipaddr: (value, nomask) => isV4(value) || isV6(value) || (!nomask && TYPES.cidr(value)),
	cidr: (value) => isMasked(value, 32, isV4) || isMasked(value, 128, isV6),
	macaddr: (value) => MAC.test(value) && !(Number.parseInt(value.slice(0, 2), 16) & 1),
	port: isPort,
	portrange(value) {
		const ends = value.split('-');

		return ends.length <= 2 && ends.every(isPort) && Number(ends[0]) <= Number(ends.at(-1));
	}
};
const SENTENCES = {
	or: 'One of the following', range: 'a number in the range', macaddr: 'valid MAC address',
	portrange: 'valid port or port range (port1-port2)'
};

/** The words between the outermost brackets, split at commas that are not inside brackets themselves. */
function words(text) {
	let depth = 0;
	const found = [ '' ];

	for (const char of text) {
		depth += (char === '(') - (char === ')');

		if (char === ',' && !depth)
			found.push('');
		else
			found[found.length - 1] += char;
	}

	return found.map((word) => word.trim().replace(/^"(.*)"$/, '$1')).filter((word) => word);
}

function holds(value, type) {
	const [ , name, inside ] = /^(\w+)(?:\((.*)\))?$/.exec(type);

	return TYPES[name](value, ...words(inside ?? ''));
}

return baseclass.extend({
	/** An empty string where the value is right, else what was expected. */
	complaint(value, type) {
		if (!type || value === '' || holds(value, type))
			return '';

		const name = type.replace(/\(.*$/, '');

		return `Expecting: ${SENTENCES[name] ?? name} ${type}`;
	}
});
