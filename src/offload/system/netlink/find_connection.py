"""Ask the kernel for single conntrack entries, and for their ids, over ctnetlink, without a dump."""

import errno

from offload.errors import KernelError
from offload.model.flow import Entry, Tuple
from offload.system.netlink.ct.ctdump import refused, sentence
from offload.system.netlink.ct.ctnetlink import IPCTNL_MSG_CT_NEW, Parser
from offload.system.netlink.ct.ctrequest import lookup
from offload.system.netlink.dump import ask
from offload.system.netlink.wire import NETLINK_NETFILTER, NFGENMSG, attributes, messages

CTA_ID = 12


def find(proto: int, ends: Tuple) -> list[Entry]:
    """Ask the kernel for the conntrack entries of packets with these addresses and ports, or with both ends swapped.

    `proto`: IP protocol number. `ends`: must have ports other than 0. At most two are returned, because with NAT
    packets of the two directions may belong to different entries; empty if there is none. KernelError if the kernel
    refuses or does not reply.
    """
    back = Tuple(ends.dst, ends.src, ends.dport, ends.sport, ends.ct_zone)
    found = (entry for way in (ends, back) for entry in _one(proto, way))
    return list({(entry.proto, entry.original): entry for entry in found}.values())


def id_of(entry: Entry) -> bytes:
    """Ask the kernel for the id of a connection: four bytes, as nft compares them with `ct id`.

    Empty if the kernel does not find the connection, or refuses. KernelError if the kernel does not reply.
    """
    for kind, body in messages(_answer(entry.proto, entry.original)):
        if kind == IPCTNL_MSG_CT_NEW:
            return attributes(body, NFGENMSG.size).get(CTA_ID, b"")
    return b""


def _one(proto: int, ends: Tuple) -> list[Entry]:
    part = Parser().parse(_answer(proto, ends))
    if part.errno not in {0, errno.ENOENT}:
        try:
            refused(part.errno)
        except OSError as error:
            raise KernelError(sentence(error, "look for a connection")) from error
    return part.entries


def _answer(proto: int, ends: Tuple) -> bytes:
    try:
        return ask(NETLINK_NETFILTER, lookup(proto, ends))
    except OSError as error:
        raise KernelError(sentence(error, "look for a connection")) from error
