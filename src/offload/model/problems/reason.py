"""The Reasons why something is slow, or slower than requested: codes and sentences."""

from enum import Enum

from offload.model.problems.remedies import remedy
from offload.nouns import dataclass, field


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is slow, or has another mode than requested.

    `code`: the stable name; `text`: the sentence; `remedy`: what the user can do; empty: no advice. Equality ignores
    the remedy.
    """

    code: "ReasonCode"
    text: str
    remedy: str = field(default="", compare=False)


class ReasonCode(Enum):
    """Every kind of Reason. The name is the code in JSON, the value the sentence for people, with blanks in braces."""

    # of everything
    OFFLOAD_DISABLED = "offload is switched off (option enabled '0' in /etc/config/offload)"
    KERNEL_WITHOUT_FLOWTABLE = "this kernel or nft cannot do flowtables: {lack}"
    NOT_APPLIED = "the kernel refused the last change, so this is as it was before: see its error"
    NO_FIREWALL = "no firewall is loaded, so nothing decides what may be forwarded"
    FW4_OFFLOADS = "fw4 offloads every flow itself (option flow_offloading in /etc/config/firewall)"
    # of a zone or a pair
    MODE_UNSET = "no mode was chosen for zone {zones}"
    MODE_NONE = "mode none was chosen for zone {zone}"
    PAIR_MODE_NONE = "mode none was chosen for this pair"
    PAIRS_LOWER = "its pairs have sections of their own, with the lower mode {mode}"
    PAIRS_HIGHER = "a pair section is stronger, with the higher mode {mode}: {pairs}"
    LOWER_MODE = "zone {zone} has the lower mode {mode}"
    CONFIG_UNREADABLE = "not all of its configuration can be read, so the kernel keeps what it has"
    CONFIG_FAULT = "{section} in /etc/config/offload has a fault and may mean it, so it stays slow"
    EXEMPT_FAULT = "{exempt} has a fault and may mean this pair, so all of it stays slow"
    EXEMPT = "{exempt} means all of it"
    EXEMPT_PART = "{exempt} keeps {part} slow"
    MARKED = "{rules} every packet of it, and offloaded packets would bypass that: all of it stays slow"
    MARKED_PART = "{rules} packets one by one, and offloaded packets would bypass that: {part} stays slow"
    SUBNETS_PART = (
        "addresses in the subnets of zone {zone} stay slow: that zone has a lower mode, another family or more "
        "after_packets"
    )
    SUBNETS_ANY = (
        "zone {zone} has a lower mode, another family or more after_packets, and its subnets ('!', a range, an odd "
        "mask, a network's name) may be any address: all of the pair stays slow"
    )
    SUBNETS_FAMILY = (
        "zone {zone} has a lower mode, another family or more after_packets, and its subnets are all {family} "
        "addresses: all {family} of the pair stays slow"
    )
    FAMILIES_DISJOINT = "its two zones ask for different address families, so no traffic is left"
    ZONE_WITHOUT_DEVICES = "zone {zone} has no device now"
    ZONE_OF_SUBNETS = (
        "zone {zone} has subnets and no device of its own: its addresses get the mode of the devices that they "
        "use, and stay slow if the zone has a lower mode, another family or more after_packets"
    )
    ZONE_INVERTED = "zone {zone} excludes networks or devices ('!') or takes all ('+'): name its devices to offload it"
    NOT_PERMITTED = "the firewall permits no forwarding from or to zone {zone}"
    SHARED_DEVICES = "its devices also belong to {pair}, which has the lower mode {mode}"
    SHARED_FAMILY = "its devices also belong to {pair}, which asks for family {family}"
    HARDWARE_UNCOVERED = "hardware does not cover {devices}, so the pair is software"
    HARDWARE_PART = "hardware does not cover {devices}: traffic there is fast in software"
    SHAPED = "{shaper} treats packets of {device}, and hardware would bypass it: traffic there is fast in software"
    STATIONS_SOFTWARE = (
        "stations on {ports} are fast in software: no driver there offloads anything (known stations: {count} of "
        "{known})"
    )
    STATIONS_UNSEEN = "stations on {ports} are fast in software: no driver there offloads anything"
    STATIONS_FULL = (
        "more than {most} stations or addresses are known, and no more are remembered: flows of the others are fast in "
        "software"
    )
    HARDWARE_GIVEN_UP = "hardware took none of {count} flows, so it is not asked for a while: all are fast in software"
    HARDWARE_FAMILY_GIVEN_UP = (
        "hardware took none of {count} {family} flows, so it is not asked for them for a while: they are fast in "
        "software"
    )
    REPLIES_FULL = (
        "replies that found no place among the {most} connections whose accepted replies are remembered: {count}; "
        "flows that wait for one stay slow longer"
    )
    # of a device
    LINK_MISSING = "device {device} does not exist now"
    NETWORK_DOWN = "network {network} is down, so it has no device now"
    NETWORK_UNKNOWN = "there is no network {network}"
    NO_FLOWTABLE = "no pair is offloaded now, so there is no flowtable to list it"
    LOOPBACK = "{device} is the loopback device: its traffic is never forwarded"
    EXCLUDED_BY_USER = "excluded by exclude_device in /etc/config/offload"
    WIRELESS_PORT = "Wi-Fi port of {master}: its stations roam, and its packets are seen at {master}"
    STATIONS_MOVE = (
        "stations of {master} change their port or MAC address too often to be followed: its ports are not listed for "
        "10 minutes, and its packets are seen at {master}"
    )
    BRIDGE_UNDER_VLAN = "the kernel looks through {device} to its ports, so listing it gains nothing"
    BOND_MEMBER = "member of {master}: the kernel sees its packets at {master}"
    DSA_CONDUIT = "carries the switch ports: the kernel sees their packets at the ports"
    NOT_FOLLOWED = "the kernel does not look through {upper} (a {kind} device) to the devices beneath"
    HOOKED_ABOVE = "{what} treats packets of {upper}, which would bypass it if {device} were listed"
    PPPOE_PARENT = "downloads through PPPoE become slow on this kernel where {device} is listed"
    TOO_DEEP = "packets carry more than two VLAN tags and PPPoE headers at {device}, and the kernel takes off two"
    FLOWTABLE_FULL = "a flowtable takes {most} devices and there are more: its packets are seen at the device above"
    ODD_NAME = "its name cannot be written in nft"
    HARDWARE_BENEATH = "hardware sees its packets at {devices}"
    NO_HW_TC_OFFLOAD = "its driver reports no hw-tc-offload"
    HARDWARE_UNBOUND = "the kernel refuses it in a hardware flowtable: its driver takes no flows"
    # of a flow
    NOT_OFFLOADABLE = "only TCP, UDP and GRE without NAT can be offloaded, this is {proto}"
    LOCAL = (
        "one end of it is the router itself, or an address that is never forwarded (link-local): only forwarded "
        "traffic is offloaded"
    )
    NOT_UNICAST = "it goes to a group of receivers: only traffic to a single one is offloaded"
    ZONE_UNKNOWN = "its addresses lead to no zone, or to more than one"
    PAIR_UNKNOWN = "the firewall permits no forwarding from {src} to {dest}"
    OTHER_FAMILY = "from {src} to {dest} only {family} is offloaded"
    TCP_STATE = "its TCP connection is not established (state {state})"
    HELPER = "conntrack helper {helper} watches it, so the kernel does not offload it"
    ADJUSTED = "the kernel corrects its sequence numbers or ports in every packet, so it does not offload it"
    NO_REPLY = "no packet has come back yet"
    REPLY_NOT_ACCEPTED = (
        "no accepted reply of it is remembered from the last minute, and only after one is it offloaded"
    )
    AFTER_PACKETS = "it has not yet sent the {count} packets after which it is offloaded"
    EXEMPTED = "{exempt} keeps it on the slow path"
    IN_SUBNETS = "{zone} keeps it on the slow path"
    WAITING = (
        "it qualifies, and is offloaded with its next packet from {src}, unless an exempt matches it or the firewall "
        "drops its replies"
    )
    HARDWARE_AWAITED = "hardware was asked for, and has not taken it so far"
    HARDWARE_ELSEWHERE = "it goes over {device}, which hardware does not cover"
    HARDWARE_STATION_UNKNOWN = "its host was seen at no port of {device} yet, and hardware covers only some of these"
    # of hardware, found from live flows; those up to HARDWARE_KEPT also explain single flows
    HARDWARE_DRIVER = "{count} of the pair's flows stayed in software: no driver of {devices} takes any"
    HARDWARE_FAMILY = (
        "{count} of the pair's {family} flows stayed in software: no driver of {devices} takes any of that family"
    )
    HARDWARE_ENCAPSULATED = (
        "{count} of the pair's flows stayed in software: drivers may not take the tags or PPPoE of {devices}"
    )
    HARDWARE_FULL = "{count} flows stayed in software beside others in hardware: its table may be full"
    HARDWARE_KEPT = (
        "the kernel took flows out of hardware ({count}), and no packet of theirs was seen since: "
        "they are idle, or a driver of {devices} still forwards them"
    )
    HARDWARE_HALF = (
        "{count} packets of flows in hardware moved in one direction only: a driver of {devices} takes no more, "
        "and the other direction is in software"
    )
    HARDWARE_STRAYS = "{count} packets of flows that the kernel marks as in hardware took the slow path"
    HARDWARE_FROZEN = "the packets of its hardware flows are not counted, though they come in on {devices}"

    def __call__(self, **words: object) -> Reason:
        """Make the Reason. `words` fill the blanks of its sentence and its remedy.

        KeyError: a word of the sentence is missing. A blank of the remedy without a word becomes its own name in
        capitals.
        """
        return Reason(self, self.value.format(**words), remedy(self.name, words))
