"""Problems (sentences) about valid sections of /etc/config/offload that do not do what one may expect. Pure."""

from collections.abc import Iterable, Iterator

from offload.compiler.devices import Topology
from offload.compiler.offload.pairs.requests import Choices, Pair, existing, pair_requests, permitted
from offload.model.config import Config
from offload.model.network import Snapshot
from offload.model.problems.problem import Problem, ProblemCode
from offload.model.text.similar import did_you_mean

DEVICE_OPTIONS = {"device": "it is taken in when it comes", "exclude_device": "nothing is kept out by it"}


def warnings(config: Config, topology: Topology, snapshot: Snapshot) -> list[Problem]:
    """The Problems (sentences) about valid sections that have no effect, or another effect than one may expect.

    Each of these has one: a `config pair` whose traffic the firewall does not permit; an exempt of a zone whose packets
    look like those of other zones; a device in `config globals` that does not exist; a pair of zones that is faster
    than in version 0.1.0 (`raised`). A faulty pair or exempt has none here.
    """
    there = permitted(config, topology, snapshot)
    pairs = [
        ProblemCode.PAIR_NOT_PERMITTED.at("offload", choice.section, src=choice.src, dest=choice.dest)
        for choice in config.pair_choices
        if not choice.faulty and not any(choice.means(*pair) for pair in there)
    ]
    exempts = [
        ProblemCode.EXEMPT_OF_EVERY_ZONE.at("offload", exempt.section, end, zone=name)
        for exempt in config.exempts
        for end, name in (("src", exempt.src), ("dest", exempt.dest))
        if not exempt.faulty and not exempt.everything and name in topology.zones and topology.zones[name].nowhere
    ]
    faster = raised(config, existing(config, topology, snapshot))
    return [*pairs, *exempts, *_unknown_devices(config, snapshot), *faster]


# Without any link the links were not read.
def _unknown_devices(config: Config, snapshot: Snapshot) -> Iterator[Problem]:
    known = [link.name for link in snapshot.links]
    named = {"device": config.globals.devices, "exclude_device": config.globals.exclude_devices}
    for option, names in named.items() if known else ():
        for name in dict.fromkeys(names):
            if name not in known:
                words = {"value": name, "hint": did_you_mean(name, known), "consequence": DEVICE_OPTIONS[option]}
                yield ProblemCode.UNKNOWN_DEVICE.at("offload", config.globals.section, option, **words)


def raised(config: Config, pairs: Iterable[Pair]) -> Iterator[Problem]:
    """A Problem for each of these pairs whose requested mode is higher now than version 0.1.0 had it for this file.

    In 0.1.0 a zone without a mode had that of globals; now its pairs have the mode of their other zone, and that of
    globals only if neither zone has one. There is no Problem for a pair whose mode a `config pair` gives, and none at
    all if the file was written for the present rules (`old_rule` False), if `mode` of globals is None, or if a
    configuration file cannot be read.
    """
    common = config.globals
    if not config.readable or not common.old_rule or common.mode is None:
        return
    choices = Choices.of(config)
    for request in pair_requests(config, pairs):
        ends = [choices.zone(name) for name in dict.fromkeys((request.src, request.dest))]
        before = min(end.mode or common.mode for end in ends)
        if before < request.mode and choices.own(request.src, request.dest) is None:
            unset = " and ".join(f"zone {end.name}" for end in ends if end.mode is None)
            words = {"pair": f"{request.src} > {request.dest}", "mode": request.mode.value, "before": before.value}
            yield ProblemCode.PAIR_RAISED.at("offload", common.section, zones=unset, **words)
