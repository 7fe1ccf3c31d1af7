"""Parse matches and targets of iptables-nft in a rule of nf_tables: what they compare and do. Pure.

Their bytes are the structs of include/uapi/linux/netfilter/xt_*.h.
"""

import struct

from offload.system.netlink.wire import Attributes
from offload.system.nft.nfnetlink import messages
from offload.system.nft.nfnetlink.registers import WHOLE_MARK, Reading

IPTABLES = {  # matches and targets of iptables-nft, and what they do in terms of LiveRule
    **dict.fromkeys(("limit", "hashlimit", "recent", "connlimit"), "limit"),
    **dict.fromkeys(("connbytes", "quota", "quota2"), "quota"),
    **dict.fromkeys(("DSCP", "TOS"), "dscp"),
    **dict.fromkeys(("TTL", "HL"), "ttl"),
    "CLASSIFY": "priority",
    "NFQUEUE": "queue",
    **dict.fromkeys(("LOG", "NFLOG"), "log"),
    "TEE": "dup",
    "REJECT": "reject",
}
# What matches compare that changes in the life of a connection; of those neither here nor in STEADY: contents
IPTABLES_MATCHES = {
    "length": "length",
    **dict.fromkeys(("ttl", "hl"), "ttl"),
    **dict.fromkeys(("dscp", "tos"), "dscp"),
    "statistic": "chance",
    "time": "time",
    **dict.fromkeys(("connlabel", "connmark"), "connection"),
    "set": "ipset",
}
# Matches of iptables-nft that are the same for all packets of a connection that are forwarded
STEADY = frozenset(
    {
        *("addrtype", "ah", "cgroup", "cluster", "comment", "connbytes", "connlimit", "conntrack", "cpu", "devgroup"),
        *("esp", "geoip", "hashlimit", "helper", "icmp", "icmp6", "ipcomp", "iprange", "limit", "mac", "mark"),
        *("multiport", "nfacct", "osf", "owner", "physdev", "pkttype", "policy", "quota", "quota2", "realm", "recent"),
        *("rpfilter", "sctp", "socket", "state", "tcp", "tcpmss", "udp"),
    }
)
MATCH_NAME, MATCH_INFO = 1, 3
# In struct xt_conntrack_mtinfo2 and 3: what is compared, what of it is negated, and the states
CONNTRACK = struct.Struct("=146xHHH")
STATE, EXPIRES, ESTABLISHED_STATE = 1, 128, 2  # XT_CONNTRACK_STATE, _EXPIRES, XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED)
# In struct xt_time_info: first and last date, first and last second of a day, days of a month, of a week, and flags
TIME = struct.Struct("=IIIIIBB")
KERNEL_ZONE = 1  # XT_TIME_LOCAL_TZ: the times are those of the kernel's time zone
DAY, ZONES_APART = 86_400, 900  # seconds; time zones differ by multiples of 15 minutes
LAST_DATE = 0xFFFFFFFF  # no last date is given
# In struct xt_connmark_tginfo1: bits of the packet mark, and the mode; in xt_mark_tginfo2: mark and mask
CONNMARK, RESTORE = struct.Struct("=8xIB"), 2  # XT_CONNMARK_RESTORE
MARK = struct.Struct("=II")


def iptables(rule: Reading, kind: str, data: Attributes) -> None:
    """Note in `rule`, as read so far, what a match or target of iptables-nft compares and does.

    `kind`: `match` or `target`; `data`: its attributes. An unknown match is noted as comparing the contents of packets.
    Of an unknown target nothing is noted.
    """
    name, info = messages.name(data, MATCH_NAME), data.get(MATCH_INFO, b"")
    rule.does += [IPTABLES[name]] if name in IPTABLES else []
    if kind == "target":
        _target(rule, name, info)
        return
    if name == "mark":
        rule.mark = (None, WHOLE_MARK)
    elif name == "time" and len(info) >= TIME.size:
        rule.edges |= _edges(info)
    if name == "conntrack" and len(info) >= CONNTRACK.size:
        compared, negated, states = CONNTRACK.unpack_from(info)
        if compared & STATE:
            rule.matches.add("state")
            rule.opening |= bool(states & ESTABLISHED_STATE) == bool(negated & STATE)
        rule.matches |= {"connection"} if compared & EXPIRES else set()
        rule.narrow |= compared != STATE
    else:
        rule.matches |= set() if name in STEADY else {IPTABLES_MATCHES.get(name, "contents")}
        rule.narrow = True


# what a target writes to the packet mark
def _target(rule: Reading, name: str, info: bytes) -> None:
    if name == "CONNMARK" and len(info) >= CONNMARK.size:
        bits, mode = CONNMARK.unpack_from(info)
        if mode == RESTORE:
            rule.does.append("mark")
            rule.matches.add("connection")
            rule.marks |= bits
    elif name == "MARK" and len(info) >= MARK.size:
        value, mask = MARK.unpack_from(info)
        rule.does.append("mark")
        rule.marks |= value | mask


# Times in the kernel's time zone, which is not known here, count in every time zone.
def _edges(info: bytes) -> set[int]:
    first, last, begin, end, _, _, flags = TIME.unpack_from(info)
    dates = {first, last + 1} - {0, LAST_DATE + 1}
    seconds = {0, begin, end + 1}  # at midnight the day of the week and of the month change
    if flags & KERNEL_ZONE:
        seconds = {(each + shift) % DAY for each in seconds for shift in range(0, DAY, ZONES_APART)}
        dates = set()
    return {*dates, *(each % DAY for each in seconds)}
