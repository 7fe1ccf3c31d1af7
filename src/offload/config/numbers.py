"""Names of IP protocols and DSCP classes with their numbers, and the valid names of zones and sets."""

# IANA's names of protocols, as in /etc/protocols, so that no rule depends on that file
_PROTOCOLS = (
    "hopopt=0 ip=0 icmp=1 igmp=2 ggp=3 ipencap=4 ipip=4 ipv4=4 st=5 tcp=6 egp=8 igp=9 pup=12 udp=17 hmp=20 xns-idp=22 "
    "rdp=27 iso-tp4=29 dccp=33 xtp=36 ddp=37 idpr-cmtp=38 ipv6=41 ipv6-route=43 ipv6-frag=44 idrp=45 rsvp=46 gre=47 "
    "esp=50 ipsec-esp=50 ah=51 ipsec-ah=51 skip=57 ipv6-icmp=58 icmpv6=58 ipv6-nonxt=59 ipv6-opts=60 rspf=73 vmtp=81 "
    "eigrp=88 ospf=89 ospfigp=89 ax.25=93 etherip=97 encap=98 pim=103 ipcomp=108 comp=108 vrrp=112 carp=112 l2tp=115 "
    "isis=124 sctp=132 fc=133 mobility-header=135 udplite=136 mpls-in-ip=137 manet=138 hip=139 shim6=140 wesp=141 "
    "rohc=142 ethernet=143"
)
PROTOCOL_NUMBERS = {name: int(number) for name, number in (word.split("=") for word in _PROTOCOLS.split())}
# RFC 2474 class selectors, RFC 2597 assured forwarding, RFC 3246 EF, RFC 8622 LE; names as nft writes them
DSCP = {
    **{f"cs{number}": number * 8 for number in range(8)},
    **{f"af{klass}{drop}": klass * 8 + drop * 2 for klass in range(1, 5) for drop in range(1, 4)},
    "be": 0,
    "df": 0,
    "le": 1,
    "ef": 46,
}
# The name of a zone or set as nft accepts it.
IDENTIFIER = r"[A-Za-z_.][A-Za-z0-9/_.-]*"
