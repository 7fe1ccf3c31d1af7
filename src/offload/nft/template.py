"""Templates of nft text (Jinja2) as functions, whose code is stored in files, as Python stores bytecode.

A file has the code and the source that it was made of; if a template is edited, it is compiled again. Stored code runs
without an import of Jinja2: `_GLOBALS` has the names of Jinja2's runtime that it uses. A template whose code uses other
names is run by Jinja2 itself, and not stored.
"""

import marshal
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from types import CodeType, FunctionType
from typing import Any

Filters = Mapping[str, Callable[..., Any]]  # name in templates -> function
FOLDER = os.path.join(os.path.dirname(__file__), "templates")  # noqa: PTH118, PTH120 - pathlib is slow to import
ENDING = ".nft.j2"
SETTINGS: dict[str, Any] = {"keep_trailing_newline": True, "trim_blocks": True, "lstrip_blocks": True}
HEADER = 16  # bytes, as in Python's bytecode files


def template(name: str, filters: Filters) -> Callable[..., str]:
    """The function that fills the template of this name: values of the template's variables by keyword -> text.

    `filters`: Jinja2's filters by name. Stored code is used if it fits (see `stored`); otherwise the template is
    compiled, and stored if Python writes bytecode and the file can be written. OSError: the template does not exist or
    cannot be read. Without a variable that it needs, the function raises LookupError (Jinja2's UndefinedError where
    Jinja2 itself runs the template).
    """
    source = source_of(name)
    code = stored(name, source)
    if code is None:
        code = compiled(source, filters)
        if code is None:
            return from_source(source, filters)
        if not sys.dont_write_bytecode:
            store(name, source, code)
    return _Template(code, filters).render


def prepare(filters: Filters) -> bool:
    """Compile and store all templates; False: one could not be stored, and those after it were not tried.

    Templates that only Jinja2 itself can run are skipped. `filters`: Jinja2's filters by name.
    """
    for name in names():
        source = source_of(name)
        code = compiled(source, filters)
        if code is not None:
            store(name, source, code)
            if stored(name, source) is None:
                return False
    return True


def source_of(name: str) -> str:
    """The source text of the template of this name; OSError: there is no such file, or it cannot be read."""
    return _content(f"{FOLDER}/{name}{ENDING}").decode()


def from_source(source: str, filters: Filters) -> Callable[..., str]:
    """The function that fills the template with this source: values of the template's variables by keyword -> text.

    Jinja2 itself runs it. It raises Jinja2's UndefinedError if a variable that it needs is not given. `filters`:
    Jinja2's filters by name.
    """
    render: Callable[..., str] = _environment(filters).from_string(source).render
    return render


def compiled(source: str, filters: Filters) -> CodeType | None:
    """The code that Jinja2 makes of a template's source; None: it needs more of Jinja2's runtime than this module has.

    `filters`: Jinja2's filters by name.
    """
    environment = _environment(filters)
    module = compile(environment.compile(source, raw=True), "<template>", "exec")
    root = next(each for each in module.co_consts if isinstance(each, CodeType) and each.co_name == "root")
    arguments = root.co_varnames[: root.co_argcount]
    return root if arguments == ("context", "missing", "environment") and _names(root) <= _KNOWN else None


def stored(name: str, source: str) -> CodeType | None:
    """The stored code of a template; None: no file has code that this version of Python made of this source.

    `name`: of the template. Code that was made with other SETTINGS of Jinja2 does not count. A file that cannot be read
    is no error.
    """
    try:
        content = _content(_place(name))
        made_of, code = marshal.loads(content[HEADER:])  # noqa: S302 - as safe as the bytecode beside it
    except (OSError, EOFError, ValueError, TypeError):
        return None
    return code if (content[:HEADER], made_of) == (_header(), _key(source)) and isinstance(code, CodeType) else None


def store(name: str, source: str, code: CodeType) -> None:
    """Write the code and source of a template to its file in `templates/__pycache__`, which `stored` reads.

    The file is replaced in one step. If it cannot be written, that is ignored: the template is compiled again next
    time.
    """
    place = _place(name)
    draft = f"{place}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(place), exist_ok=True)  # noqa: PTH103, PTH120 - as FOLDER
        with open(draft, "wb") as file:  # noqa: PTH123 - as FOLDER
            file.write(_header() + marshal.dumps((_key(source), code)))
        os.replace(draft, place)  # noqa: PTH105 - as FOLDER
    except OSError:
        with suppress(OSError):
            os.unlink(draft)  # noqa: PTH108 - as FOLDER


def names() -> list[str]:
    """The names of all templates, sorted: their files' names without `.nft.j2`."""
    return sorted(each.removesuffix(ENDING) for each in os.listdir(FOLDER) if each.endswith(ENDING))  # noqa: PTH208


def _environment(filters: Filters) -> Any:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=False, undefined=StrictUndefined, **SETTINGS)  # noqa: S701 - nft text, not HTML
    environment.filters.update(filters)
    return environment


def _place(name: str) -> str:
    return f"{FOLDER}/__pycache__/{name}.nft.{sys.implementation.cache_tag}.pyc"


def _header() -> bytes:
    return b"%0*x" % (HEADER, sys.hexversion)


def _key(source: str) -> tuple[str, str]:
    return source, repr(SETTINGS)


def _content(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123 - as FOLDER
        return file.read()


def _names(code: CodeType) -> set[str]:
    inner = (each for each in code.co_consts if isinstance(each, CodeType))
    return set(code.co_names).union(*map(_names, inner))


# The template's code uses it as Jinja2's environment.
class _Template:
    concat = "".join
    getattr = staticmethod(getattr)

    def __init__(self, code: CodeType, filters: Filters) -> None:
        self.filters = filters
        self.root = FunctionType(code, _GLOBALS)

    # called by the template's code for a variable that was not given
    def undefined(self, name: str) -> None:
        raise LookupError(f"a template does not get {name}")

    def render(self, **words: Any) -> str:
        return self.concat(self.root(_Words(words), _missing, self))


# The template's code uses it as Jinja2's context.
class _Words:
    def __init__(self, words: Mapping[str, Any]) -> None:
        self.resolve_or_missing = lambda name: words.get(name, _missing)


# The variable `loop` of a template, of which only `last` exists.
class _Loop:
    def __init__(self, items: Iterable[Any], _undefined: object) -> None:
        self.items, self.last = list(items), False

    def __iter__(self) -> Iterator[tuple[Any, "_Loop"]]:
        for number, item in enumerate(self.items, 1):
            self.last = number == len(self.items)
            yield item, self


_missing = object()
# By Jinja2's names; those without a value are in branches for filters and values that do not occur.
_UNUSED = ("Undefined", "internalcode", "TemplateRuntimeError")
_GLOBALS: dict[str, Any] = {"LoopContext": _Loop, **dict.fromkeys(_UNUSED)}
_KNOWN = {*_GLOBALS, *dir(_Template), "filters", "resolve_or_missing", "KeyError", "str"}
