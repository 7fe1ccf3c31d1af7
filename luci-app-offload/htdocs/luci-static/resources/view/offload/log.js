'use strict';
'require view';
'require fs';
'require offload.pulse as pulse';
'require offload.style';

/*
 * Network > Flow Offload > Log: the service's lines in the system log, oldest first.
 */

const BEAT = 5; // seconds
const read = () => fs.exec('/sbin/logread', [ '-e', 'offload' ]).catch((error) => ({ code: 1, stderr: String(error.message) }));

// procd writes a service's stderr to the log with the name of its program: `offload[12]: ...` or `python3[12]: offload: ...`.
const OURS = /\boffload(\[\d+\])?: /;

function text(answer) {
	if (answer.code)
		return _('The log cannot be read: %s').replace('%s', () => String(answer.stderr ?? '').trim() || `logread ${answer.code}`);

	return String(answer.stdout ?? '').split('\n').filter((line) => OURS.test(line)).join('\n') || _('No line of the log speaks of offload.');
}

return view.extend({
	handleSaveApply: null,
	handleSave: null,
	handleReset: null,

	load: read,

	render(answer) {
		const lines = E('pre', { 'class': 'offload-log', 'tabindex': '0', 'aria-label': _('Log') }, [ text(answer) ]);

		pulse.every(BEAT, () => read().then((next) => {
			if (lines.textContent !== text(next))
				lines.replaceChildren(text(next));
		}));

		return E('div', { 'class': 'cbi-map' }, [
			E('h2', {}, [ _('Flow Offload') ]),
			E('div', { 'class': 'cbi-map-descr' }, [ _('What the service did and why: its lines of the system log.') ]),
			lines
		]);
	}
});
