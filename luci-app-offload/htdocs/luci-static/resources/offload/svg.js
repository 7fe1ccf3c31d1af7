'use strict';
'require baseclass';

/*
 * Nodes of SVG, which LuCI's E() cannot make. Children are nodes or text.
 */

const SVG = 'http://www.w3.org/2000/svg';

return baseclass.extend({
	/** A node with attributes and children. */
	node(tag, attributes, children) {
		const made = document.createElementNS(SVG, tag);

		for (const [ name, value ] of Object.entries(attributes))
			made.setAttribute(name, value);

		made.append(...children ?? []);

		return made;
	}
});
