"""The conntrack helpers of OpenWrt's kernels, for a router whose firewall package has no list of its own."""

from offload.model.sections.section import Section

_HELPERS = (
    ("amanda", "nf_conntrack_amanda", "any", "udp", "10080"),
    ("ftp", "nf_conntrack_ftp", "any", "tcp", "21"),
    ("RAS", "nf_conntrack_h323", "any", "udp", "1719"),
    ("Q.931", "nf_conntrack_h323", "any", "tcp", "1720"),
    ("irc", "nf_conntrack_irc", "ipv4", "tcp", "6667"),
    ("netbios-ns", "nf_conntrack_netbios_ns", "ipv4", "udp", "137"),
    ("pptp", "nf_conntrack_pptp", "ipv4", "tcp", "1723"),
    ("sane", "nf_conntrack_sane", "any", "tcp", "6566"),
    ("sip", "nf_conntrack_sip", "any", "udp", "5060"),
    ("snmp", "nf_conntrack_snmp", "ipv4", "udp", "161"),
    ("tftp", "nf_conntrack_tftp", "any", "udp", "69"),
    ("rtsp", "nf_conntrack_rtsp", "ipv4", "tcp", "554"),
)
_OPTIONS = ("name", "module", "family", "proto", "port")
SHIPPED = tuple(
    Section("helpers", "helper", f"helper{index}", f"@helper[{index}]", dict(zip(_OPTIONS, values, strict=True)))
    for index, values in enumerate(_HELPERS)
)
