"""Every row of docs/fw4-differences.md, run: the lines that a configuration makes, and those that it must not make."""

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from offload.cli.firewall.main import main

PAGE = "docs/fw4-differences.md"
DOCUMENT = Path(__file__).parent.parent.parent / PAGE
LAN = {"interface": "lan", "l3_device": "br-lan", "ipv4-address": [{"address": "192.168.1.1", "mask": 24}]}
WAN = {"interface": "wan", "l3_device": "eth1", "ipv4-address": [{"address": "203.0.113.5", "mask": 24}]}
NETWORKS = [LAN, WAN, {"interface": "vpn", "up": False}]
ZONES = """
config defaults
	option input REJECT
	option forward REJECT
config zone
	option name lan
	option network lan
	option input ACCEPT
config zone
	option name wan
	option network wan
	option masq 1
"""


class Case(NamedTuple):
    """A configuration in UCI text: lines that the ruleset has to hold, lines that it must not, and the warnings."""

    text: str
    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    problem: str = ""
    services: tuple[dict[str, object], ...] = ()


def rule(options: str, kind: str = "rule") -> str:
    """A section: `option=value` words; `~` stands for a blank in a value."""
    pairs = (word.split("=", 1) for word in options.split())
    return f"config {kind}\n" + "".join(f"\toption {name} '{value.replace('~', ' ')}'\n" for name, value in pairs)


CASES = {
    "network-down": Case(rule("name=N src=wan src_ip=vpn proto=tcp target=ACCEPT"), (), ('"!fw4: N"',), "no address"),
    "network-down-negated": Case(
        rule("name=N src=wan src_ip=!vpn proto=tcp target=ACCEPT"),
        ('meta l4proto tcp counter accept comment "!fw4: N"',),
    ),
    "network-down-redirect": Case(
        rule("name=N src=wan dest=lan proto=tcp src_dport=80 dest_ip=vpn", "redirect"),
        (),
        ('"!fw4: N', "ct status dnat"),
        "no address",
    ),
    "negated-other-family": Case(
        rule("name=N src=wan src_ip=10.0.0.1~!fd00::7 proto=tcp target=ACCEPT")
        + rule("name=M src=wan dest_ip=fd00::1~!10.0.0.7 proto=tcp target=ACCEPT")
        + rule("name=O src=wan src_ip=!10.0.0.1~!fd00::7 proto=tcp target=ACCEPT"),
        (
            'meta l4proto tcp ip saddr 10.0.0.1 counter accept comment "!fw4: N"',
            'meta l4proto tcp ip6 daddr fd00::1 counter accept comment "!fw4: M"',
            'meta l4proto tcp ip saddr != 10.0.0.1 counter accept comment "!fw4: O"',
            'meta l4proto tcp ip6 saddr != fd00::7 counter accept comment "!fw4: O"',
        ),
        ('ip6 saddr != fd00::7 counter accept comment "!fw4: N"', "ip daddr != 10.0.0.7"),
    ),
    "icmp-type-any": Case(
        rule("name=N src=wan proto=icmp icmp_type=any target=DROP")
        + rule("name=M src=wan proto=all icmp_type=any family=ipv4 target=DROP")
        + rule("name=O src=wan proto=ipv6-icmp icmp_type=any target=DROP"),
        (
            'meta l4proto { icmp, ipv6-icmp } counter drop comment "!fw4: N"',
            'meta nfproto ipv4 meta l4proto icmp counter drop comment "!fw4: M"',
            'meta nfproto ipv6 meta l4proto ipv6-icmp counter drop comment "!fw4: O"',
        ),
        ("icmp type",),
    ),
    "all-ports-but": Case(
        rule("name=N src=wan dest=lan proto=tcp src_dport=!22 dest_ip=192.168.1.5", "redirect"),
        (
            'tcp dport != 22 counter dnat 192.168.1.5 comment "!fw4: N"',
            'ip daddr 203.0.113.5 tcp dport != 22 dnat 192.168.1.5 comment "!fw4: N (reflection)"',
            'ip daddr 192.168.1.5 tcp dport != 22 snat 192.168.1.1 comment "!fw4: N (reflection)"',
        ),
        ("192.168.1.5:22",),
    ),
    "new-port-negated": Case(
        rule("name=N src=wan dest=lan proto=tcp src_dport=22 dest_ip=192.168.1.5 dest_port=!23", "redirect")
        + rule("name=N src=lan dest=wan proto=tcp src_dport=!22 src_dip=203.0.113.9 target=SNAT", "redirect"),
        (),
        ('"!fw4: N',),
        "is the new port, which must be without negation",
    ),
    "set-size": Case(
        "config ipset\n\toption name banned\n\toption match src_ip\n\toption maxelem 1\n"
        "\tlist entry 10.0.0.1\n\tlist entry 10.0.0.2\n\tlist entry 10.0.0.2\n"
        + rule("name=nets match=src_net maxelem=1 entry=10.0.0.0/24", "ipset")
        + "\tlist entry 10.0.2.0/24\n\tlist entry 10.0.4.0/24\n"
        + rule("name=roomy match=src_net maxelem=50 entry=10.0.0.0/24", "ipset")
        + rule("name=half match=src_net maxelem=4 entry=10.0.0.0/24~10.0.2.0/24", "ipset")
        + rule("name=most match=src_net maxelem=4 entry=10.0.0.0/24~10.0.2.0/24~10.0.4.0/24", "ipset")
        + rule("name=doors match=src_net~dest_port maxelem=4 entry=10.0.0.0/24~80", "ipset"),
        ("size 2\n", "10.0.0.1,", "10.0.0.2", "size 7\n", "size 50\n", "size 9\n", "size 4\n"),
        ("size 1\n", "size 3\n", "size 5\n"),
        "has 2 entries, more than option 'maxelem' says",
    ),
    "number-too-large": Case(
        rule("name=N src=wan limit=1/day limit_burst=9999999999 target=ACCEPT")
        + rule("name=M src=wan limit=9/second limit_burst=9999999999 target=ACCEPT")
        + rule("name=L src=wan limit=1/day limit_burst=7 target=ACCEPT")
        + rule("name=old match=src_ip timeout=0xffffffff", "ipset")
        + rule("name=huge match=src_ip maxelem=0xffffffff", "ipset")
        + rule("name=big match=src_ip maxelem=1048576", "ipset"),
        (
            "limit rate 1/day burst 213503 packets ",
            "limit rate 9/second burst 4294967295 packets ",
            "limit rate 1/day burst 7 packets ",
            "timeout 99999999s",
            "size 1048576\n",
        ),
        ("size 4294967295", "9999999999"),
        "option 'maxelem' has no effect",
    ),
    "new-address-network": Case(
        rule("name=N src=wan src_ip=10.0.0.1 snat_ip=wan target=SNAT", "nat")
        + rule("name=N src=wan dest=lan proto=tcp src_dport=81 dest_ip=lan", "redirect")
        + rule("name=N src=lan dest=wan proto=udp src_dip=wan target=SNAT", "redirect"),
        (
            "counter snat 203.0.113.5 ",
            "counter dnat 192.168.1.1:81 ",
            "ip daddr 192.168.1.1 tcp dport 81 snat 192.168.1.1 ",
        ),
        ("203.0.113.0 ", "192.168.1.0:81"),
    ),
    "rule-target": Case(
        "".join(rule(f"name=N src=wan target={target}") for target in ("MASQUERADE", "SNAT", "DNAT")),
        (),
        ('"!fw4: N"',),
        "which is not a target of rules",
    ),
    "ports-negated": Case(
        rule("name=N src=lan proto=udp src_port=!20001 dest_port=!80 target=DROP"),
        ("udp sport != 20001 udp dport != 80-80 ",),
    ),
    "network-down-masq": Case(
        rule("name=v6 device=eth7 masq=1 masq_src=vpn", "zone"), (), ("Masquerade IPv4 v6",), "no address"
    ),
    "zone-down-subnet": Case(
        rule("name=far network=vpn subnet=10.0.0.0/8 input=ACCEPT", "zone"), (), ("jump input_far",)
    ),
    "zone-subnet-down": Case(
        rule("name=far device=eth7 subnet=vpn input=ACCEPT", "zone"), (), ("jump input_far",), "no address"
    ),
    "mark-zone": Case(
        rule("name=far network=vpn", "zone")
        + rule("name=part subnet=10.0.0.0/8", "zone")
        + rule("name=rest device=!eth1", "zone")
        + rule("name=D src=far dest=* proto=all set_mark=1 target=MARK")
        + rule("name=S src=part dest=* proto=all set_mark=2 target=MARK")
        + rule("name=I src=rest dest=* proto=all set_mark=3 target=MARK"),
        ("ip saddr 10.0.0.0/8 counter meta mark set 0x2", 'iifname != "eth1" counter meta mark set 0x3'),
        ("meta mark set 0x1",),
    ),
    "loopback-zone": Case(
        "config zone\n\toption name odd\n\tlist device lo\n\tlist device !eth7\n"
        + rule("src=odd proto=udp target=NOTRACK"),
        (),
        ('\tiifname != "eth7" jump notrack_odd',),
    ),
    "unsupported-condition": Case(
        rule("name=N src=wan proto=tcp extra=-m target=ACCEPT") + rule("name=N src=wan monthdays=1", "nat"),
        (),
        ('"!fw4: N',),
        "is left out: without extra",
    ),
    "nat-ipset": Case(
        rule("name=hosts match=src_ip", "ipset") + rule("name=N src=wan ipset=hosts target=ACCEPT", "nat"),
        ('ip saddr @hosts counter accept comment "!fw4: N"',),
    ),
    "blank-condition": Case(
        "".join(
            rule(f"name=N src=wan {option}=~ target=ACCEPT")
            for option in ("src_ip", "dest_ip", "src_mac", "src_port", "dest_port", "icmp_type", "proto")
        )
        + rule("name=N src=wan dest=lan proto=~ src_dport=80 dest_ip=192.168.1.5", "redirect")
        + rule("name=N src=wan proto=~ target=MASQUERADE", "nat"),
        (),
        ('"!fw4: N',),
        "is left out",
    ),
    "negated-protocol": Case(
        rule("name=N src=wan proto=!tcp target=ACCEPT")
        + rule("name=M src=wan proto=!icmp~!tcp src_ip=fd00::/8 target=MASQUERADE", "nat")
        + rule("name=M src=wan proto=!tcp~!icmp src_ip=fd01::/16 target=MASQUERADE", "nat"),
        (
            'meta l4proto != tcp counter accept comment "!fw4: N"',
            'meta l4proto != { ipv6-icmp, tcp } ip6 saddr fd00::/8 counter masquerade comment "!fw4: M"',
            'meta l4proto != { tcp, ipv6-icmp } ip6 saddr fd01::/16 counter masquerade comment "!fw4: M"',
        ),
    ),
    "negated-of-all": Case(
        rule("name=N src=wan proto=all~!tcp target=ACCEPT")
        + rule("name=M src=wan proto=!tcp dest_port=53 target=ACCEPT")
        + rule("name=O src=wan proto=!tcp icmp_type=ping family=ipv4 target=ACCEPT"),
        (
            'meta l4proto != tcp counter accept comment "!fw4: N"',
            'udp dport 53 counter accept comment "!fw4: M"',
            'icmp type 8 counter accept comment "!fw4: O"',
        ),
        ("\tcounter accept", "tcp dport 53"),
    ),
    "protocol-excluded": Case(
        rule("name=N src=wan proto=udp~!udp target=ACCEPT"), (), ('"!fw4: N"',), "excludes every protocol"
    ),
    "ports-of-any": Case(
        rule("name=N src=wan proto=all dest_port=22 target=ACCEPT"),
        ("tcp dport 22 counter accept", "udp dport 22 counter accept"),
        ("\tcounter accept",),
    ),
    "ports-without": Case(
        rule("name=N src=wan proto=esp~icmp dest_port=22 target=ACCEPT")
        + "".join(
            rule(f"name=N src=wan dest=lan proto={proto} src_dport={port} dest_ip=192.168.1.5", "redirect")
            for proto in ("icmp", "esp", "icmp~esp")
            for port in ("22", "!22")
        )
        + "".join(
            rule(f"name=N src=wan dest=lan proto={proto} dest_port=22 {address}", "redirect")
            for proto in ("icmp", "esp", "icmp~esp")
            for address in ("dest_ip=192.168.1.5", "")
        )
        + rule("name=O src=wan dest=lan proto=esp~tcp dest_port=23 dest_ip=192.168.1.6", "redirect")
        + rule("name=N src=lan dest=wan proto=icmp dest_port=22 src_dip=203.0.113.9 target=SNAT", "redirect")
        + rule("name=M src=lan dest=wan proto=tcp~icmp dest_port=!22 src_dip=203.0.113.8 target=SNAT", "redirect"),
        ('tcp dport != 22 counter snat 203.0.113.8 comment "!fw4: M"', "tcp counter dnat 192.168.1.6:23"),
        ('"!fw4: N', "l4proto icmp counter", "esp", "l4proto 50", "dnat 192.168.1.6 "),
        "which has no ports",
    ),
    "ports-sctp": Case(rule("name=N src=wan proto=sctp dest_port=22 target=ACCEPT"), ("sctp dport 22 counter accept",)),
    "set-ports-sctp": Case(
        rule("name=doors match=port", "ipset")
        + rule("name=N src=wan dest=lan ipset=doors proto=udplite dest_ip=192.168.1.5", "redirect"),
        ("udplite sport @doors counter dnat 192.168.1.5",),
    ),
    "icmp-types-without": Case(
        rule("name=N src=wan proto=tcp icmp_type=ping target=ACCEPT")
        + rule("name=A src=wan proto=all family=ipv4 icmp_type=ping target=ACCEPT"),
        ('icmp type 8 counter accept comment "!fw4: A"',),
        ('"!fw4: N"',),
        "which has no ICMP types",
    ),
    "icmp-type-family": Case(
        rule("name=N src=wan proto=icmp family=ipv6 icmp_type=timestamp-request target=ACCEPT"),
        (),
        ('"!fw4: N"',),
        "'icmp_type' has no type of IPv6",
    ),
    "set-network-in-ip": Case(
        rule("name=hosts match=src_ip entry=10.0.0.0/8", "ipset"), ("flags interval", "10.0.0.0/8")
    ),
    "negative-mask": Case(
        rule("name=N src=wan src_ip=192.168.1.5/-8 proto=tcp target=ACCEPT"),
        ("ip saddr & 0.255.255.255 == 0.168.1.5 counter accept",),
    ),
    "limit-set-ports": Case(
        rule("name=s match=src_ip~dest_port entry=10.0.0.1~80", "ipset")
        + rule("name=N src=lan ipset=s proto=tcp limit=9/hour target=DROP"),
        ("meta nfproto ipv4 meta l4proto tcp limit rate 9/hour ip saddr . tcp dport @s counter drop ",),
    ),
    "protocol-twice": Case(
        rule("name=N src=lan proto=udp~17 dest_port=5 limit=3/s target=DROP"),
        ('{\n\t\tudp dport 5 limit rate 3/second counter drop comment "!fw4: N"\n\t\tjump ',),
    ),
    "device-any": Case(
        rule("name=all network=vpn device=+ input=ACCEPT", "zone"),
        ("define all_devices = { }\n", "jump input_all"),
    ),
    "limit-negated": Case(rule("name=N src=wan limit=!10/s target=DROP"), ("limit rate over 10/second counter drop",)),
    "utc-time": Case(
        rule("name=N src=wan start_time=22:00 stop_time=06:00 start_date=2026-01-02 utc_time=1 target=DROP"),
        ("meta time >= 1767312000 meta hour 79200-21600",),
    ),
    "device-wildcard": Case(rule("name=N src=wan device=wg+ target=DROP"), ('iifname "wg*"',)),
    "drop-unreadable": Case(
        rule("name=N src=wan dest=lan src_ip=10.0.0.300 proto=tcp target=DROP"),
        ('meta l4proto tcp counter jump drop_to_lan comment "!fw4: N"',),
        (),
        "goes without src_ip",
    ),
    "drop-management": Case(
        rule("name=N src=lan src_ip=10.0.0.300 target=DROP") + rule("name=N src=* src_mac=x target=REJECT"),
        (),
        ('"!fw4: N"',),
        "could close the way to manage",
    ),
    "drop-detail": Case(
        rule("name=N src=wan dest=lan proto=tcp counter=maybe target=DROP"), ('jump drop_to_lan comment "!fw4: N"',)
    ),
    "zone-helper-unknown": Case(
        rule("name=far device=eth7 helper=nohelper input=ACCEPT", "zone"),
        ('iifname "eth7" jump input_far',),
        ("ct helper set",),
        "goes without conntrack helper 'nohelper'",
    ),
    "times-empty": Case(
        rule("name=N src=wan start_date=2026-06-02 stop_date=2026-06-01 target=DROP"),
        (),
        ('"!fw4: N"',),
        "is left out: stop_date is before start_date",
    ),
    "variable-in-log": Case(rule("name=$N src=wan log=1 target=DROP"), ('log prefix "?N: " ', '"!fw4: $N"')),
    "ubus-family-number": Case(
        "",
        ('meta nfproto ipv6 tcp dport 22 counter accept comment "!fw4: ubus:daemon rule 0"',),
        services=({"type": "rule", "src": "wan", "proto": "tcp", "dest_port": 22, "family": 6, "target": "ACCEPT"},),
    ),
    "device-no-name": Case(
        rule('name=far device=eth7~a"b~x input=ACCEPT', "zone"),
        ('iifname { "eth7", "/never/", "x" } jump input_far',),
        (),
        "goes without 'a\"b' in option 'device'",
    ),
    "inverted-wildcard": Case(
        rule("name=rest device=!tun+", "zone") + rule("src=rest proto=udp target=NOTRACK"),
        ('iifname != "tun*" jump notrack_rest',),
    ),
    "masked-loopback": Case(
        rule("name=odd subnet=::1/::ffff:ffff:ffff:ffff", "zone") + rule("src=odd proto=udp target=NOTRACK"),
        ("ip6 saddr & ::ffff:ffff:ffff:ffff == ::1 jump notrack_odd",),
    ),
    "long-name": Case(
        rule(f"name={'n' * 200} log={'p' * 200} src=wan target=DROP"), (f'"!fw4: {"n" * 122}"', f'prefix "{"p" * 127}"')
    ),
    "prefix-too-long": Case(
        rule("name=N src=wan proto=tcp src_ip=192.168.1.0/33 target=ACCEPT")
        + rule("name=N src=wan dest=lan proto=tcp src_dport=80 src_dip=fd00::/129 dest_ip=fd00::1", "redirect")
        + rule("name=D src=wan dest=lan proto=tcp src_ip=192.168.1.0/33 target=DROP"),
        ('tcp counter jump drop_to_lan comment "!fw4: D"',),
        ('"!fw4: N"', "ct status dnat"),
        "is left out",
    ),
    "unknown-protocol": Case(rule("name=N src=wan proto=nosuch target=ACCEPT"), (), ('"!fw4: N"',), "not a protocol"),
    "limit-zero": Case(rule("name=N src=wan limit=0/s target=ACCEPT"), (), ('"!fw4: N"',), "not a rate"),
    "helper-not-loaded": Case(
        rule("name=N src=lan proto=tcp set_helper=ftp target=HELPER"), (), ('"!fw4: N"',), "is not available"
    ),
    "masq-family": Case(
        rule("name=far device=eth7 masq=1 forward=ACCEPT subnet=10.0.0.0/8~fd00::/8", "zone"),
        (
            'meta nfproto ipv4 masquerade comment "!fw4: Masquerade IPv4 far traffic"',
            "ip daddr 10.0.0.0/8 ct state inv",
        ),
        ("ip6 daddr fd00::/8 ct state invalid",),
    ),
    "zone-detail": Case(
        rule("name=far device=eth7 input=REJECT log_limit=!1/s mtu_fix=x masq=x", "zone"),
        ('iifname "eth7" jump input_far',),
        (),
        "goes without log_limit, mtu_fix, masq",
    ),
    "zone-policy": Case(
        rule("input=ACCEPT forward=ACCEPT output=REJECT", "defaults")
        + rule("name=home device=eth6 input=ACCEPT", "zone")
        + rule("name=far device=eth7 input=DENY output=DENY forward=DENY", "zone"),
        ("jump reject_from_far", "jump reject_to_far"),
        ("jump accept_to_far",),
        "uses REJECT for option 'input'",
    ),
    "zone-masq-unreadable": Case(
        rule("name=far device=eth7 masq=1 masq_dest=10.0.0.0/33", "zone"), (), ("Masquerade IPv4 far",), "masquerades"
    ),
    "zone-left-out": Case(
        rule("input=ACCEPT forward=ACCEPT", "defaults")
        + rule("name=home device=eth6 input=ACCEPT", "zone")
        + rule("name=far device=eth7 subnet=10.0.0.0/33 input=DROP forward=REJECT", "zone")
        + rule("name=six device=eth8 family=ipv6 subnet=10.0.0.0/8 input=DROP", "zone")
        + rule("name=N src=far dest=home target=DROP"),
        (
            'iifname "eth8" drop comment "!fw4: In place of zone six: input traffic"',
            'iifname "eth7" udp dport { 67, 68, 546, 547 } accept comment "!fw4: In place of zone far',
            'iifname "eth7" drop comment "!fw4: In place of zone far: input traffic"',
            'iifname "eth7" jump handle_reject comment "!fw4: In place of zone far: forward traffic"',
        ),
        (),
        "where 'defaults' accepts",
    ),
    "zone-twice": Case(rule("name=lan device=eth9", "zone"), (), ('"eth9"',), "an earlier section"),
    "set-twice": Case(
        rule("name=s match=ip entry=10.0.0.1", "ipset") + rule("name=s match=ip entry=10.0.0.2", "ipset"),
        ("10.0.0.1",),
        ("10.0.0.2",),
        "an earlier section",
    ),
    "set-word": Case(rule("name=tcp match=ip", "ipset"), (), ("set tcp",), "nft's own language"),
    "set-overlap": Case(
        rule("name=s match=src_ip~dest_port entry=10.0.0.0/8~80", "ipset")
        + "\tlist entry '10.1.1.1 80'\n\tlist entry '9.0.0.0-10.0.0.9 80'\n",
        ("elements = {\n\t\t\t10.0.0.0/8 . 80\n",),
        ("10.1.1.1", "9.0.0.0"),
        "overlaps another in part",
    ),
    "set-range": Case(rule("name=s match=net entry=10.0.0.1-10.0.0.9", "ipset"), ("10.0.0.1-10.0.0.9",)),
    "dnat-without-port": Case(
        rule("name=N src=wan dest=lan proto=tcp dest_ip=192.168.1.5 dest_port=80", "redirect"),
        ("meta nfproto ipv4 meta l4proto tcp counter dnat 192.168.1.5:80",),
    ),
    "nat-icmp-port": Case(
        rule("name=N src=wan proto=icmp snat_ip=203.0.113.9 snat_port=100-200 target=SNAT", "nat")
        + rule("name=M src=wan proto=all~gre snat_ip=203.0.113.8 snat_port=100 target=SNAT", "nat"),
        (
            "meta nfproto ipv4 meta l4proto icmp counter snat 203.0.113.9:100-200",
            "meta nfproto ipv4 meta l4proto udp counter snat 203.0.113.8:100",
            "meta nfproto ipv4 meta l4proto 47 counter snat 203.0.113.8 ",
        ),
    ),
    "assumed-range": Case(
        rule("name=dmz device=eth7 subnet=10.0.0.1-10.0.0.20", "zone")
        + rule("name=far device=eth8 subnet=10.0.1.1-10.0.1.20", "zone")
        + rule("name=N src=wan proto=tcp src_dport=80 dest_ip=10.0.1.5", "redirect")
        + rule("name=M src=wan proto=tcp src_dport=81 dest_ip=10.0.2.5", "redirect"),
        ("jump dstnat_far", "counter dnat 10.0.2.5:81"),
        ("jump dstnat_dmz",),
        "zone 'far' is assumed",
    ),
    "nat-range-port": Case(
        rule("name=N src=wan family=ipv6 proto=tcp snat_ip=fd00::1-fd00::9 snat_port=100 target=SNAT", "nat")
        + rule("name=N src=wan family=ipv6 proto=tcp dest_ip=fd00::1-fd00::9 src_dport=80", "redirect"),
        ("counter snat [fd00::1]-[fd00::9]:100 ", "counter dnat [fd00::1]-[fd00::9]:80 "),
    ),
    "defaults-value": Case(
        "config defaults\n\toption input maybe\n\toption drop_invalid 1\n",
        ("type filter hook input priority filter; policy drop;", "invalid : drop"),
        (),
        "which is not ACCEPT",
    ),
    "include-value": Case(rule("type=nftables", "include"), (), (), "needs option 'path'"),
    "reject-tcp-reset": Case(
        "config defaults\n\toption any_reject_code tcp-reset\n", ('drop comment "!fw4: Drop any other traffic"',)
    ),
    "ubus-zones": Case(
        "",
        ('iifname "peer0" jump input_peers', 'jump accept_to_wan comment "!fw4: ubus:daemon forwarding 1"'),
        services=(
            {"type": "zone", "name": "peers", "device": ["peer0"]},
            {"type": "forwarding", "src": "peers", "dest": "wan"},
        ),
    ),
}


def rows() -> list[str]:
    return re.findall(r"^\| `([a-z-]+)` \|", DOCUMENT.read_text(), re.MULTILINE)


def test_every_row_has_a_case_and_every_case_a_row() -> None:
    assert sorted(rows()) == sorted(CASES)


@pytest.mark.parametrize("name", CASES)
def test_row(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = CASES[name]
    config = tmp_path / "etc/config/firewall"
    config.parent.mkdir(parents=True)
    config.write_text(case.text if case.text.startswith("config defaults") else ZONES + case.text)
    data = {"daemon": {"firewall": list(case.services)}}
    ubus = {"network.interface dump": {"interface": NETWORKS}, "service get_data": data}
    (tmp_path / "snapshot.json").write_text(json.dumps({"ubus": ubus}))
    assert main(["firewall", "print", "--root", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert [line for line in case.wanted if line not in printed.out] == []
    assert [line for line in case.unwanted if line in printed.out] == []
    assert case.problem in printed.err
    assert case.problem or not [line for line in printed.err.splitlines() if "is left out" in line]
