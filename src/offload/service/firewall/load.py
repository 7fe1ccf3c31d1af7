"""Load a firewall ruleset without the sections and files that nft refuses.

nft's error names a line of the ruleset. If the line comes from a section or file, this is left out, and the rest is
tried again. If not, halves of the sections are tried. After `PATIENCE` seconds the search ends, and the old ruleset
stays.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from offload.compiler.firewall.ruleset import Compiled
from offload.errors import NftError, NftFault
from offload.model.kernel.nft import Ruleset
from offload.model.problems.firewall_problem import FirewallFault, FirewallProblem
from offload.model.sections.firewall import Origin
from offload.nft.change import change, replacement
from offload.nft.text import ruleset_text
from offload.service.doors import Nft
from offload.service.firewall.blame import LeftOut, Matching, blamed, removable, without_files
from offload.service.firewall.inputs import Inputs, compiled

PATIENCE = 5.0  # seconds to search for the parts that nft refuses
BAD_TEXT = frozenset({NftFault.REFUSED, NftFault.KERNEL_REFUSED, NftFault.NOT_SUPPORTED})


class Loaded(NamedTuple):
    """A ruleset that nft accepted, in a load or a check, and the parts left out because nft refuses them."""

    compiled: Compiled  # the ruleset, and its problems: also one for each part left out
    left_out: LeftOut  # sections and files that nft refuses


class Loading:
    """One load of the ruleset compiled from `inputs`, by `load` or `checked`; make a new one for the next.

    From PATIENCE (5) seconds of `clock` after this was made, a refusal by nft is final: the search for its cause ends.
    `matching` gives the files that match the pattern of an nft include.
    """

    def __init__(self, inputs: Inputs, nft: Nft, matching: Matching, clock: Callable[[], float]) -> None:
        self._inputs, self._nft, self._matching, self._clock = inputs, nft, matching, clock
        self._end = clock() + PATIENCE
        self._sentences: dict[str, str] = {}  # nft's error, by section or file

    def load(self, before: Ruleset | None) -> Loaded:
        """Load the ruleset without the parts that nft refuses, and give it with these parts.

        `before`: our ruleset in the kernel, to which only the difference is sent; None: it is not known, so the whole
        text is sent. If the kernel refuses that, the whole text is tried, then a new table in place of the old one.
        NftError if nft refuses a part that cannot be found or left out, or fails: the old ruleset stays; if nft was
        killed, it may have sent the new one.
        """
        return self._without_refused(lambda ruleset: self._sent(before, ruleset))

    def checked(self) -> Loaded:
        """The ruleset that `load` would load, as far as `nft -c` shows: the kernel is not changed.

        Its problems include one for each part that is left out. NftError if nft refuses the rest as well, or fails.
        """
        return self._without_refused(self._answer)

    def _without_refused(self, refusal: Callable[[Ruleset], NftError | None]) -> Loaded:
        left_out = LeftOut()
        while True:
            candidate = self.candidate(left_out)
            error = refusal(candidate.ruleset)
            if error is None:
                problems = (*candidate.problems, *self._problems(left_out))
                return Loaded(candidate._replace(problems=problems), left_out)
            more = self._refused(error, candidate.ruleset, left_out)
            self._sentences |= dict.fromkeys(more.sections | more.files, str(error))
            left_out = left_out.with_(more)

    def candidate(self, left_out: LeftOut) -> Compiled:
        """Compile the ruleset as if these sections and files were not there; no nft runs.

        Sections that need one of them (a rule its set) are left out with it, and the result has a problem for each of
        these.
        """
        found = compiled(self._inputs, left_out.sections)
        return found._replace(ruleset=without_files(found.ruleset, left_out.files, self._matching))

    def _sent(self, before: Ruleset | None, ruleset: Ruleset) -> NftError | None:
        # First the difference from `before`, then the whole ruleset, at last a new table: a kernel may refuse one and
        # accept the next. After a refusal by nft itself, or a failure of it, nothing more is sent.
        error = None
        for text in dict.fromkeys((change(before, ruleset) or ruleset_text(ruleset), ruleset_text(ruleset))):
            error = self._refusal(text)
            if error is None or error.fault is not NftFault.KERNEL_REFUSED:
                break
        if error is None or error.fault not in BAD_TEXT or error.fault is NftFault.REFUSED:
            return error
        return self._refusal(replacement(ruleset))

    def _refusal(self, text: str) -> NftError | None:
        try:
            self._nft.apply(text)
        except NftError as error:
            return error
        return None

    def _refused(self, error: NftError, ruleset: Ruleset, left_out: LeftOut) -> LeftOut:
        if error.fault not in BAD_TEXT:
            raise error
        plain = self._answer(ruleset)
        found = blamed(plain, ruleset, self._inputs, self._matching).without(left_out) if plain else LeftOut()
        if found == LeftOut() and plain:
            found = self._searched(left_out)
        if found == LeftOut() or self._clock() > self._end:
            raise error
        return found

    def _answer(self, ruleset: Ruleset) -> NftError | None:
        # by `nft -c`; errors that are not about the text are raised
        try:
            self._nft.check(ruleset_text(ruleset))
        except NftError as refusal:
            if refusal.fault not in BAD_TEXT:
                raise
            return refusal
        return None

    def _searched(self, left_out: LeftOut) -> LeftOut:
        # the section with which, added in the file's order, nft begins to refuse the ruleset
        sections = [each for each in removable(self._inputs) if each not in left_out.sections]
        if not sections or self._refuses(sections, left_out):
            return LeftOut()
        good, bad = 0, len(sections)  # nft accepts the first `good` sections, and refuses the first `bad`
        while bad - good > 1 and self._clock() <= self._end:
            middle = (good + bad) // 2
            if self._refuses(sections[middle:], left_out):
                bad = middle
            else:
                good = middle
        return LeftOut(frozenset({sections[bad - 1]})) if bad - good == 1 else LeftOut()

    def _refuses(self, without: list[str], left_out: LeftOut) -> bool:
        candidate = self.candidate(left_out.with_(LeftOut(frozenset(without))))
        return self._answer(candidate.ruleset) is not None

    def _problems(self, left_out: LeftOut) -> Iterator[FirewallProblem]:
        origins = _origins(self._inputs)
        for each in sorted(left_out.sections):
            yield FirewallFault.REFUSED.at(origins[each], what=self._sentences[each])
        for path in sorted(left_out.files):
            yield FirewallFault.REFUSED.at(Origin("", path, "file"), what=self._sentences[path])


def _origins(inputs: Inputs) -> Mapping[str, Origin]:
    # by the id or name that a LeftOut has
    names = {each.id: each.options.get("name", "") for each in inputs.sections}
    own = {
        each.id: Origin(each.id, name if isinstance(name := names[each.id], str) else "", each.type)
        for each in inputs.sections
    }
    return {origin.name: origin for _, origin, _ in inputs.handed_over} | own
