"""Exempts in the values that tests like to write: networks, port ranges as two numbers, marks as value and mask.

What is excluded is written as text: `!10.0.0.1`, `!443`.
"""

from typing import Any

from offload.model.sections.exempts import Exempt
from offload.model.sections.fields import FIELDS, Field
from offload.model.sections.kinds import DSCP, MARK, NETWORK, PORT
from offload.model.sections.match import WHOLE_DSCP, Bits, Item, Match
from offload.model.text.networks import as_address, network


def exempt_of(
    name: str, section: str, src: str = "*", dest: str = "*", *, faulty: bool = False, **words: Any
) -> Exempt:
    """An exempt with these conditions."""
    given = {each.name: _values(each, words.pop(each.name)) for each in FIELDS if words.get(each.name) is not None}
    assert not {name: value for name, value in words.items() if value is not None}
    return Exempt(name, section, src, dest, Match(**given), faulty)


def _values(field: Field, value: Any) -> Any:
    return tuple(_value(field, each) for each in value) if field.many else _value(field, value)


def _value(field: Field, value: Any) -> Any:
    if isinstance(value, str) and value.startswith("!"):
        return field.read(value)
    if field.kind is NETWORK:
        return as_address(value)
    if field.kind is PORT:
        return Item(field.kind.key(value, 0))
    if field.kind in {MARK, DSCP}:
        return Bits(*value) if field.kind is MARK else Bits(value, WHOLE_DSCP)
    return Item(value)


def conditions(exempt: Exempt) -> dict[str, Any]:
    """Its conditions in the same values, those that it has not left out."""
    found: dict[str, Any] = {}
    for field in FIELDS:
        if field.given(exempt.match):
            value = getattr(exempt.match, field.name)
            found[field.name] = tuple(_plain(field, each) for each in value) if field.many else _plain(field, value)
    return found


def _plain(field: Field, value: Any) -> Any:
    if value.negated:
        return field.text(value)
    if field.kind is NETWORK:
        return network(value.text)
    if field.kind is PORT:
        return field.kind.span(value)
    if field.kind in {MARK, DSCP}:
        return (value.value, value.mask) if field.kind is MARK else value.value
    return value.text
