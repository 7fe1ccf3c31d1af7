"""Our firewall's part of a pass (read all, change what differs): table inet fw4, from /etc/config/firewall.

`Firewall.pending` says when the table is sent. Nothing is sent while the firewall is stopped on purpose.
"""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from offload.compiler.firewall.ruleset import Compiled
from offload.errors import NftError, OffloadError
from offload.model.kernel.live import RuleId
from offload.model.kernel.nft import Ruleset
from offload.model.problems.firewall_problem import FirewallProblem
from offload.model.problems.problem import Problem
from offload.model.sections.section import Section
from offload.model.text.octets import as_bytes
from offload.nft.change import change, contents
from offload.nft.text import ruleset_text
from offload.nouns import dataclass, field
from offload.service.doors import FirewallDoors, Nft
from offload.service.firewall.blame import LeftOut, contents_digest
from offload.service.firewall.boot import NextStart, read_back, written
from offload.service.firewall.inputs import Inputs, compiled, read
from offload.service.firewall.load import BAD_TEXT, Loaded, Loading
from offload.service.firewall.state import zones_json

TABLE = "fw4"
Handles = frozenset[RuleId]


@dataclass(slots=True)
class Pending:
    """A firewall ruleset that is to be loaded, compiled and as text for nft."""

    inputs: Inputs  # it was compiled from
    compiled: Compiled  # the ruleset that the kernel has if nft accepts all of `text`
    before: Ruleset | None  # the ruleset in the kernel that `text` changes; None: `text` is all of the new one
    text: str  # for `nft -f`: the change of the ruleset in the kernel, or all of it
    held: Handles  # every rule in the table before the load, also of other programs
    digest: str  # SHA-256 of the text of `compiled.ruleset`
    files: str  # SHA-256 of the nft files that it includes; empty: not known


@dataclass(slots=True)
class Firewall:
    """Table inet fw4 as the service loaded it last, and when to load it again."""

    doors: FirewallDoors  # to files
    nft: Nft  # to nftables
    clock: Callable[[], float]  # seconds that never jump
    ruleset: Ruleset | None = None  # that the kernel has; None: stopped or not known, as at the service's start
    problems: tuple[FirewallProblem, ...] = ()  # of the configuration, and of what nft refused
    zones: list[dict[str, Any]] = field(default_factory=list)  # as in the file firewall.json, for scripts
    refused: str = ""  # why the last load failed; empty: it did not
    unprepared: str = ""  # why the last pass could not find out what to load; empty: it could
    unread: bool = True  # `pending` has not read all that the ruleset depends on; set it before a pass to see
    _inputs: Inputs | None = None  # of the ruleset that was loaded, found in the kernel, or refused by nft last
    _handles: Handles = frozenset()  # each of our rules in the kernel
    _digest: str = ""  # SHA-256 of the text of the loaded ruleset
    _files: str = ""  # SHA-256 of the nft files that it included; empty: not known
    _forced: bool = False  # the next pass loads even if nothing changed
    _asked: bool = False  # the next pass loads if the ruleset, rules in its table, or included files changed
    _adopted: bool = False  # the state of an earlier service was read
    _next: NextStart = field(default_factory=NextStart)  # the files that the next start reads

    @property
    def error(self) -> str:
        """Why the last load or its preparation failed; empty: neither did."""
        return self.unprepared or self.refused

    @property
    def unkept(self) -> str:
        """Why a file for the next start could not be written after a load; empty: all are. `pending` tries again."""
        return self._next.unkept

    def force(self) -> None:
        """Make the next pass load the ruleset even if nothing changed."""
        self._forced = True

    def reload(self) -> None:
        """Make the next pass load the ruleset if it, rules in its table, or files that it includes changed.

        Rules of other programs in the table count, and an included file that cannot be read counts as changed.
        """
        self._asked = True

    @property
    def due(self) -> bool:
        """Whether a load that `force` or `reload` requested is not done yet.

        It is done when nft accepted a ruleset, nft or the kernel refused its text, or a reload found nothing to send.
        After any other failure of nft (no permission, no answer, ...) the next pass tries it again.
        """
        return self._forced or self._asked

    def stopped(self) -> bool:
        """Whether the firewall was stopped on purpose: a file of ours exists then; FileError if it is unreadable."""
        return self.doors.stop.read() is not None

    def loaded(self) -> bool:
        """Whether table inet fw4 exists, whoever made it. NftError if the kernel does not list its tables."""
        return TABLE in self.nft.tables()

    def stop(self) -> None:
        """Delete table inet fw4 if it exists, and note in a file that this was on purpose.

        The file about the last load is removed. NftError if nft refuses: then nothing changes. FileError if a file
        cannot be written or removed: the table is gone all the same, maybe without a note.
        """
        if TABLE in self.nft.tables():
            self.nft.apply(f"delete table inet {TABLE}\n")
        self.doors.stop.write(b"")
        self.doors.loaded.remove()
        self.ruleset, self._inputs, self._handles, self._next = None, None, frozenset(), self._next.stopped()
        self._digest = self.refused = self.unprepared = ""

    def start(self) -> None:
        """Remove the note of a stop, and make the next pass load the ruleset. FileError if it cannot be removed."""
        self.doors.stop.remove()
        self.force()

    def refill(self) -> None:
        """Empty the sets of the loaded ruleset and add its own elements again; elements that others added are lost.

        OffloadError if no ruleset is known (after a stop, or before a pass); NftError, without any change, if nft
        refuses.
        """
        if self.ruleset is None:
            raise OffloadError("the firewall has not been loaded yet")
        if text := contents(self.ruleset):
            self.nft.apply(text)

    def damaged(self) -> bool:
        """Whether rules that we loaded are missing in the kernel; False while the firewall is stopped.

        False also if our rules are not known (at the service's start). OffloadError if something cannot be read.
        """
        return not self.stopped() and not self._handles <= self._held()

    def pending(self, sections: tuple[Section, ...] | Problem, dump: Any, data: Any) -> Pending | None:
        """Compile the ruleset, and give it if it is to be sent now; None: nothing is to be sent.

        `sections`: of /etc/config/firewall. `dump`, `data`: replies of netifd and procd; None: no reply. The ruleset is
        to be sent after `force`, if a rule of ours is missing, or if its text is not that of the last load; after
        `reload` also if rules of others in its table, or included files, changed. None also while the firewall is
        stopped, if `sections` is a Problem, and for inputs whose text nft refused. Files that could not be written
        after the last load are tried again, unless the firewall is stopped. OffloadError if something cannot be read.
        """
        self.unprepared = ""
        if isinstance(sections, Problem) or self.stopped():  # the pass reports a problem; the last good ruleset stays
            return None
        self._adopt()
        self._next.write(self.doors)
        files = self.doors.files
        inputs = read(sections, dump, data, files, files.modules(), files.devices(), files.installed())
        held, self.unread = self._held(), False
        missing = not self._handles <= held
        if inputs == self._inputs and not self.due and not missing:
            return None
        found = compiled(inputs)
        identity, included = digest(found.ruleset), contents_digest(found.ruleset, files)
        others = self._asked and (held != self._handles or not included or included != self._files)
        whole = self._forced or missing or others
        if self._digest == identity and not whole:
            self._remember(inputs, Loaded(found, LeftOut()))
            self._keep(inputs, LeftOut())
            self._asked = False
            return None
        before, now = None if whole else self.ruleset, found.ruleset
        return Pending(inputs, found, before, change(before, now) or ruleset_text(now), held, identity, included)

    def sent(self, pending: Pending) -> None:
        """Note that the kernel has this ruleset, as a transaction with `pending.text` succeeded; no load waits now.

        It also writes the state for the next service, and, if its heading changed, the ruleset for the next boot. If a
        file cannot be written, nothing is raised, and `unkept` has the cause.
        """
        self._loaded(pending, Loaded(pending.compiled, LeftOut()))

    def load(self, pending: Pending) -> bool:
        """Send the ruleset to nft, without the sections and files that nft refuses; `problems` names these.

        True: it is loaded, and the files for the next start are written as by `sent`; if that fails, `unkept` has the
        cause. False: the load failed (`error` has the cause), and the old ruleset stays; only if nft was killed, the
        kernel may have the new one. No NftError is raised.
        """
        try:
            loaded = Loading(pending.inputs, self.nft, self.doors.files.matching, self.clock).load(pending.before)
        except NftError as refusal:
            if refusal.fault in BAD_TEXT:  # nft would refuse the same text again; any other failure may pass
                self._inputs, self._forced, self._asked = pending.inputs, False, False
            self.problems, self.refused = pending.compiled.problems, f"the firewall is as it was before: {refusal}"
            return False
        self._loaded(pending, loaded)
        return True

    def _loaded(self, pending: Pending, loaded: Loaded) -> None:
        whole = loaded.compiled.ruleset == pending.compiled.ruleset
        self._digest = pending.digest if whole else digest(loaded.compiled.ruleset)
        self._forced = self._asked = False
        self._files, self._handles = pending.files, self._ours(pending.held)
        self._remember(pending.inputs, loaded)
        self._keep(pending.inputs, loaded.left_out)

    def _ours(self, before: Handles) -> Handles:
        # ours are the new rules, and those of ours that are still there: others may have put rules into the table
        try:
            held = self._held()
        except NftError:  # then no rule counts as missing
            return frozenset()
        return (held - before) | (held & self._handles)

    def _keep(self, inputs: Inputs, left_out: LeftOut) -> None:
        self._next.note_boot(inputs, left_out, self.doors.files.configuration())
        state = {"digest": self._digest, "handles": sorted(self._handles), "files": self._files, "zones": self.zones}
        self._next.note(json.dumps(state | {"networks": written(self._next.networks)}).encode())
        self._next.write(self.doors)

    def _remember(self, inputs: Inputs, loaded: Loaded) -> None:
        found = loaded.compiled
        self._inputs, self.ruleset, self.problems = inputs, found.ruleset, found.problems
        self.refused = ""
        self.zones = zones_json(found.zones, inputs.networks)

    def _held(self) -> Handles:
        return self.nft.handles(TABLE)

    def _adopt(self) -> None:
        if self._adopted:
            return
        self._adopted = True
        try:
            kept = json.loads(self.doors.loaded.read() or b"{}")
            self._handles = frozenset((str(chain), int(rule), int(of)) for chain, rule, of in kept.get("handles", ()))
            self._digest, self._files = str(kept.get("digest", "")), str(kept.get("files", ""))
            self._next.networks = read_back(kept.get("networks", {}))
        except (OffloadError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            self._handles, self._digest, self._files = frozenset(), "", ""


def digest(ruleset: Ruleset) -> str:
    """The SHA-256 of a ruleset's text, in hexadecimal."""
    return sha256(as_bytes(ruleset_text(ruleset))).hexdigest()
