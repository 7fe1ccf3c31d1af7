"""Whatever stands in /etc/config comes out as typed values or as Problems that can be shown, never as an exception."""

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.config.choices import options
from offload.config.choices.offload_reading import read
from offload.config.choices.offload_tables import PACKAGES
from offload.config.load import FILES, load
from offload.config.schema import Bad, Parser
from offload.model.config import Family, Mode
from offload.model.network import DEVICE_NAME
from offload.model.problems.problem import Problem
from offload.model.sections.kinds import PORT
from offload.model.sections.section import Section
from offload.model.text.addresses import address
from strategies import gate, sections, values

# What the good values of each parser are: nothing else may reach the compiler.
GOOD: Mapping[Parser, Any] = {
    options.boolean: lambda value: isinstance(value, bool),
    options.mode: lambda value: value in Mode,
    options.family: lambda value: value in Family and value is not Family.NEITHER,
    options.identifier: lambda value: value.isascii() and value.isprintable() and not set(value) & set("'\"{};# \\"),
    options.zone: lambda value: value == "*" or options.identifier(value) == value,
    options.device: DEVICE_NAME.fullmatch,
    options.network: lambda value: ip_network(value.text) and value == address(value.text),
    options.mac: lambda value: len(value.text) == 17 and set(value.text) <= set("0123456789abcdef:"),
    options.ports: lambda value: 0 <= PORT.span(value)[0] <= PORT.span(value)[1] <= 65535,
    options.protocol: lambda value: {each.text for each in value} <= {"tcp", "udp", "gre"},
    options.mark: lambda value: 0 <= value.value <= value.mask <= 0xFFFFFFFF,
    options.dscp: lambda value: 0 <= value.value <= value.mask == 63,
    options.number(3, 1000): lambda value: 3 <= value <= 1000,
}


def can_be_shown(problem: Problem) -> bool:
    return str(problem).isprintable() and bool(problem.text)


@pytest.mark.parametrize("parse", GOOD, ids=lambda parse: parse.__qualname__.split(".")[0])
@gate
@given(word=values)
def test_every_word_is_a_good_value_or_a_fault_with_a_sentence(parse: Parser, word: str) -> None:
    value = parse(word)
    if isinstance(value, Bad):
        problem = value.fault.at("offload", "@zone[0]", "option", consequence="so what", **value.words)
        assert can_be_shown(problem)
    else:
        assert GOOD[parse](value)


@pytest.mark.parametrize(("package", "kind"), [(package, kind) for package in PACKAGES for kind in PACKAGES[package]])
@gate
@given(data=st.data())
def test_a_reading_has_a_value_or_a_problem_for_every_option(package: str, kind: str, data: st.DataObject) -> None:
    table = PACKAGES[package][kind]
    options_of = data.draw(st.dictionaries(st.sampled_from(sorted(table)), values, max_size=8))
    reading = read(Section(package, kind, "name", "name", options_of), table, "so what")
    assert {problem.option for problem in reading.problems} == reading.bad
    idle = {name for name, option in table.items() if option.unsupported or option.without_effect}
    assert set(options_of) <= set(reading.values) | reading.bad | idle
    assert all(map(can_be_shown, reading.problems))


@gate
@given(firewall=sections("firewall"), network=sections("network"), offload=sections("offload"))
def test_any_sections_load(
    firewall: tuple[Section, ...], network: tuple[Section, ...], offload: tuple[Section, ...]
) -> None:
    packages = {"firewall": firewall, "network": network, "offload": offload}
    config, problems = load(packages)
    assert load(packages) == (config, problems)
    assert config.readable
    assert {problem.file for problem in problems} <= set(FILES)
    assert all(problem.text for problem in problems)
    names = {zone.name for zone in config.zones}
    assert {choice.src for choice in config.pair_choices} | {choice.dest for choice in config.pair_choices} <= names | {
        "*"
    }
    assert {end for exempt in config.exempts for end in (exempt.src, exempt.dest)} <= names | {"*"}
