"""Write the LuCI page's table of the service's sentences, sentences.js: `python -m package.sentences`.

The service replies in English, with a code beside each sentence. By the code the page finds the sentence's form (`zone
{name} ...`), takes the words for its blanks from the English text, and fills them into the form's translation.
tests/package/test_sentences.py compares the table with the program.
"""

from pathlib import Path

from offload.compiler.offload.pairs import warnings
from offload.config import firewall
from offload.config.choices import exempts, offload, offload_tables, options
from offload.model.problems.finding import FindingCode
from offload.model.problems.firewall_problem import REMARKS, FirewallFault
from offload.model.problems.problem import ProblemCode
from offload.model.problems.reason import ReasonCode
from offload.model.problems.remedies import REMEDIES
from offload.model.text import similar

FILE = Path(__file__).resolve().parents[1] / "luci-app-offload/htdocs/luci-static/resources/offload/sentences.js"
# Forms of what the service fills into a blank of this name, where that is more than a name or a number.
PARTS = {"hint": similar.FORM, "choices": options.CHOICES, "consequence": exempts.HELD}
# Codes whose remedy is a command that the page has a field or a button for.
ON_THE_PAGE = frozenset(
    {"FW4_OFFLOADS", "MODE_UNSET", "MODE_NONE", "PAIR_MODE_NONE", "LOWER_MODE", "PAIRS_LOWER", "PAIRS_HIGHER"}
)

HEAD = """'use strict';
'require baseclass';

/*
 * Made by `make po` from the program: do not edit. The forms of the sentences in the service's replies, each in English
 * and in the user's language; the service fills in the words in braces.
 */
"""
TAIL = """
const BLANK = /\\{(\\w+)\\}/g;
const literal = (text) => text.replace(/[.*+?^$()|[\\]\\\\{}]/g, '\\\\$&');

/** The words that an English sentence has for the braces of a form, by name; null if it does not have this form. */
function filled(form, text) {
	const names = [ ...form.matchAll(BLANK) ].map((found) => found[1]);
	const pattern = form.split(/\\{\\w+\\}/).map(literal).join('([^]*?)');
	const found = new RegExp(`^${pattern}$`).exec(text);

	return found && Object.fromEntries(names.map((name, place) => [ name, found[place + 1] ]));
}

/** The sentence in the user's language; in English if it has no form here. `forms`: [ English, translated ]. */
function translated(forms, text) {
	const [ form, own ] = forms ?? [ '', '' ];
	const words = form && filled(form, text);

	return words ? own.replace(BLANK, (blank, name) => name in words ? part(name, words[name]) : blank) : text;
}

/** What the service has filled into a blank, in the user's language where it is more than a name or a number. */
function part(name, text) {
	const bare = text.trim(); // a hint begins with a blank

	if (CONSEQUENCES[text] || !bare || !(name in PARTS))
		return CONSEQUENCES[text] ?? text;

	return text.replace(bare, () => translated(PARTS[name], bare));
}

return baseclass.extend({
	/** The text of a Reason why something is not offloaded, { code, text } of a reply. */
	reason: (reason) => translated(REASONS[reason.code], String(reason.text)),

	/** The remedy of a Reason; empty if nothing can be done, or the page itself has the field for it. */
	remedy(reason) {
		const forms = REMEDIES[reason.code];

		return forms && reason.remedy ? translated(forms, String(reason.remedy)) : '';
	},

	/** The text of a problem of /etc/config/offload, or of what offload reads of the firewall's configuration. */
	problem: (problem) => translated(PROBLEMS[problem.code], String(problem.text)),

	/** The text of a problem of /etc/config/firewall that offload-firewall has found, without the section's name. */
	firewall: (problem) => translated(FIREWALL[problem.code], String(problem.text)),

	/** Why the service refused a call; where that is an address that is none, without the argument's name. */
	refusal(text) {
		const [ , sentence ] = /^(?:host|src_ip|dest_ip): ([^]*)$/.exec(text) ?? [];
		const own = filled(PROBLEMS.BAD_ADDRESS[0], `${sentence}; `);

		return own ? translated(PROBLEMS.BAD_ADDRESS, `${sentence}; `).replace(/; $/, '') : text;
	},

	/** A finding of `check` with its texts translated: what conflicts with offload, what was done, the remedy. */
	finding: (finding) => ({
		...finding,
		text: translated(FINDINGS[finding.code], String(finding.text)),
		done: finding.done ? translated(FINDINGS_DONE[finding.code], String(finding.done)) : '',
		remedy: finding.remedy ? translated(FINDINGS_REMEDIES[finding.code], String(finding.remedy)) : ''
	})
});
"""


def table() -> str:
    """The content that sentences.js must have."""
    remedies = {code: text for code, text in REMEDIES.items() if code not in ON_THE_PAGE}
    return HEAD + "".join(
        (
            _forms("REASONS", {code.name: code.value for code in ReasonCode}),
            _forms("REMEDIES", remedies),
            _forms("PROBLEMS", {code.name: code.value for code in ProblemCode}),
            _forms("FIREWALL", {fault.name: fault.value for fault in FirewallFault if fault not in REMARKS}),
            _forms("FINDINGS", {code.name: code.value.text for code in FindingCode}),
            _forms("FINDINGS_DONE", {code.name: code.value.done for code in FindingCode if code.value.done}),
            _forms("FINDINGS_REMEDIES", {code.name: code.value.remedy for code in FindingCode if code.value.remedy}),
            _consequences(),
            _forms("PARTS", PARTS),
            TAIL,
        )
    )


def _forms(name: str, forms: dict[str, str]) -> str:
    lines = ",\n".join(f"\t{code}: [ {_quoted(text)}, _({_quoted(text)}) ]" for code, text in forms.items())
    return f"\nconst {name} = {{\n{lines}\n}};\n"


def _consequences() -> str:
    tables = (offload_tables.GLOBALS, offload_tables.ZONE_CHOICE, offload_tables.PAIR_CHOICE, offload_tables.EXEMPT)
    own = [option.consequence for table_ in tables for option in table_.values()]
    of_exempts = (exempts.OTHERS, exempts.WIDER, exempts.NO_EFFECT, exempts.NOT_NEEDED, *exempts.WITHOUT_HARM.values())
    of_names = (firewall.WITHOUT, *warnings.DEVICE_OPTIONS.values(), offload.NO_EFFECT)
    common = (*firewall.SKIPPED.values(), *offload.CONSEQUENCE.values())
    texts = dict.fromkeys((*common, *of_names, *own, *of_exempts))
    lines = ",\n".join(f"\t{_quoted(text)}: _({_quoted(text)})" for text in texts if text)
    return f"\nconst CONSEQUENCES = {{\n{lines}\n}};\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


if __name__ == "__main__":
    FILE.write_text(table())
