'use strict';
'require baseclass';
'require poll';

/*
 * Asks again and again, but only while somebody can see the answer: a page in a background tab costs the router nothing.
 */

const REST = 4; // times as long as an answer took is waited before the next question: a busy router is asked less often
const LONGEST_REST = 15_000; // milliseconds: one question that was never answered must not silence the page

return baseclass.extend({
	/** gently(ask): a function that asks, or while the page is hidden or a pause is due, resolves to the last answer. */
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
