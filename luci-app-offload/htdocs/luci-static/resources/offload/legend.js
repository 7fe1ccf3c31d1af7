'use strict';
'require baseclass';
'require offload.paths as paths';

/*
 * What the colours mean.
 */

const MEANS = {
	slow: _('None, or slow: the processor handles every packet, with all rules'),
	software: _('Software: the processor passes packets on by a shorter way'),
	hardware: _('Hardware: a chip passes packets on, the processor sees none')
};

return baseclass.extend({
	/** The three colours with a sentence each. */
	render() {
		return E('ul', { 'class': 'offload-meanings', 'aria-label': _('Colours') }, paths.PATHS.map((path) =>
			E('li', { 'class': `offload-path offload-${path}` }, [ MEANS[path] ])));
	}
});
