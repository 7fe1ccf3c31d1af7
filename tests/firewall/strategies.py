"""Random sections of /etc/config/firewall: every option, with values that fw4 takes and values that it does not."""

from collections.abc import Iterable

from hypothesis import strategies as st

from offload.config.fw4.options.firewall_tables import TABLES

ZONE = ["lan", "wan", "guest", "nowhere", "*"]
ADDRESS = (
    "10.0.0.1 10.0.0.0/8 !10.1.0.0/16 1.2.3.4/0.0.0.255 "
    "10.0.0.1-10.0.0.9 fd00::1 fd00::/8 !fe80::1 ::1/-64 lan vpn !vpn x.y"
)
PORT = "80 !81 1-100 5:7 0 65536 http"


def each(names: Iterable[str], values: list[str]) -> dict[str, list[str]]:
    """The same values for several options."""
    return dict.fromkeys(names, values)


VALUES = {
    **each(("src", "dest", "reflection_zone"), ZONE),
    **each(["src_ip", "dest_ip", "src_dip", "snat_ip", "subnet", "masq_src", "masq_dest"], ADDRESS.split()),
    **each(["src_port", "dest_port", "src_dport", "snat_port"], PORT.split()),
    **each(
        ["input", "output", "forward", "target"],
        ["ACCEPT", "rej", "Drop", "mark", "DSCP", "notrack", "helper", "DNAT", "SNAT", "masq", "x"],
    ),
    "proto": ["tcp", "udp", "tcpudp", "all", "icmp", "ipv6-icmp", "esp", "132", "!tcp", "!icmp", "nosuch", "256"],
    "icmp_type": ["echo-request", "8/0", "3", "packet-too-big", "timestamp-request", "300", "x"],
    "src_mac": ["00:11:22:33:44:55", "!66-77-88-99-AA-BB", "zz"],
    "family": ["ipv4", "ipv6", "any", "inet", "x"],
    "name": ["lan", "wan", "guest", "A rule", 'quo"te', "\u00e9" * 100, "tcp"],
    "network": ["lan", "wan", "vpn", "!guest", "nonet"],
    "device": ["eth5", "wg+", "!eth6", "!tun+", "+", "lo", "*"],
    "match": ["ip", "src_net", "dest_port", "mac", "set"],
    "entry": ["10.0.0.1", "10.0.0.0/8 80", "80", "00:11:22:33:44:55", "fd00::1", "10.0.0.1-10.0.0.3"],
    **each(("set_mark", "set_xmark", "mark"), ["1", "0x1/0xf0", "0/0xff", "!2", "x"]),
    **each(("dscp", "set_dscp"), ["CS1", "ef", "63", "64", "!7"]),
    **each(("limit", "log_limit", "synflood_rate"), ["10/second", "5/m", "!3/hour", "0/s", "x"]),
    "ipset": ["lan", "wan dst", "!guest", "none"],
    **each(("helper", "set_helper"), ["ftp", "sip", "!ftp", "none"]),
    **each(
        ("limit_burst", "synflood_burst", "maxelem", "timeout", "log"), ["0", "1", "300000", "0xffffffff", "9999999999"]
    ),
    **each(("start_date", "stop_date"), ["2026", "2026-02-30", "2026-01-02T03:04:05"]),
    **each(("start_time", "stop_time"), ["5", "22:30", "25:00"]),
    "weekdays": ["mon", "!sat sun", "x"],
    "path": ["/etc/a.nft", "relative", '/etc/"x"'],
    "position": ["table-prepend", "chain-append", "x"],
    "type": ["script", "nftables", "x"],
    "chain": ["input", "x y"],
    "direction": ["in", "out", "x"],
}
ANY = ["0", "1", "yes", "x", "7", "b\u00f6se\u2028"]
MORE = {
    "proto": ["!udp", "!ipv6-icmp", "!esp"],
    "icmp_type": ["neighbour-solicitation", "echo-request"],
    **each(("src", "dest"), ["down", "six", "part"]),
    "ipset": ["hosts6", "doors src", "cards"],
    "reflection_src": ["internal", "external"],
}


TRAFFIC = ("rule", "redirect", "nat", "forwarding")
# what the parsers take, and more: what excludes, and ICMP types of one family
USABLE = {
    kind: {
        name: [word for word in [*VALUES.get(name, ANY), *MORE.get(name, ())] if option.parse(word) is not None]
        for name, option in TABLES[kind].items()
        if name not in {"enabled", "name", "_name"} and not option.unsupported
    }
    for kind in TRAFFIC
}


@st.composite
def usable(draw: st.DrawFn) -> list[str]:
    """Sections that match traffic, whose values are valid each by itself, though not all together."""
    found = []
    for kind in draw(st.lists(st.sampled_from(TRAFFIC), min_size=5, max_size=30)):
        options = USABLE[kind]
        lines = [f"config {kind}"]
        often = [name for name in ("src", "dest", "proto", "target") if name in options]
        names = [*draw(st.sets(st.sampled_from(often))), *draw(st.sets(st.sampled_from(sorted(options)), max_size=7))]
        for name in dict.fromkeys(names):
            many = TABLES[kind][name].many
            words = draw(st.lists(st.sampled_from(options[name]), min_size=1, max_size=3 if many else 1))
            lines += [f"\t{'list' if many else 'option'} {name} '{word}'" for word in words]
        found.append("\n".join(lines) + "\n")
    return found


@st.composite
def sections(draw: st.DrawFn) -> list[str]:
    """Sections in UCI text, each by itself."""
    found = []
    for kind in draw(st.lists(st.sampled_from(sorted(TABLES)), max_size=8)):
        names = draw(st.lists(st.sampled_from(sorted(TABLES[kind])), unique=True, max_size=9))
        lines = [f"config {kind}"]
        for name in names:
            good = draw(st.lists(st.sampled_from(VALUES.get(name, ANY)), min_size=1, max_size=3))
            many = TABLES[kind][name].many and draw(st.booleans())
            lines += [f"\tlist {name} '{value}'" for value in good] if many else [f"\toption {name} '{good[0]}'"]
        found.append("\n".join(lines) + "\n")
    return found
