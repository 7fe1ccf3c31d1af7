"""The nft files of users and other packages, and their positions in the ruleset. Pure."""

from collections import defaultdict
from collections.abc import Iterator

from offload.model.kernel.nft import Include
from offload.model.problems.firewall_problem import FirewallFault, FirewallProblem
from offload.model.sections.firewall import FirewallConfig, RouterState

_POSITIONS = {"pre": "prepend", "post": "append"}


class Includes:
    """Include statements for nft files, by position and chain: those of `config include`, then those of packages.

    The fixed one for /etc/nftables.d/*.nft is not among them. Those of packages are left out if option auto_includes is
    off. A `config include` of a script has none. A section whose file, also a script, is not in `state.files` (None:
    not checked) is left out and adds to `problems`.
    """

    def __init__(self, config: FirewallConfig, state: RouterState, problems: list[FirewallProblem]) -> None:
        self._at: defaultdict[tuple[str, str], list[Include]] = defaultdict(list)
        self._asked: set[tuple[str, str]] = set()
        self._sections = [each for each in config.includes if each.chain]
        for each in config.includes:
            if state.files is not None and each.path not in state.files:
                problems.append(FirewallFault.UNREACHABLE.at(each.origin, "path", value=each.path))
            elif each.type == "nftables":
                self._add(each.position, each.chain, each.path)
        for place, chain, path in state.includes if config.defaults.auto_includes else ():
            part, _, end = place.partition("-")
            self._add(f"{part}-{_POSITIONS[end]}", chain, path)

    def _add(self, position: str, chain: str, path: str) -> None:
        self._at[position, chain].append(Include(path))

    def at(self, position: str, chain: str = "") -> tuple[Include, ...]:
        """The include statements at a position such as `table-append`, those of sections first; (): none.

        `chain`: for the positions `chain-prepend` and `chain-append` the chain's name; empty for all others.
        """
        self._asked.add((position, chain))
        return tuple(self._at.get((position, chain), ()))

    def unused(self) -> Iterator[FirewallProblem]:
        """Yield a problem for each `config include` whose chain does not exist, or has no place for its file.

        They are the sections whose position and chain `at` was not asked for, so call it after all chains are compiled.
        A section whose file is not in `state.files` gets no second problem.
        """
        for each in self._sections:
            place = each.position, each.chain
            if place not in self._asked and Include(each.path) in self._at.get(place, ()):
                words = {"value": each.chain, "position": each.position}
                yield FirewallFault.NO_PLACE.at(each.origin, "chain", **words)

    def around(self, end: str, chain: str) -> tuple[Include, ...]:
        """The include statements at the beginning (`end` is `prepend`) or end (`append`) of a chain; (): none."""
        return self.at(f"chain-{end}", chain)
