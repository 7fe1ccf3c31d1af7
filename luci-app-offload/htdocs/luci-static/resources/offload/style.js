'use strict';
'require baseclass';

/*
 * The page's style sheet, linked once. Colours are the theme's own, so that it is dark where the theme is.
 */

return baseclass.extend({
	__init__() {
		document.head.appendChild(E('link', {
			'rel': 'stylesheet',
			'href': L.resource('offload/offload.css')
		}));
	}
});
