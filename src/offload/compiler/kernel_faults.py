"""Faults of flowtables in released kernels, and which releases have them. Pure.

The numbers are those of the stable kernels' changelogs, as Debian's changelogs of linux 6.1.192 and 6.12.117 and the
announcements of 6.6, 6.8, 6.18 and 7.1 list them by the title of the change.
"""

import re
from typing import NamedTuple

RELEASE = re.compile(r"(\d{1,3})\.(\d{1,3})(?:\.(\d{1,5}))?(-\d)?", re.ASCII)
Version = tuple[int, int, int]


class Fault(NamedTuple):
    """A fault of the kernel: the first releases that have it (`since`), and the first in which it is mended (`mended`).

    Each tuple has one release for a series (5.15, 6.1), ascending. A kernel of a series that is not in the tuple is
    compared with the last release there.
    """

    since: tuple[Version, ...]
    mended: tuple[Version, ...]

    def has(self, release: str) -> bool:
        """Whether a kernel of this release (`uname -r`) has the fault; False also if `version` gives None for it."""
        found = version(release)
        return found is not None and _reaches(found, self.since) and not _reaches(found, self.mended)


# Ends with "ctnetlink: Support offloaded conntrack entry deletion"
CUT = Fault(((4, 16, 0),), ((6, 1, 32), (6, 4, 0)))
# Begins with "rework offload nf_conn timeout extension logic", ends with "fix offloaded ct timeout never being
# extended"
TIMEOUT = Fault(((6, 14, 0),), ((6, 18, 39), (7, 1, 4)))
# Begins with the discovery of paths through PPPoE, ends with "flowtable: incorrect pppoe tuple"
PPPOE = Fault(((5, 13, 0),), ((5, 15, 157), (6, 1, 88), (6, 6, 29), (6, 8, 8)))
# Begins with "flowtable: allow unidirectional rules", ends with "nf_tables: fix bidirectional offload regression"
HALF = Fault(((6, 1, 72), (6, 3, 0)), ((6, 1, 191), (6, 6, 18), (6, 7, 6)))
# Begins with hardware offload, ends with "flowtable: hold reference on ct until flow is released"
FREED = Fault(((5, 5, 0),), ((6, 1, 189), (6, 6, 159), (6, 12, 112), (6, 18, 54)))


def version(release: str) -> Version | None:
    """The three numbers of a release: `6.12.40`, `5.15.156-rt70+`; the third of `6.12` is 0. None: they are not known.

    That is so for text of another form, and for `6.1.0-56-amd64`: a distribution's name, which hides the third number.
    """
    found = RELEASE.match(release)
    if found is None or (found[3] == "0" and found[4]):
        return None
    return int(found[1]), int(found[2]), int(found[3] or 0)


# A series that `releases` does not have is compared with its last release.
def _reaches(found: Version, releases: tuple[Version, ...]) -> bool:
    same = (each for each in releases if each[:2] == found[:2])
    return found >= next(same, releases[-1])
