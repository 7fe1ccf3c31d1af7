"""`dataclass`, `field`, `replace` and `asdict`: faster substitutes for those of the module `dataclasses`.

`dataclasses.fields`, `replace` and `is_dataclass` take these classes too, and so do type checkers. Not supported are
inherited fields, ClassVar, InitVar, `__post_init__` and keyword-only fields.
"""

# The standard library compiles six methods for each frozen class and imports `inspect`: 1.2 ms a class, 70 ms of a cold
# `offload print` that may take 110. Here only `__init__` is compiled, and the other methods read the fields by name:
# a fifth of the time.

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import asdict, dataclass, field, replace
    from types import FunctionType
else:

    def dataclass(*, frozen: bool = False, slots: bool = False, order: bool = False) -> Callable[[type], type]:
        """A decorator that makes a dataclass with slots of a class. It raises TypeError if a base class is a dataclass.

        `frozen`, `order`: as for `dataclasses.dataclass`. `slots` has no effect; type checkers read it.
        """
        del slots
        return lambda cls: _made(cls, frozen=frozen, order=order)

    def field(*, default: Any = ..., default_factory: Callable[[], Any] | None = None, compare: bool = True) -> Any:
        """What a class body assigns to a field; three of the arguments of `dataclasses.field`.

        `default`: the default value; `...`: none. `default_factory`: a function that makes the default value for each
        object; None: none. `compare`: whether `==`, `hash` and the order use the field.
        """
        return _Field(default, default_factory, compare)

    def replace(noun: Any, /, **changes: Any) -> Any:
        """A copy of the object, in which the fields in `changes` have these values. TypeError for an unknown field."""
        return type(noun)(**({name: getattr(noun, name) for name in noun.__slots__} | changes))

    def asdict(noun: Any) -> dict[str, Any]:
        """The object as a dict, field name -> value. Dataclass objects in the values become dicts in the same way.

        They are found in tuples (also NamedTuples), lists and values of dicts, at any depth.
        """
        return {name: _plain(getattr(noun, name)) for name in noun.__slots__}


__all__ = ["asdict", "dataclass", "field", "replace"]


# A field's default (`...`: none), the factory of its default (None: none), and whether `==` and `hash` use it.
class _Field:
    def __init__(self, default: Any, factory: Callable[[], Any] | None, compare: bool) -> None:
        self.default, self.factory, self.compare = default, factory, compare


# A descriptor: the class attribute `__dataclass_fields__`, made when the standard library first reads it.
class _Fields:
    def __init__(self, given: Mapping[str, _Field]) -> None:
        self.given = given

    def __get__(self, noun: object, cls: type) -> dict[str, Any]:
        import dataclasses

        made = {}
        for name, given in self.given.items():
            words: dict[str, Any] = {"compare": given.compare, "kw_only": False}
            if given.factory is not None:
                words["default_factory"] = given.factory
            elif given.default is not ...:
                words["default"] = given.default
            made[name] = found = dataclasses.field(**words)
            found.name, found.type = name, cls.__annotations__[name]
            found._field_type = dataclasses._FIELD  # type: ignore[attr-defined]  # noqa: SLF001 - fields() asks for it
        type.__setattr__(cls, "__dataclass_fields__", made)
        return made


# `__dataclass_params__`: the standard library reads it when a class of its own inherits from one of these.
class _Parameters:
    def __init__(self, frozen: bool) -> None:
        self.frozen = frozen


def _made(cls: type, *, frozen: bool, order: bool) -> type:
    # a new class, because slots cannot be added to an existing one; methods that the body of `cls` defines are kept
    if any(hasattr(base, "__dataclass_fields__") for base in cls.__mro__):
        raise TypeError(f"{cls.__qualname__} inherits fields; offload.nouns makes classes that inherit none")
    types = dict(cls.__annotations__)
    given = {name: _given(cls.__dict__.get(name, ...)) for name in types}
    body = {name: value for name, value in vars(cls).items() if name not in {*types, "__dict__", "__weakref__"}}
    made = type(cls)(cls.__name__, cls.__bases__, body | {"__slots__": tuple(types), "__match_args__": tuple(types)})
    made.__qualname__ = cls.__qualname__
    made.__dataclass_fields__ = _Fields(given)  # type: ignore[attr-defined]
    made.__dataclass_params__ = _Parameters(frozen)  # type: ignore[attr-defined]
    methods = {"__init__": _init(made, given, types), "__repr__": _repr, "__reduce__": _reduce}
    methods |= _comparing(made, given, frozen=frozen, order=order)
    if frozen:
        methods |= {"__setattr__": _frozen, "__delattr__": _frozen}
    for name, method in methods.items():
        if name not in body:
            setattr(made, name, method)
    return made


def _given(value: Any) -> _Field:
    return value if isinstance(value, _Field) else _Field(value, None, compare=True)


def _init(cls: type, given: Mapping[str, _Field], types: Mapping[str, Any]) -> Any:
    # It sets slots by their descriptors, because a frozen class refuses to set attributes.
    known: dict[str, Any] = {"_missing": _MISSING}
    arguments, lines = [], []
    for name, each in given.items():
        known[f"_set_{name}"] = getattr(cls, name).__set__
        value = name
        if each.factory is not None:
            known[f"_make_{name}"] = each.factory
            arguments.append(f"{name}=_missing")
            value = f"_make_{name}() if {name} is _missing else {name}"
        elif each.default is not ...:
            known[f"_default_{name}"] = each.default
            arguments.append(f"{name}=_default_{name}")
        else:
            arguments.append(name)
        lines.append(f" _set_{name}(self, {value})")
    text = f"def __init__({', '.join(['self', *arguments])}):\n" + ("\n".join(lines) or " pass")
    exec(text, known)  # noqa: S102 - the text is made of the names of a class's fields
    init: FunctionType = known["__init__"]
    init.__qualname__, init.__annotations__ = f"{cls.__qualname__}.__init__", {**types, "return": None}
    return init


def _comparing(cls: type, given: Mapping[str, _Field], *, frozen: bool, order: bool) -> dict[str, Any]:
    # methods by name; `__hash__` is None if the class is not frozen
    names = [name for name, each in given.items() if each.compare]
    if len(names) > 1:
        key: Callable[[Any], Any] = attrgetter(*names)
    else:  # attrgetter of one name gives no tuple

        def key(noun: Any) -> Any:
            return tuple(getattr(noun, name) for name in names)

    def compared(symbol: str) -> Any:
        def method(self: Any, other: Any) -> Any:
            if other.__class__ is not self.__class__:
                return NotImplemented
            return getattr(key(self), symbol)(key(other))

        return method

    def equal(self: Any, other: Any) -> Any:
        return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

    methods: dict[str, Any] = {"__eq__": equal, "__hash__": (lambda self: hash(key(self))) if frozen else None}
    if "__eq__" in vars(cls) and not frozen:
        del methods["__hash__"]
    return methods | {symbol: compared(symbol) for symbol in (_ORDER if order else ())}


_MISSING = object()
_ORDER = ("__lt__", "__le__", "__gt__", "__ge__")


def _frozen(self: Any, name: str, *_: Any) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot change field {name!r} of {type(self).__name__}")


def _repr(self: Any) -> str:
    fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
    return f"{type(self).__qualname__}({fields})"


def _reduce(self: Any) -> tuple[type, tuple[Any, ...]]:
    # for copy and pickle, which would otherwise set the fields of an empty object
    return type(self), tuple(getattr(self, name) for name in self.__slots__)


def _plain(value: Any) -> Any:
    if isinstance(getattr(type(value), "__dataclass_fields__", None), dict):
        return {name: _plain(getattr(value, name)) for name in value.__slots__}
    if isinstance(value, list | tuple):
        made = [_plain(each) for each in value]
        return type(value)(*made) if hasattr(value, "_fields") else type(value)(made)
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value
