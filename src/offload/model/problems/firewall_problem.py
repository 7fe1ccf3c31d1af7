"""Faults of the firewall's sections and nft files: a sentence for each kind, in the form of fw4's messages."""

from enum import Enum
from typing import NamedTuple

from offload.model.sections.firewall import Origin
from offload.model.text.shown import shown


class FirewallFault(Enum):
    """Every kind of fault of a section of the firewall or of an nft file; those in REMARKS are remarks, not faults.

    The value is the sentence, with blanks in braces, without its subject (the section or file).
    """

    UNKNOWN_OPTION = "has the unknown option '{option}', which has no effect"
    INVALID_VALUE = "option '{option}' has the value '{value}', which is not {expected}"
    NOT_A_LIST = "option '{option}' takes one value, not a list"
    NEGATED = "option '{option}' must not be negated"
    MISSING_OPTION = "needs option '{option}'"
    UNSUPPORTED = "option '{option}' cannot be expressed in nftables"
    NO_EFFECT = "option '{option}' has no effect"
    SKIPPED = "is left out because of its invalid options"
    DISABLED = "is disabled"
    DUPLICATE_DEFAULTS = "is left out: only the first 'defaults' section counts"
    DUPLICATE_NAME = "is left out: an earlier section has the name '{value}'"
    UNKNOWN_ZONE = "is left out: option '{option}' names zone '{value}', which does not exist or is left out itself"
    UNKNOWN_NETWORK = "option '{option}' names '{value}', which is neither an address nor a network of netifd"
    GOES_WITHOUT = "goes without {options}"
    POLICY_UNREAD = "uses {value} for option '{option}'"
    NO_MASQUERADE = "masquerades nothing: without {options} it would masquerade more than it says"
    ZONE_LEFT_OUT = "is left out without {options}; where 'defaults' accepts, what it would refuse is still refused"
    NO_DEVICE = "goes without '{value}' in option '{option}': no device can have this name"
    EMPTY_TIMES = "is left out: {option} is before {start}, so it matches nothing"
    EMPTY_NETWORK = "matches nothing now: {option} '{value}' has no address"
    EMPTY_ZONE = "matches nothing now: {option} '{value}' is a zone without devices and addresses"
    NO_INPUT_DEVICE = (
        "matches nothing: packets in hook {hook} have no input device to compare with option '{option}'; "
        "set option 'direction' to 'out'"
    )
    NO_OUTPUT_DEVICE = (
        "matches nothing: packets in hook {hook} have no output device to compare with option '{option}'; "
        "set option 'direction' to 'in'"
    )
    NO_SOURCE_MAC = (
        "matches nothing: packets of the router itself have no source MAC address to compare with option '{option}'; "
        "for those of other hosts name their zone in option 'src'"
    )
    LOST_CONDITION = "is left out: without {options} it would match more than it says"
    WIDENED = "goes without {options}, and so {target}s more than it says"
    CLOSES_MANAGEMENT = (
        "is left out: without {options} it could close the way to manage this router from zone '{value}'"
    )
    NEEDS_SOURCE_ZONE = "is left out: target '{target}' needs a source zone"
    NEEDS_OPTION = "is left out: target '{target}' needs option '{option}'"
    WRONG_TARGET = "has target '{target}', which this type of section does not know; '{value}' is used"
    ANY_DEVICE = "is left out: option 'device' must name a device"
    UNKNOWN_SET = "is left out: it refers to set '{value}', which does not exist"
    SET_NEEDS_PORTS = "is left out: set '{value}' holds ports, which need protocol tcp or udp"
    SET_DESTINATION_MAC = "is left out: nftables cannot look up destination MAC addresses here"
    UNKNOWN_HELPER = "is left out: conntrack helper '{value}' is not known"
    HELPER_NOT_LOADED = "conntrack helper '{value}' is not available: install its kernel module"
    NO_HELPER = "goes without conntrack helper '{value}', which is not known"
    HELPER_RULE = "is left out: conntrack helper '{value}' is not available: install its kernel module"
    FAMILY_CONFLICT = "is left out for protocol {protocol}: {first} and {second} have no address family in common"
    PORTS_WITHOUT_PROTOCOL = "is left out for protocol {protocol}, which has no ports"
    TYPES_WITHOUT_ICMP = "is left out for protocol {protocol}, which has no ICMP types"
    TYPES_OF_OTHER_FAMILY = (
        "is left out for protocol {protocol}: option '{option}' has no type of {family}; "
        "name one of {family}, or another protocol or family"
    )
    NO_PROTOCOL = "is left out: option '{option}' excludes every protocol that it could match"
    NO_SOURCE = "is left out: it needs a source zone, and not '*'"
    NO_DESTINATION = "is left out: it needs a destination zone, and not '*'"
    NO_REWRITE_ADDRESS = "is left out: option '{option}' is needed"
    BAD_REWRITE_ADDRESS = "is left out: option '{option}' must be an address without negation or a mask with gaps"
    BAD_REWRITE_PORT = "is left out: option '{option}' is the new port, which must be without negation"
    FIRST_ADDRESS = "option '{option}' stands for several addresses; the first one is used"
    ASSUMED_DESTINATION = "has no destination; zone '{value}' is assumed"
    NO_REFLECTION = "has no reflection into zone '{value}': {what} is not known"
    NOT_FOR_TARGET = "is left out: option '{option}' does not go with target '{target}'"
    NO_SET_TYPE = "is left out: option 'match' is needed"
    SET_FAMILY = "is left out: family 'any' does not go with match types ip and net"
    SET_TYPE = "is left out: match type 'set' is not supported"
    SET_ENTRY = "has the entry '{value}', which does not fit its match types"
    SET_OVERLAP = "goes without the entry '{value}', which overlaps another in part"
    SET_SIZE = "has {value} entries, more than option '{option}' says; all of them count"
    SET_FILE = "cannot read '{value}', so the set begins without its contents"
    RESERVED_NAME = "is left out: '{value}' is a word of nft's own language"
    NOT_FOR_FW4 = "is left out: a script for an older firewall; option 'fw4_compatible' says when it is not"
    NEEDS_CHAIN = "is left out: position '{value}' needs option 'chain'"
    NO_CHAIN = "option 'chain' has no effect for position '{value}'"
    NO_PLACE = "is left out: no chain '{value}' has a place for files at position '{position}'"
    SCRIPT_POSITION = "is left out: option '{option}' is for includes of type 'nftables'"
    REFUSED = "is left out: nft refuses it: {what}"
    UNREACHABLE = "is left out: '{value}' cannot be read"

    def at(self, origin: Origin, option: str = "", **words: object) -> "FirewallProblem":
        """Make the FirewallProblem of a section or file.

        `option`: the one at fault, which fills `{option}`; empty: none. `words` fill the other blanks, made safe to
        print. KeyError: a word is missing.
        """
        safe = {key: shown(value) if isinstance(value, str) else value for key, value in words.items()}
        return FirewallProblem(self, origin, option, self.value.format(option=shown(option), **safe))


# Not faults: fw4 prints a line for these on stderr too.
REMARKS = frozenset(
    {
        FirewallFault.DISABLED,
        FirewallFault.ASSUMED_DESTINATION,
        FirewallFault.EMPTY_NETWORK,
        FirewallFault.EMPTY_ZONE,
        FirewallFault.NO_EFFECT,
    }
)


class FirewallProblem(NamedTuple):
    """A fault of a section or file. `str()` has fw4's form: `Section @rule[2] (Name) TEXT`, or `File PATH TEXT`.

    `option`: the option at fault; empty: none. `text`: the sentence without its subject.
    """

    fault: FirewallFault
    origin: Origin
    option: str
    text: str

    def __str__(self) -> str:
        return f"{self.place} {self.text}"

    @property
    def place(self) -> str:
        """The section or file: `Section @rule[2] (Name)`, `ubus rule (Name)` for one given over ubus, or `File PATH`.

        Without a name the brackets are absent.
        """
        if self.origin.type == "file":
            return f"File {shown(self.origin.name)}"
        place = f"Section {self.origin.id}" if self.origin.id else f"ubus {self.origin.type}"
        name = f" ({shown(self.origin.name)})" if self.origin.name else ""
        return f"{place}{name}"
