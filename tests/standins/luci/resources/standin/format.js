/* How LuCI fills values into a sentence: '%d of %s'.format(1, 'two'). A script of its own, there before any module. */

'use strict';

(() => {
	const ESCAPES = { '&': '&#38;', '"': '&#34;', '\'': '&#39;', '<': '&#60;', '>': '&#62;' };
	const UNITS = [ '', 'K', 'M', 'G', 'T', 'P' ];

	function scaled(value, base, digits) {
		let unit = 0;

		for (value = Number(value) || 0; value > base && unit < UNITS.length - 1; unit++)
			value /= base;

		return unit ? `${value.toFixed(digits)} ${UNITS[unit]}${base === 1024 ? 'i' : ''}` : `${value} `;
	}

	function lasting(seconds) {
		const [ days, hours, minutes ] = [ 86400, 3600, 60 ].map((unit) => Math.floor(seconds / unit));

		return `${days ? `${days}d ` : ''}${hours % 24}h ${minutes % 60}m ${seconds % 60}s`;
	}

	const CONVERSIONS = {
		s: (value) => `${value}`,
		d: (value) => `${Math.floor(Number(value) || 0)}`,
		x: (value) => Math.floor(Number(value) || 0).toString(16),
		f: (value, width, digits) => digits == null ? `${Number(value)}` : Number(value).toFixed(digits),
		h: (value) => `${value}`.replace(/[&"'<>]/g, (char) => ESCAPES[char]),
		t: (value) => lasting(Number(value) || 0),
		m: (value, width, digits) => scaled(value, width || 1000, digits ?? 2)
	};

	String.prototype.format = function(...args) {
		return this.replace(/%(?:%|(0?)(\d+)?(?:\.(\d+))?([sdxfhtm]))/g, (all, zero, width, digits, type) => {
			if (!type)
				return '%';

			const text = CONVERSIONS[type](args.shift(), Number(width), digits);

			return type === 'm' || !width ? text : text.padStart(Number(width), zero || ' ');
		});
	};
})();
