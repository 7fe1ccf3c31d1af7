'use strict';
'require baseclass';

/* The colours of zones: two that everybody knows, and for the others one that depends on the name alone. */

function colour(name) {
	if (name === 'lan')
		return [ 144, 240, 144 ];

	if (name === 'wan')
		return [ 240, 144, 144 ];

	let sum = 7;

	for (const char of name ?? '')
		sum = (sum * 31 + char.codePointAt(0)) % 0xffffff;

	return [ 128 + (sum & 0x7f), 128 + ((sum >> 7) & 0x7f), 128 + ((sum >> 14) & 0x7f) ];
}

return baseclass.extend({
	getZoneColorStyle: (name) => `--zone-color-rgb:${colour(name).join(', ')}; background-color:rgb(var(--zone-color-rgb))`
});
