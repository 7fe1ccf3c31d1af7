"""Faults of the configuration: one sentence for each kind, and where it was found."""

from enum import Enum

from offload.model.sections.section import Section
from offload.model.text.shown import shown
from offload.nouns import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault in a UCI file, or a remark on it, for the user. Equality ignores `line` and `where`."""

    fault: "ProblemCode"  # name for programs
    file: str  # name of the UCI package
    section: str  # name, or `@type[index]`; empty: the whole file
    option: str  # name; empty: the whole section
    text: str  # the sentence
    line: int = field(default=0, compare=False)  # where the section begins; 0: not known
    where: str = field(default="", compare=False)  # the section in words; empty: `section` is enough

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"

    @property
    def place(self) -> str:
        """Where the fault is: `where` and the option, as `/etc/config/offload line 12, zone 'lan', mode`.

        If `where` is empty: package, section and option, as `offload.lan.mode`. Empty parts are left out.
        """
        if self.where:
            return ", ".join(part for part in (self.where, shown(self.option)) if part)
        return ".".join(shown(part) for part in (self.file, self.section, self.option) if part)

    def of(self, section: Section) -> "Problem":
        """A copy with `line` and `where` of `section`."""
        return replace(self, line=section.line, where=section.place)

    def with_consequence(self, consequence: str) -> "Problem":
        """A copy with `consequence` appended to its sentence."""
        return replace(self, text=self.text + consequence)


class ProblemCode(Enum):
    """Every kind of Problem. The value is the sentence, with blanks in braces, without the place of the fault."""

    FILE_MISSING = "/etc/config/{file} does not exist, so there are no zones to choose for"
    FILE_UNREADABLE = "/etc/config/{file} cannot be read ({detail}); the kernel keeps what it has"
    FILE_SYNTAX = "/etc/config/{file} is not valid UCI ({detail}); the kernel keeps what it has"
    UNKNOWN_SECTION = "sections of type '{type}' are not known here{hint}; this one is ignored"
    UNKNOWN_OPTION = "is not an option of '{type}' sections{hint}; {consequence}"
    MISSING_OPTION = "is missing; {consequence}"
    NOT_A_LIST = "takes one value, not a list; {consequence}"
    BAD_VALUE = "'{value}' is not {expected}; {consequence}"
    BAD_BOOL = "'{value}' is neither yes nor no (1, on, true, yes, 0, off, false, no); {consequence}"
    BAD_CHOICE = "'{value}' is not known here{hint}: write {choices}; {consequence}"
    BAD_FAMILY = "'{value}' is no address family (any, ipv4 or ipv6); {consequence}"
    BAD_NUMBER = "'{value}' is not a whole number from {low} to {high}; {consequence}"
    BAD_NAME = (
        "'{value}' is not a name the firewall accepts (at most 122 of A-Z a-z 0-9 / _ . -, the first none of 0-9 / -); "
        "{consequence}"
    )
    BAD_DEVICE = "'{value}' is not a device name nft can take (1 to 15 of A-Z a-z 0-9 . _ : + @ -); {consequence}"
    BAD_ADDRESS = "'{value}' is not an IPv4 or IPv6 address or network; {consequence}"
    BAD_PORT = "'{value}' is not a port or a range of ports (80, 8000-8080); {consequence}"
    BAD_PROTOCOL = "'{value}' is no protocol that can be offloaded (tcp, udp, tcpudp, gre or all); {consequence}"
    PORTS_OF_GRE = "option 'proto' names gre, which has no ports: give gre a section of its own; {consequence}"
    BAD_MAC = "'{value}' is not a MAC address; {consequence}"
    BAD_MARK = "'{value}' is not a mark (number or 0xhex, optionally /mask that has all its bits); {consequence}"
    BAD_DSCP = "'{value}' is not a DSCP class or a number from 0 to 63; {consequence}"
    NEVER_OFFLOADED = "'{value}' is never offloaded, so nothing of it needs to be kept slow; {consequence}"
    MIXED_FAMILIES = "src_ip and dest_ip share no address family; {consequence}"
    TOO_MANY_COMBINATIONS = (
        "the lists of this section make {count} combinations, more than {most}: write networks and ranges instead of "
        "single values; {consequence}"
    )
    TOO_MANY_EXEMPTS = (
        "with the combinations of its lists ({count}) all exempts would have more than {most}: write networks and "
        "ranges instead of single values; {consequence}"
    )
    UNKNOWN_ZONE = "no zone '{value}' in /etc/config/firewall{hint}; {consequence}"
    DISABLED_ZONE = "zone '{value}' is disabled in /etc/config/firewall (option enabled '0'); {consequence}"
    UNKNOWN_NETWORK = (
        "there is no network '{value}'{hint}, and zone {zone} has no other: the mode chosen for the zone has no effect"
    )
    DUPLICATE_ZONE = "a second zone '{value}'; the first one counts, the devices of this one stay on the slow path"
    PROTOCOLS_IN_ONE_WORD = (
        "'{value}' is no protocol, and for it nft refuses fw4's whole firewall: write 'tcp udp', or tcpudp for both"
    )
    PAIR_NOT_PERMITTED = (
        "/etc/config/firewall permits no forwarding from {src} to {dest}; this section counts only for traffic that "
        "something else lets through (UPnP, a service, nft rules of your own)"
    )
    PAIR_RAISED = (
        "{pair} has mode {mode} now and had {before} in version 0.1.0, where a zone without a mode held the other "
        "back; give {zones} the mode {before} if it is to stay so"
    )
    EXEMPT_OF_NOTHING = (
        "this section names nothing, so it has no effect: name a zone, an address, a port, a MAC, a protocol, a mark "
        "or a DSCP class"
    )
    UNKNOWN_DEVICE = "there is no device '{value}' now{hint}; {consequence}"
    EXEMPT_OF_EVERY_ZONE = (
        "zone {zone} excludes networks or devices ('!') or takes all ('+'), so its devices cannot be matched; "
        "this exempt holds whatever the zone"
    )
    DUPLICATE_SECTION = "a second section for {value}; of each option the slower value counts"
    FW4_OFFLOADS = (
        "fw4 offloads every flow itself while this is on, so the choices per zone are without effect; "
        "set it to '0' to let offload decide"
    )

    def at(self, file: str, section: str = "", option: str = "", **words: object) -> Problem:
        """Make the Problem of an option, of a section (without `option`), or of a file (without both).

        `words` fill the blanks of the sentence, made safe to print; `file` fills `{file}`. KeyError: a word is missing.
        """
        filled = {key: shown(value) if isinstance(value, str) else value for key, value in words.items()}
        return Problem(self, file, section, option, self.value.format(file=file, **filled))
