'use strict';
'require baseclass';
'require poll';

/*
 * Polls, but only while the page is visible: in a background tab it costs the router nothing.
 */

const REST = 4; // the pause after an answer is so many times as long as the answer took: a busy router is asked less often
const LONGEST_REST = 15_000; // milliseconds: the longest pause, also after a call without an answer

return baseclass.extend({
	/** gently(ask): a function that calls `ask`; while the page is hidden, or in a pause, it resolves to the last answer. */
	gently(ask) {
		let running = null;
		let last = null;
		let due = 0;

		const question = async () => {
			const start = performance.now();

			last = await ask();
			due = performance.now() + Math.min(REST * (performance.now() - start), LONGEST_REST);
		};

		return async () => {
			if (!document.hidden && performance.now() >= due)
				running ??= question().finally(() => { running = null; });

			await running;

			return last;
		};
	},

	/** every(seconds, ask): `ask` returns a promise; the next one waits for it. Asks at once when the page is shown again. */
	every(seconds, ask) {
		const once = this.gently(ask);

		poll.add(once, seconds);
		document.addEventListener('visibilitychange', () => {
			if (!document.hidden && poll.active())
				once();
		});
	}
});
