'use strict';
'require baseclass';

/*
 * The times for which a timed exempt can be added.
 */

const HOUR = 3600; // seconds
const TIMES = [ HOUR / 6, HOUR, 8 * HOUR, 24 * HOUR, 7 * 24 * HOUR ];

function duration(seconds) {
	const minutes = seconds / 60;
	const hours = minutes / 60;
	const days = hours / 24;

	if (hours < 1)
		return N_(minutes, '%d minute', '%d minutes').format(minutes);

	return days < 1 ? N_(hours, '%d hour', '%d hours').format(hours) : N_(days, '%d day', '%d days').format(days);
}

return baseclass.extend({
	/** [ seconds, words ] of each choice. */
	CHOICES: TIMES.map((seconds) => [ seconds, duration(seconds) ]),
	USUAL: HOUR
});
