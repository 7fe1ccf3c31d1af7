"""Find out which base chains and rules nft would load for a text, without loading it.

With `nft -c --debug=mnl`, nft and the kernel check a text and change nothing, and nft prints the messages as libmnl
does (mnl_nlmsg_fprintf): a line for each header, and one for every four bytes of a value.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from offload.errors import NftError
from offload.model.kernel.live_rule import LiveChain, LiveRule, Ruleset
from offload.nouns import dataclass, field
from offload.system.netlink.wire import NFGENMSG, NFTABLES, NLATTR, Attributes, Message, attributes, each
from offload.system.nft import elements
from offload.system.nft.complaints import complaint
from offload.system.nft.nfnetlink import messages
from offload.system.nft.nfnetlink.rules import FAMILIES, LOOKUP_SET, live_chain, live_rule
from offload.system.nft.program import Program
from offload.system.nft.verdict_maps import Place, Verdict, resolved

TIMEOUT = 5.0  # seconds; the service does nothing else meanwhile
MARK = "flow_offload_file"  # a table with this name and a number stands before the text with that number
COLOUR = re.compile(r"\x1b\[[\d;]*m")
LINE = re.compile(
    r"\| (?P<kind>\d{5}) \| .{4} \|\t\|  type \| flags  \|"
    r"|\|(?P<length>\d{5})\|.{2}\|(?P<attribute>\d{5})\|\t\|len \|flags\| type\|"
    r"|\| (?P<bytes>(?:[0-9a-f]{2} ){4}) \|\t\|(?:  extra header  |      data      )\|"
)
NEW_TABLE, NEW_CHAIN, NEW_RULE, NEW_SET, NEW_ELEMENTS = (NFTABLES << 8 | kind for kind in (0, 3, 6, 9, 12))
SET_ID, LOOKUP_SET_ID = 4, 4  # of NEW_ELEMENTS, and of the expression `lookup`


@dataclass(slots=True)
class _Loading:
    number: int = -1  # of the text that the messages are from
    chains: dict[int, list[LiveChain]] = field(default_factory=lambda: defaultdict(list))  # base chains, by text
    rules: dict[int, list[LiveRule]] = field(default_factory=lambda: defaultdict(list))  # by text
    names: dict[tuple[str, str], list[str]] = field(
        default_factory=lambda: defaultdict(list)
    )  # of chains, by (family, table)
    # of sets and maps, by their place; of those without a name of their own by their id
    elements: dict[bytes | Place, list[Verdict]] = field(default_factory=lambda: defaultdict(list))
    objects: dict[Place, int] = field(default_factory=dict)  # kind of a map's objects, by its place; 0: it has none

    def take(self, kind: int, body: bytes) -> None:
        # Variables come before the first text, and load nothing.
        found, family = attributes(body, NFGENMSG.size), body[0]
        table = messages.name(found, messages.TABLE)
        place = FAMILIES.get(family, ""), table, messages.name(found, messages.SET_NAME)
        if kind == NEW_TABLE and table.startswith(MARK):
            self.number = int(table.removeprefix(MARK))
        elif self.number < 0:
            return
        elif kind == NEW_CHAIN and (chain := live_chain(family, found)):
            self.chains[self.number] += [chain] if chain.hook else []
            self.names[chain.family, table].append(chain.name)
        elif kind == NEW_SET:
            self.objects[place] = messages.integer(found, messages.SET_OBJECTS)
        elif kind == NEW_ELEMENTS:
            self.elements[found.get(SET_ID, b"")] += (several := list(elements.elements(body)))
            self.elements[place] += several
        elif kind == NEW_RULE and (rule := live_rule(family, found)):
            self.rules[self.number] += self._resolved(rule, list(_anonymous_sets(found)))

    def _resolved(self, rule: LiveRule, anonymous: Sequence[tuple[str, bytes]]) -> Iterator[LiveRule]:
        # nft gives all sets without a name the same one here, so the elements of two of them in one rule are not known.

        def known(place: Place) -> list[Verdict] | frozenset[Verdict] | None:
            ids = [number for name, number in anonymous if name == place[2]]
            if ids:
                return self.elements.get(ids[0], []) if len(ids) == 1 else None
            found = self.elements.get(place) or elements.verdicts(place)
            return [] if found is None and place in self.objects else found  # a set of the text, without elements

        return resolved([rule], self.names, known, lambda place: self.objects.get(place, 0))


class DryRun:
    """Finds the base chains and rules that nft would load for texts; `program`: name or path of nft."""

    def __init__(self, program: str = "nft") -> None:
        self._program = Program(program, TIMEOUT)

    def __call__(self, texts: Sequence[str], before: str = "") -> tuple[Ruleset, ...]:
        """For each nft text, which ends with a newline, the (base chains, rules) that nft would send to the kernel.

        One run of `nft -c` checks all texts; it is killed after 5 s. `before`: such a text in front of them that only
        defines variables. The elements of sets that a rule looks up are taken from the texts, or read from the kernel.
        NftError if nft or the kernel refuses one of the texts, or if nft cannot be run, is killed, or does not print
        what it would send.
        """
        marked = (f"add table inet {MARK}{number}\n{text}" for number, text in enumerate(texts))
        status, output, errors = self._program.run(("-c", "--debug=mnl", "-f", "-"), before + "".join(marked))
        if status:
            raise complaint(errors)
        loading = _Loading()
        for kind, body in printed(output):
            loading.take(kind, body)
        if loading.number != len(texts) - 1:
            raise NftError("this nft does not print what it would load")
        return tuple((tuple(loading.chains[n]), tuple(loading.rules[n])) for n in range(len(texts)))


def printed(output: str) -> Iterator[Message]:
    """Yield the netlink messages in the output of `nft --debug=mnl`, as (type, body); other lines are skipped."""
    kind, body = 0, bytearray()
    for found in LINE.finditer(COLOUR.sub("", output)):
        if found["kind"]:
            if body:
                yield kind, bytes(body)
            kind, body = int(found["kind"]), bytearray()
        elif found["length"]:
            body += NLATTR.pack(int(found["length"]), int(found["attribute"]))
        else:
            body += bytes.fromhex(found["bytes"])
    if body:
        yield kind, bytes(body)


def _anonymous_sets(rule: Attributes) -> Iterator[tuple[str, bytes]]:
    # nft writes `%d` for the number in the name of a set without a name
    for _, value in each(rule.get(messages.RULE_EXPRESSIONS, b"")):
        expression = attributes(value)
        if messages.name(expression, messages.EXPRESSION_NAME) == "lookup":
            data = attributes(expression.get(messages.EXPRESSION_DATA, b""))
            name = messages.name(data, LOOKUP_SET)
            if name.endswith("%d"):
                yield name, data.get(LOOKUP_SET_ID, b"")
