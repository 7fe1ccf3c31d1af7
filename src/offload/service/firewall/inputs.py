"""Everything that the firewall depends on, read once, and the ruleset compiled from it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from offload.compiler.firewall.ruleset import Compiled, compile_firewall
from offload.config.fw4 import netifd_data, set_entries
from offload.config.fw4.helpers import SHIPPED
from offload.config.fw4.options.fw4_values import plain_device
from offload.config.fw4.sections.loader import Loader
from offload.model.sections.firewall import RouterNetwork, RouterState
from offload.model.sections.section import Section
from offload.service.doors import FileReader


class Inputs(NamedTuple):
    """Everything that the firewall's ruleset depends on: the same inputs give the same ruleset."""

    sections: tuple[Section, ...]  # of /etc/config/firewall
    handed_over: tuple[netifd_data.Found, ...]  # sections of netifd's protocols and procd's services
    networks: Mapping[str, RouterNetwork]  # of netifd, by name
    set_files: Mapping[str, tuple[str, ...]]  # path -> lines, of the readable files that ipsets load
    helpers: tuple[Section, ...]  # sections of the helpers file; SHIPPED if it is empty or there is none
    includes: frozenset[str]  # paths of include sections that can be read
    modules: frozenset[str]  # kernel modules, loaded or built in
    lower: Mapping[str, tuple[str, ...]]  # device -> those directly below it: only for bridges, VLANs
    installed: tuple[tuple[str, str, str], ...]  # nft files of packages: (position, chain, path)


def read(
    sections: tuple[Section, ...],
    dump: Any,
    data: Any,
    files: FileReader,
    modules: frozenset[str],
    lower: Mapping[str, tuple[str, ...]],
    installed: tuple[tuple[str, str, str], ...],
) -> Inputs:
    """Gather everything that the ruleset depends on: the arguments, and the files that `files` reads.

    These are the files that ipsets load, and the file of conntrack helpers; and for each path of a `config include`,
    whether it can be read. `sections`: of /etc/config/firewall. `dump`, `data`: replies of netifd and procd; None:
    none. `modules`: kernel modules, loaded or built in. `lower`: each device with those directly below it (bridges,
    VLANs; else none), from which devices are left out whose name nft text cannot have. `installed`: (position, chain,
    path) of packages' nft files.
    """
    handed_over = netifd_data.sections(dump, data)
    paths = {path for each in sections if each.type == "include" and isinstance(path := each.options.get("path"), str)}
    return Inputs(
        sections,
        handed_over,
        netifd_data.networks(dump),
        _set_files(files, sections, handed_over),
        files.helpers() or SHIPPED,
        frozenset(path for path in paths if files.readable(path)),
        modules,
        {name: tuple(filter(plain_device, below)) for name, below in lower.items() if plain_device(name)},
        installed,
    )


def compiled(inputs: Inputs, left_out: Collection[str] = frozenset(), *, exact: bool = False) -> Compiled:
    """Compile the ruleset: with it the result has the zones and the problems of the configuration, each once.

    `left_out`: sections to leave out: ids of those in the file, names of those from netifd and procd. `exact`: leave
    out each `config rule` with a condition that cannot be read; else such a rule stays, without the condition, if it
    refuses packets.
    """
    loader = Loader(inputs.networks, inputs.set_files)
    sections = [each for each in inputs.sections if each.id not in left_out]
    handed_over = [each for each in inputs.handed_over if each[1].name not in left_out]
    config = loader.load(sections, handed_over, loader.helpers(inputs.helpers))
    if exact:
        config = config._replace(rules=tuple(rule for rule in config.rules if not rule.lost))
    state = RouterState(inputs.networks, inputs.modules, inputs.lower, inputs.installed, inputs.includes)
    found = compile_firewall(config, state)
    # the compiler meets the same fault once for each protocol, family and address
    return found._replace(problems=tuple(dict.fromkeys((*loader.problems, *found.problems))))


def _set_files(
    files: FileReader, sections: Sequence[Section], handed_over: Sequence[netifd_data.Found]
) -> dict[str, tuple[str, ...]]:
    options: list[Mapping[str, Any]] = [each.options for each in sections if each.type == "ipset"]
    options += [given for kind, _, given in handed_over if kind == "ipset"]
    named = {path for each in options if isinstance(path := each.get("loadfile"), str)}
    texts = {path: files.text(path) for path in sorted(named)}
    return {path: set_entries.lines(text) for path, text in texts.items() if text is not None}
