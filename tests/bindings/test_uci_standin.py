"""How pyuci treats lookups, changes and save directories; brokers.py: how to run this with the real one."""

import re
from typing import Any

import pytest
import uci
from box import DEFAULT_SAVEDIR, PACKAGE, Box

HIGH = bytes(range(0x80, 0x100))


def test_values_are_decoded_as_utf8(box: Box) -> None:
    for byte in HIGH:
        box.file.write_bytes(b"config a n\n option x '" + bytes([byte]) + b"'\n")
        with pytest.raises(UnicodeDecodeError):
            box.uci().get_all(PACKAGE)


def test_all_bytes_above_ascii_are_letters_of_a_value(box: Box) -> None:
    text = HIGH.decode("latin-1")
    for quote in ("", "'", '"'):
        box.write(f"config a n # {text}\n option x {quote}{text}{quote}\n list y {text}\n")
        assert box.all() == {"n": {"x": text, "y": (text,)}}
    store = box.uci()
    store.set(PACKAGE, "n", "z", "1")
    store.commit(PACKAGE)
    assert box.file.read_text() == f"\nconfig a 'n'\n\toption x '{text}'\n\tlist y '{text}'\n\toption z '1'\n\n"


def test_exceptions_are_of_one_family() -> None:
    assert issubclass(uci.UciExceptionNotFound, uci.UciException)
    assert issubclass(uci.UciExceptionInvalidInput, uci.UciException)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (("nowhere_at_all",), uci.UciExceptionNotFound),
        ((PACKAGE, "missing"), uci.UciExceptionNotFound),
        ((PACKAGE, "n", "nothing"), uci.UciExceptionNotFound),
        ((PACKAGE, "@a[0]"), uci.UciExceptionNotFound),  # only understood in one string
        ((f"{PACKAGE}.@b[0]",), uci.UciExceptionNotFound),
        ((f"{PACKAGE}.a[0]",), uci.UciExceptionInvalidInput),
        ((f"{PACKAGE}.n.x.y",), uci.UciExceptionInvalidInput),
        (("a b",), uci.UciExceptionInvalidInput),
    ],
)
def test_lookups_that_fail(box: Box, path: tuple[str, ...], kind: type[Exception]) -> None:
    box.write("config a n\n option x 1\n")
    with pytest.raises(kind) as failure:
        box.uci().get(*path)
    assert type(failure.value) is kind and not failure.value.args


def test_lookups(box: Box) -> None:
    box.write("config a n\n option x 1\nconfig a\n list y 2\n")
    store = box.uci()
    assert store.get(PACKAGE, "n") == "a"
    assert store.get(PACKAGE, "n", "x") == "1"
    assert store.get_all(PACKAGE, "n") == {"x": "1"}
    assert [store.get(f"{PACKAGE}.@{which}") for which in ("a[1]", "a[-2]", "[0]")] == ["a", "a", "a"]


def test_what_is_loaded_stays(box: Box) -> None:
    box.write("config a n\n")
    store = box.uci()
    store.get_all(PACKAGE)
    box.write("")
    assert store.get_all(PACKAGE) == {"n": {}}


def test_a_path_is_read_without_deltas(box: Box) -> None:
    box.write("config a n\n option x 1\n")
    box.savedir.mkdir()
    box.saved.write_text(f"{PACKAGE}.n.x='2'\n")
    assert box.all() == {"n": {"x": "2"}}
    store = box.uci()
    with pytest.raises(uci.UciExceptionNotFound):
        store.get(str(box.file), " ")
    assert store.get_all(PACKAGE) == {"n": {"x": "1"}}
    store.set(PACKAGE, "n", "y", "3")
    store.commit(PACKAGE)
    assert box.file.read_text() == "\nconfig a 'n'\n\toption x '1'\n\toption y '3'\n\n"
    assert box.saved.exists()


DELTAS: dict[str, dict[str, object]] = {
    "{p}.n.x='2'": {"n": {"x": "2"}, "cfg02b607": {}},
    "{p}.m='t'": {"n": {"x": "1"}, "cfg02b607": {}, "m": {}},
    "+{p}.cfg03aaaa='t'": {"n": {"x": "1"}, "cfg02b607": {}, "cfg03aaaa": {}},
    "-{p}.n": {"cfg02b607": {}},
    "-{p}.n.x": {"n": {}, "cfg02b607": {}},
    "@{p}.n='m'": {"m": {"x": "1"}, "cfg02b607": {}},
    "@{p}.n.x='y'": {"n": {"y": "1"}, "cfg02b607": {}},
    "^{p}.n='1'": {"cfg02b607": {}, "n": {"x": "1"}},
    "|{p}.n.x='2'": {"n": {"x": ("1", "2")}, "cfg02b607": {}},
    "|{p}.n.y='it'\\''s\n'": {"n": {"x": "1", "y": ("it's\n",)}, "cfg02b607": {}},
    "|{p}.n.x='2'\n~{p}.n.x='1'": {"n": {"x": ("2",)}, "cfg02b607": {}},
    "other.n.x='2'\n{p}.n.x\n{p}.n='b d'\n{p}.o.x='1'\n{p}.n.x='2' 3\nx": {"n": {"x": "1"}, "cfg02b607": {}},
}


@pytest.mark.parametrize("lines", DELTAS)
@pytest.mark.parametrize("directory", ["own", "default"])
def test_saved_changes_are_read(box: Box, lines: str, directory: str) -> None:
    box.write("config a n\n option x 1\nconfig b\n")
    savedir = box.savedir if directory == "own" else DEFAULT_SAVEDIR
    savedir.mkdir(exist_ok=True)
    (savedir / PACKAGE).write_text(lines.format(p=PACKAGE) + "\n")
    found = box.all()
    assert found == DELTAS[lines] and list(found) == list(DELTAS[lines])


def test_changes_and_how_they_are_saved(box: Box) -> None:
    box.write("config a n\n option x 1\n option y 2\n")
    store = box.uci()
    store.set(PACKAGE, "n", "x", "it's")
    store.set(PACKAGE, "n", "x", "it's")
    store.set(PACKAGE, "m", "b")
    store.set(PACKAGE, "m", "list", ("1", "2"))
    store.set(PACKAGE, "n", "y", "")
    store.rename(PACKAGE, "m", "k")
    store.delete(PACKAGE, "missing")
    assert store.get_all(PACKAGE) == {"n": {"x": "it's"}, "k": {"list": ("1", "2")}}
    store.save(PACKAGE)
    assert box.saved.read_text().replace(PACKAGE, "p") == (
        "p.n.x='it'\\''s'\np.m='b'\n|p.m.list='1'\n|p.m.list='2'\n-p.n.y\n@p.m='k'\n"
    )
    box.uci().commit(PACKAGE)
    assert box.file.read_text() == (
        "\nconfig a 'n'\n\toption x 'it'\\''s'\n\nconfig b 'k'\n\tlist list '1'\n\tlist list '2'\n\n"
    )
    assert box.saved.read_text() == ""


def test_a_commit_takes_what_others_saved(box: Box) -> None:
    box.write("config a n\n")
    DEFAULT_SAVEDIR.mkdir(exist_ok=True)
    (DEFAULT_SAVEDIR / PACKAGE).write_text(f"{PACKAGE}.n.others='1'\n")
    store = box.uci()
    store.set(PACKAGE, "n", "ours", "1")
    store.commit(PACKAGE)
    assert box.file.read_text() == "\nconfig a 'n'\n\toption others '1'\n\toption ours '1'\n\n"


def test_revert(box: Box) -> None:
    box.write("config a n\n option x 1\n")
    store = box.uci()
    for option in ("x", "y", "z"):
        store.set(PACKAGE, "n", option, "2")
    store.revert(PACKAGE, "n", "y")
    assert store.get_all(PACKAGE) == {"n": {"x": "2", "z": "2"}}
    store.revert(PACKAGE)
    assert store.get_all(PACKAGE) == {"n": {"x": "1"}}


def test_add(box: Box) -> None:
    box.write("")
    store = box.uci()
    assert [store.add(PACKAGE, "a"), store.add(PACKAGE, "a")] == ["cfg01b606", "cfg02b606"]
    store.commit(PACKAGE)
    assert box.file.read_text() == "\nconfig a\n\nconfig a\n\n"
    with pytest.raises(uci.UciException, match="Duplicate entry"):
        store.add(PACKAGE, "a")


def test_leaving_the_context_commits(box: Box) -> None:
    box.write("")
    with box.uci() as store:
        store.set(PACKAGE, "n", "a")
    assert box.all() == {"n": {}}


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda store: store.set(PACKAGE, "n"), "Invalid number of arguments passed to Uci.set()"),
        (lambda store: store.set(PACKAGE, "n", "x", 1), "Unsupported value passed to uci.set()"),
        (lambda store: store.set(PACKAGE, "missing", "x", "1"), "Invalid argument"),
        (lambda store: store.set(PACKAGE, "n", "b d"), "Invalid argument"),
        (lambda store: store.set("nowhere_at_all", "n", "a"), "Invalid argument"),
        (lambda store: store.rename(PACKAGE, "x"), "Invalid number of arguments passed to Uci.rename()"),
        (lambda store: store.rename(PACKAGE, "missing", "x"), "Entry not found"),
        (lambda store: store.rename(PACKAGE, "missing", "x", "y"), "Internal uci error"),
        (lambda store: store.reorder(PACKAGE, "n", 0), "Internal uci error"),
    ],
)
def test_sentences(box: Box, call: Any, sentence: str) -> None:
    box.write("config a n\n option x 1\n")
    with pytest.raises(uci.UciException) as failure:
        call(box.uci())
    # libuci adds the place of the last parse error that the process ever met
    assert re.sub(r" \(.*\) at line .*", "", str(failure.value)) == sentence


def test_what_pyuci_never_finished(box: Box) -> None:
    for name in ("load", "unload", "changes"):
        with pytest.raises(NotImplementedError):
            getattr(box.uci(), name)(PACKAGE)
    for name in ("set_confdir", "set_savedir"):
        with pytest.raises(SystemError):
            getattr(box.uci(), name)("/")


def test_directories(box: Box) -> None:
    for name in ("b", "a", ".hidden", "with.dot"):
        (box.confdir / name).touch()
    (box.confdir / "folder").mkdir()
    store = box.uci()
    assert (store.confdir(), store.savedir()) == (str(box.confdir), str(box.savedir))
    assert store.list_configs() == ["a", "b"]
    assert (uci.Uci().confdir(), uci.Uci().savedir()) == ("/etc/config", str(DEFAULT_SAVEDIR))
