"""Which devices a hardware flowtable can list: by their driver's feature, and by a trial in the kernel.

Nothing is probed unless a section of /etc/config/offload has mode hardware.
"""

from offload.config.choices.options import mode
from offload.config.load import Packages
from offload.model.config import Mode
from offload.model.network import DEVICE_NAME, Snapshot
from offload.model.plan import HARDWARE_TABLE
from offload.model.problems.problem import Problem
from offload.nouns import dataclass, field, replace
from offload.service.doors import Drivers, NftChecker
from offload.system.nft.probe import bindable

HARDWARE = HARDWARE_TABLE[0]


def wanted(packages: Packages) -> bool:
    """Whether a section of /etc/config/offload has mode hardware; False if the file is unreadable or missing."""
    found = packages.get("offload", ())
    modes = () if isinstance(found, Problem) else (each.options.get("mode") for each in found)
    return any(mode(each) is Mode.HARDWARE for each in modes if isinstance(each, str))


@dataclass(slots=True)
class HardwareProbe:
    """Finds whether a hardware flowtable can list each device, and remembers the results of trials."""

    _binds: dict[str, bool] = field(default_factory=dict)  # by device: the kernel accepts it in a hardware flowtable

    def probe(self, snapshot: Snapshot, packages: Packages, drivers: Drivers, nft: NftChecker) -> Snapshot:
        """A copy of the Snapshot in which links whose feature hw-tc-offload is on have `hw_tc_offload` and `hw_bind`.

        `hw_bind`: the kernel accepts the device in a hardware flowtable. It does if our hardware table lists it;
        others are tried (`nft -c`) until there is a result. Links without the feature are not tried and stay as they
        are, so their `hw_bind` means nothing. The same Snapshot if no section of `packages` has mode hardware, or the
        kernel has no flowtables; then earlier results are forgotten. NftError if our hardware table cannot be listed,
        or nft itself fails.
        """
        if not wanted(packages) or not snapshot.kernel.flowtable:
            self._binds.clear()
            return snapshot
        able = drivers.hw_tc_offload(link.name for link in snapshot.links if DEVICE_NAME.fullmatch(link.name))
        self._ask(able, nft)
        links = tuple(
            replace(link, hw_tc_offload=True, hw_bind=self._binds.get(link.name, False)) if link.name in able else link
            for link in snapshot.links
        )
        return replace(snapshot, links=links)

    def _ask(self, able: frozenset[str], nft: NftChecker) -> None:
        for name in self._binds.keys() - able:
            del self._binds[name]
        if not (unknown := able - self._binds.keys()):
            return
        held = nft.live([HARDWARE]).get(HARDWARE)
        ours = unknown & (held.devices if held else frozenset())
        self._binds |= dict.fromkeys(ours, True) | bindable(nft, unknown - ours)
