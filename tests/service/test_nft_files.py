"""Nft files that the firewall has yet to load, as `check` names them."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from offload.errors import NftError, NftFault
from offload.model.kernel.live_rule import LiveChain, LiveRule, Ruleset
from offload.service.bus.ubus_object import METHODS, answer
from offload.service.checking.nft_files import with_unloaded
from offload.system.firewall_files import FakeFirewallFiles
from service.routers import FIREWALL, Fakes, router, section

CHAIN = LiveChain("inet", "fw4", "lte", "postrouting", 0)
TTL = LiveRule("inet", "fw4", "lte", ("ttl",))
USERS = "/etc/nftables.d/10-lte.nft"
FILES = {USERS: "", "/etc/nftables.d/notes.txt": "", "/etc/own.nft": "", "/etc/chain.nft": ""}
INSTALLED = ("table-pre", "", "/usr/share/nftables.d/table-pre/a.nft"), ("chain-post", "forward", "/usr/b.nft")


class Dry:
    """A dry run whose file of users has a rule with the TTL; texts with a word of `refused` are refused."""

    def __init__(self, *refused: str, fault: NftFault = NftFault.REFUSED) -> None:
        self.asked: list[list[str]] = []
        self.before = ""
        self.refused, self.fault = refused, fault

    def __call__(self, texts: Sequence[str], before: str) -> Sequence[Ruleset]:
        self.asked.append(list(texts))
        self.before = before
        if any(word in text for word in self.refused for text in texts):
            raise NftError("syntax error", self.fault)
        return [((CHAIN,), (TTL,)) if USERS in text else ((), ()) for text in texts]


def asking(dry: Dry, *sections: tuple[str, dict[str, str]], texts: dict[str, str] | None = None) -> Fakes:
    fakes = router()
    files = FakeFirewallFiles()
    files.texts = {**FILES, **{path: "" for _, _, path in INSTALLED}} if texts is None else texts
    files.packages = INSTALLED
    more = tuple(section("firewall", kind, f"s{n}", **options) for n, (kind, options) in enumerate(sections))
    fakes.uci.packages["firewall"] = (*FIREWALL, *more)
    fakes.service.doors = replace(fakes.service.doors, files=files, dry_run=dry)
    fakes.service.work()
    return fakes


def found(fakes: Fakes) -> list[tuple[str, str]]:
    reply = answer(fakes.service, METHODS["check"], {})
    return [(each["code"], each["text"]) for each in reply["findings"] if each["code"].startswith("FILE_")]


def test_a_file_that_is_not_loaded_is_named() -> None:
    fakes = asking(Dry())
    text = f"{USERS} has rules that the firewall has not loaded yet: they set the TTL or hop limit, "
    assert found(fakes) == [("FILE_UNLOADED", f"{text}and offloaded packets would bypass them")]
    fakes.nft.foreign = (CHAIN,), (replace(TTL, digest=3),)
    assert found(fakes) == []


def test_files_are_named_where_the_kernel_does_not_list_its_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes = asking(Dry())

    def refuse(_: object) -> Ruleset:
        raise NftError("the kernel does not list its nft tables: busy")

    decided = fakes.service.decided
    assert decided is not None
    monkeypatch.setattr(type(fakes.nft), "ruleset", refuse)
    unread = with_unloaded(decided, fakes.service.doors).snapshot.unloaded
    assert {each.why for each in unread} == {"the kernel does not list its nft tables: busy"}
    assert USERS in {each.path for each in unread}


def test_each_file_is_read_at_its_place() -> None:
    own = {"type": "nftables", "path": "/etc/own.nft", "position": "ruleset-append"}
    chain = {"type": "nftables", "path": "/etc/chain.nft", "position": "chain-prepend", "chain": "forward_lan"}
    dry = Dry()
    assert found(asking(dry, ("include", own), ("include", chain), ("include", {"path": "/etc/script.sh"})))
    assert dry.asked == [
        [
            f'table inet fw4 {{\ninclude "{USERS}"\n}}\n',
            'include "/etc/own.nft"\n',
            'table inet fw4 {\nchain forward_lan {\ninclude "/etc/chain.nft"\n}\n}\n',
            'table inet fw4 {\ninclude "/usr/share/nftables.d/table-pre/a.nft"\n}\n',
            'table inet fw4 {\nchain forward {\ninclude "/usr/b.nft"\n}\n}\n',
        ]
    ]
    assert 'define lan_devices = { "br-lan" }\n' in dry.before


def test_a_file_is_read_by_the_bytes_of_its_name() -> None:
    dry, path = Dry("refused"), "/etc/nftables.d/B\udcfcro.nft"
    fakes = asking(dry, texts={path: "", '/etc/nftables.d/a"b.nft': "", "/etc/nftables.d/a\nb.nft": ""})
    odd = [text for _, text in found(fakes) if "/etc/nftables.d/a" in text]
    assert f'table inet fw4 {{\ninclude "{path}"\n}}\n' in dry.asked[0]
    assert [text.isprintable() and "by its name" in text for text in odd] == [True, True]


def test_files_of_packages_are_left_out_where_the_firewall_leaves_them_out() -> None:
    dry = Dry()
    found(asking(dry, ("defaults", {"auto_includes": "0"})))
    assert dry.asked == [[f'table inet fw4 {{\ninclude "{USERS}"\n}}\n']]


def test_a_file_that_nft_refuses_hides_no_other() -> None:
    (refused, _), (loaded, _) = sorted(found(asking(Dry("/usr/b.nft"))), reverse=True)
    assert (refused, loaded) == ("FILE_UNREAD", "FILE_UNLOADED")


@pytest.mark.parametrize("fault", [NftFault.SILENT, NftFault.NO_PROGRAM])
def test_an_nft_that_fails_says_so(fault: NftFault) -> None:
    dry = Dry(USERS, fault=fault)
    codes = [code for code, _ in found(asking(dry))]
    if fault is NftFault.SILENT:
        assert len(dry.asked) == 1, "a second run may take as long"
    assert "FILE_UNREAD" in codes


def test_what_is_no_file_is_not_given_to_nft(monkeypatch: pytest.MonkeyPatch) -> None:
    dry = Dry()
    fakes = asking(dry, texts={})
    files = fakes.service.doors.files
    assert isinstance(files, FakeFirewallFiles)
    monkeypatch.setattr(files, "matching", lambda _: ("/etc/nftables.d/fifo.nft", "/etc/nftables.d/*.nft"))
    files.packages = ()
    assert [text.rpartition(": ")[2] for _, text in found(fakes)] == [
        "it is not a regular file, or it is too large",
        "nft would read other files by its name, or by that of its chain",
    ]
    assert dry.asked == []
