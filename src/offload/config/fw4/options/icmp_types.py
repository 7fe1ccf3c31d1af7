"""Names of ICMP types, as iptables and OpenWrt's firewall know them: {name: (type, code)} for IPv4 and IPv6.

Code None is every code. Numbers: RFC 792, RFC 1812, RFC 4443 and others.
"""

Types = dict[str, tuple[int, int | None]]

_UNREACHABLE = (
    "network-unreachable host-unreachable protocol-unreachable port-unreachable fragmentation-needed "
    "source-route-failed network-unknown host-unknown - network-prohibited host-prohibited TOS-network-unreachable "
    "TOS-host-unreachable communication-prohibited host-precedence-violation precedence-cutoff"
)


def _codes(number: int, names: str) -> Types:
    # names in order from code 0; `-` for a code without a name
    return {name: (number, code) for code, name in enumerate(names.split()) if name != "-"}


def _types(names: str) -> Types:
    # words `name/alias=number`; they match every code
    pairs = (word.split("=") for word in names.split())
    return {name: (int(number), None) for spelled, number in pairs for name in spelled.split("/")}


IPV4: Types = {
    **_types(
        "echo-reply/pong=0 destination-unreachable=3 source-quench=4 redirect=5 echo-request/ping=8 "
        "router-advertisement=9 router-solicitation=10 time-exceeded/ttl-exceeded=11 parameter-problem=12 "
        "timestamp-request=13 timestamp-reply=14 address-mask-request=17 address-mask-reply=18"
    ),
    **_codes(3, _UNREACHABLE),
    **_codes(5, "network-redirect host-redirect TOS-network-redirect TOS-host-redirect"),
    **_codes(11, "ttl-zero-during-transit ttl-zero-during-reassembly"),
    **_codes(12, "ip-header-bad required-option-missing"),
}
IPV6: Types = {
    **_types(
        "destination-unreachable=1 packet-too-big=2 time-exceeded/ttl-exceeded=3 parameter-problem=4 "
        "echo-request/ping=128 echo-reply/pong=129 multicast-listener-query=130 multicast-listener-report=131 "
        "multicast-listener-done=132 router-solicitation=133 router-advertisement=134 "
        "neighbour-solicitation/neighbor-solicitation=135 neighbour-advertisement/neighbor-advertisement=136 "
        "redirect=137 router-renumbering=138 node-info-query=139 node-info-response=140 "
        "inverse-neighbour-discovery-solicitation-message/inverse-neighbor-discovery-solicitation-message=141 "
        "inverse-neighbour-discovery-advertisement-message/inverse-neighbor-discovery-advertisement-message=142 "
        "v2-multicast-listener-report=143 home-agent-address-discovery-request-message=144 "
        "home-agent-address-discovery-reply-message=145 mobile-prefix-solicitation=146 "
        "mobile-prefix-advertisement=147 certification-path-solicitation-message=148 "
        "certification-path-advertisement-message=149 seamoby-protocol-message=150 multicast-router-advertisement=151 "
        "multicast-router-solicitation=152 multicast-router-termination=153 fmipv6-message=154 "
        "rpl-control-message=155 ilnpv6-locator-update-message=156 duplicate-address-request=157 "
        "duplicate-address-confirmation=158 mpl-control-message=159 extended-echo-request/extended-ping=160 "
        "extended-echo-reply/extended-pong=161"
    ),
    **_codes(1, "no-route communication-prohibited - address-unreachable port-unreachable"),
    **_codes(3, "ttl-zero-during-transit ttl-zero-during-reassembly"),
    **_codes(4, "bad-header unknown-header-type unknown-option"),
}
