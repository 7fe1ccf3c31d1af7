"""An nftables in memory, for tests and for a router that is a directory."""

from collections.abc import Iterable, Mapping

from offload.model.kernel.live import LiveTable, RuleId, Strays
from offload.model.kernel.live_rule import Ruleset
from offload.model.network import ForwardChain
from offload.nouns import dataclass, field


@dataclass(slots=True)
class FakeNft:
    """An nftables in memory with most methods of Nft, which give what the fields have. Sent texts are only recorded."""

    held: dict[str, LiveTable] = field(default_factory=dict)  # tables by name, which `live` gives
    others: frozenset[str] = frozenset({"fw4"})  # names of tables that are not ours
    refusal: str = ""  # sentence of the NftError of `apply` and `check`; empty: they succeed
    nft: str = "1.0.6"  # reply of `version`
    sent: list[str] = field(default_factory=list)  # texts that were applied
    straying: Strays = field(default_factory=dict)  # reply of `strays`
    chains: tuple[ForwardChain, ...] = ()  # reply of `forward_chains`
    missing: dict[str, int] = field(default_factory=dict)  # reply of `missed`
    trusting: int = 0  # how often `live` was called with known tables
    # by table, its rules
    rules: dict[str, frozenset[RuleId]] = field(default_factory=dict)
    foreign: Ruleset = ((), ())  # reply of `ruleset`
    of_others: int = 0  # transactions of other programs
    remembered: set[tuple[str, str, bytes]] = field(default_factory=set)  # (table, set, key) of elements that sets have

    def remembers(self, table: str, name: str, key: bytes) -> bool | None:
        """Whether `remembered` has an element with this key in the set `name` of the table; never None."""
        return (table, name, key) in self.remembered

    def keys(self, table: str, name: str) -> frozenset[bytes] | None:
        """The keys of the elements that the field `remembered` has for the set `name` of the table.

        Empty if it has none for this set; never None.
        """
        return frozenset(key for *where, key in self.remembered if where == [table, name])

    @property
    def transactions(self) -> int:
        """How many texts `apply` has accepted."""
        return len(self.sent)

    def ruleset(self) -> Ruleset:
        """The (chains, rules) of `foreign`."""
        return self.foreign

    def forward_chains(self) -> tuple[ForwardChain, ...]:
        """The chains in the field `chains`."""
        return self.chains

    def apply(self, text: str) -> None:
        """Append the text to `sent`; NftError instead if `refusal` is set, or the text is blank."""
        self.check(text)
        if not text.strip():
            from offload.errors import NftError
            from offload.system.nft.door import UNCHANGED

            raise NftError(UNCHANGED)
        self.sent.append(text)

    def check(self, text: str) -> None:
        """Raise NftError with the sentence in `refusal`, if that and the text are not empty; else accept the text."""
        if self.refusal and text:
            from offload.system.nft.complaints import complaint

            raise complaint(f"Error: {self.refusal}")

    def version(self) -> str:
        """The version of nft in the field `nft`."""
        return self.nft

    def lists(self) -> None:
        """Do nothing: here nft can always list in JSON."""

    def hurry(self, seconds: float) -> None:
        """Do nothing: no program runs."""

    def handles(self, table: str) -> frozenset[RuleId]:
        """The RuleId of each rule of a table, from `rules`; empty for an unknown table."""
        return self.rules.get(table, frozenset())

    def tables(self) -> frozenset[str]:
        """The names of all tables of family inet: those in `held`, and `others`."""
        return self.others | frozenset(self.held)

    def live(self, names: Iterable[str], known: Mapping[str, LiveTable] | None = None) -> dict[str, LiveTable]:
        """The tables in `held` with these names, by name; names that it lacks are left out.

        If `known` is passed, `trusting` is counted up; nothing else is done with it.
        """
        self.trusting += known is not None
        return {name: self.held[name] for name in names if name in self.held}

    def missed(self, names: Iterable[str]) -> dict[str, int]:
        """The counts in `missing` of these tables, by table; tables without one are left out."""
        return {name: self.missing[name] for name in names if name in self.missing}

    def strays(self, name: str) -> Strays:
        """The value of `straying` if `held` has the table, else empty."""
        return self.straying if name in self.held else {}
