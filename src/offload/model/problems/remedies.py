"""What the user can do about a Reason, by the Reason's code. Words in braces are blanks."""

OTHER_SUBNETS = "give that zone narrower subnets, devices, or the same mode, family and after_packets"
REMEDIES = {  # by the code of the Reason
    "OFFLOAD_DISABLED": "set enabled to 1 in /etc/config/offload",
    "KERNEL_WITHOUT_FLOWTABLE": "install the package it names",
    "NOT_APPLIED": "read the error that offload status shows; it is tried again by itself",
    "NO_FIREWALL": "/etc/init.d/firewall start",
    "FW4_OFFLOADS": "take it over: offload takeover",
    "MODE_UNSET": "choose one: offload set {zone} software",
    "MODE_NONE": "choose another: offload set {zone} software",
    "PAIR_MODE_NONE": "choose another: offload pair {src} {dest} software; or delete the pair section",
    "PAIRS_LOWER": "change or delete the pair sections",
    "PAIRS_HIGHER": "delete the pair section to have no more than the zone's own mode",
    "LOWER_MODE": "raise it: offload set {zone} {wanted}; or write a pair section",
    "CONFIG_UNREADABLE": "mend the file and the line that offload check names",
    "CONFIG_FAULT": "mend what offload check names in the section",
    "EXEMPT_FAULT": "mend what offload check names in the section",
    "EXEMPT": "name addresses, ports, a MAC, a protocol, a mark or a DSCP class in the exempt, or delete it",
    "EXEMPT_PART": (
        "narrow the exempt, or delete it: where exempts are all of a pair only together, all of it stays slow"
    ),
    "MARKED": (
        "name addresses or ports in the rule, or set auto_exempt to 0 where the first packets of a flow are enough"
    ),
    "MARKED_PART": (
        "nothing, if that may be slow; else name addresses and ports in the rule, or set auto_exempt to 0 where the "
        "first packets of a flow are enough"
    ),
    "SUBNETS_ANY": (
        "write that zone's subnets as networks (192.168.1.0/24), give it devices, or give it the same mode, family "
        "and after_packets"
    ),
    "SUBNETS_FAMILY": OTHER_SUBNETS,
    "FAMILIES_DISJOINT": "let the two zones' family have one in common",
    "ZONE_WITHOUT_DEVICES": "bring the zone's network up; the zone's own reasons name the missing network or device",
    "ZONE_INVERTED": "list the zone's networks or devices, without '!' and '+'",
    "SHARED_DEVICES": "give both pairs the same mode: a device cannot be on two paths",
    "SHARED_FAMILY": "give both pairs the same family: a device cannot have two",
    "HARDWARE_UNCOVERED": (
        "choose software for the zone, or give what hardware does not cover (Wi-Fi, say) a bridge and a zone of its "
        "own; exclude_device does not help, for the pair's packets still come in there"
    ),
    "STATIONS_FULL": "find who forges addresses, or split the network: bridge fdb show, ip neigh",
    "HARDWARE_GIVEN_UP": "ask again now: offload reload; or choose software, which ends this message",
    "EXCLUDED_BY_USER": "delete it from exclude_device",
    "STATIONS_MOVE": "find who forges addresses, or the loop in the cabling: bridge fdb show br {master}, ip neigh",
    "ODD_NAME": "rename the device with letters and digits",
    "ZONE_UNKNOWN": (
        "give each zone networks of its own; with policy routing the way may be unknown here and the flow offloaded "
        "all the same"
    ),
    "OTHER_FAMILY": "widen family of the zones",
    "HELPER": "switch the helper off for the zone (auto_helper in /etc/config/firewall) if no host needs it",
    "AFTER_PACKETS": "lower after_packets",
    "EXEMPTED": (
        "delete the exempt (offload exempt list shows all, offload exempt delete ends one), or change the rule it "
        "names; of exempts that match by MAC, mark or DSCP conntrack shows nothing"
    ),
    "IN_SUBNETS": OTHER_SUBNETS,
    "REPLY_NOT_ACCEPTED": "wait for a reply; if it stays, look for a rule that drops its replies",
    "HARDWARE_DRIVER": "choose software, which ends this message; a newer kernel may bring a driver that can",
    "HARDWARE_FULL": "raise after_packets, so that short flows do not fill the table",
    "HARDWARE_STRAYS": "choose software for the pair, and report it with offload snapshot",
    "HARDWARE_FROZEN": "do not trust traffic totals of these flows; choose software where they matter",
}
# Reasons about which usually nothing needs to be done: what `explain` and docs/reference.md say of them.
NO_NEED = {  # by the code of the Reason
    "SUBNETS_PART": "nothing, or give that zone the same mode, family and after_packets",
    "ZONE_OF_SUBNETS": (
        "nothing, or list the zone's network beside its subnet: then its devices are known, and have one mode for all"
        " their addresses"
    ),
    "NOT_PERMITTED": "nothing: the firewall forwards nothing there",
    "HARDWARE_PART": "nothing: these flows are fast in software",
    "SHAPED": "nothing, or set auto_software to 0 to give that up for hardware",
    "STATIONS_SOFTWARE": "nothing: the stations on other ports are in hardware",
    "STATIONS_UNSEEN": "nothing: no station has been seen yet, and those on other ports will be in hardware",
    "HARDWARE_FAMILY_GIVEN_UP": "nothing; to ask again now: offload reload",
    "REPLIES_FULL": "nothing; below 65536 it grows with net.netfilter.nf_conntrack_max",
    "LINK_MISSING": "nothing: it is taken in when it comes",
    "NETWORK_DOWN": "nothing: it is taken in when the network comes up",
    "NETWORK_UNKNOWN": "nothing, or delete it from the zone in /etc/config/firewall",
    "NO_FLOWTABLE": "nothing: it is listed when a pair is offloaded",
    "LOOPBACK": "nothing: there is nothing to gain",
    "WIRELESS_PORT": "nothing: its flows are offloaded at the bridge",
    "BRIDGE_UNDER_VLAN": "nothing: its flows are offloaded at the ports",
    "BOND_MEMBER": "nothing: its flows are offloaded at the bond",
    "DSA_CONDUIT": "nothing: its flows are offloaded at the switch ports",
    "NOT_FOLLOWED": "nothing: its flows are offloaded at the upper device",
    "HOOKED_ABOVE": (
        "nothing: flows of the device above are offloaded there; those of a zone's own device below stay slow, unless "
        "auto_software is 0"
    ),
    "PPPOE_PARENT": "nothing: its flows are offloaded at the PPPoE device; or update OpenWrt",
    "TOO_DEEP": "nothing: its flows are offloaded at the device above",
    "FLOWTABLE_FULL": "nothing: its flows are offloaded at the device above",
    "HARDWARE_BENEATH": "nothing: its flows are offloaded there",
    "NO_HW_TC_OFFLOAD": "nothing, or ethtool -K DEVICE hw-tc-offload on where the driver can",
    "HARDWARE_UNBOUND": "nothing; choosing software for its zone ends this message",
    "NOT_OFFLOADABLE": "nothing: the kernel offloads no other protocol",
    "LOCAL": "nothing: it is not forwarded",
    "NOT_UNICAST": "nothing: multicast is not offloaded",
    "PAIR_UNKNOWN": "nothing; where UPnP, a service or nft rules of your own let it through, write a pair section",
    "TCP_STATE": "nothing: it is being opened or closed",
    "ADJUSTED": "nothing: a helper or a NAT clash changed the connection",
    "NO_REPLY": "nothing: it is offloaded when an answer has come",
    "WAITING": "nothing; if it stays, look for an exempt that matches it, or a rule that drops its replies",
    "HARDWARE_ELSEWHERE": "nothing: stations on the ports that hardware has are in hardware",
    "HARDWARE_STATION_UNKNOWN": (
        "nothing: hardware is asked when its station is seen at a port that hardware has; a host behind another router "
        "stays in software one way"
    ),
    "HARDWARE_AWAITED": (
        "nothing: it is asked again while the flow moves; offload status shows the state of hardware for the pair"
    ),
    "HARDWARE_FAMILY": "nothing: these flows are fast in software; a newer kernel may bring a driver that can",
    "HARDWARE_ENCAPSULATED": "nothing: these flows are fast in software; a newer kernel may bring a driver that can",
    "HARDWARE_KEPT": (
        "nothing if they are idle; flows that a driver still forwards end by themselves, or with a restart of the "
        "router: software is the surer choice where changes must take effect at once"
    ),
    "HARDWARE_HALF": (
        "nothing: both directions are fast, and the processor sees one of them; a newer kernel may bring a driver "
        "that takes both"
    ),
}


# Words for the blanks of a sentence; a blank without a word becomes its name in capitals.
class _Blanks(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return key.upper()


def remedy(code: str, words: dict[str, object]) -> str:
    """The remedy of the Reason with this code, as text; empty: there is none in REMEDIES.

    `words` fill its blanks; a blank without a word becomes its own name in capitals (`{zone}`: `ZONE`).
    """
    return REMEDIES.get(code, "").format_map(_Blanks(words))
