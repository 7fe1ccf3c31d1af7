"""The nft door: nft's own sentence, and every other way in which a program can fail."""

import shutil
from pathlib import Path

import pytest

from offload.errors import NftError
from offload.system.nft.door import FakeNft, Nft, sentence


def program(tmp_path: Path, script: str) -> Nft:
    """An nft that is this shell script."""
    path = tmp_path / "nft"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return Nft(str(path), timeout=5)


@pytest.mark.parametrize(
    ("stderr", "said"),
    [
        (
            "/dev/stdin:3:1-2: Error: Could not process rule: File exists\nadd rule\n^^\n",
            "Could not process rule: File exists",
        ),
        ("Error: syntax error, unexpected newline\nlist\n    ^\n", "syntax error, unexpected newline"),
        (
            "netlink: Error: cache initialization failed: Operation not permitted",
            "nft may not touch the ruleset: run as root",
        ),
        ("Operation not permitted (you must be root)", "nft may not touch the ruleset: run as root"),
        ("nft: symbol not found\n", "nft: symbol not found"),
        ("\n \n", "nft failed without a word"),
        ("", "nft failed without a word"),
    ],
)
def test_the_sentence_of_a_refusal(stderr: str, said: str) -> None:
    assert sentence(stderr) == said


def test_a_text_is_one_transaction_on_standard_input(tmp_path: Path) -> None:
    nft = program(tmp_path, f'echo "$@" >{tmp_path}/arguments; cat >{tmp_path}/input')
    nft.apply("table inet t\n")
    assert (tmp_path / "input").read_text() == "table inet t\n"
    assert (tmp_path / "arguments").read_text() == "-f -\n"
    nft.check("table inet u\n")
    assert (tmp_path / "arguments").read_text() == "-c -f -\n"


def test_a_refusal_is_nft_s_sentence(tmp_path: Path) -> None:
    nft = program(
        tmp_path, 'cat >/dev/null; echo "/dev/stdin:1:1-2: Error: Could not process rule: File exists" >&2; exit 1'
    )
    with pytest.raises(NftError, match=r"^Could not process rule: File exists$"):
        nft.apply("x")


def test_a_program_that_is_missing() -> None:
    with pytest.raises(NftError, match=r"^the program nft is missing: install nftables-json$"):
        Nft("/nowhere/nft").version()


def test_a_program_that_cannot_be_run(tmp_path: Path) -> None:
    (tmp_path / "nft").write_text("")
    with pytest.raises(NftError, match=r"^the program nft cannot be run: Permission denied$"):
        Nft(str(tmp_path / "nft")).version()


def test_a_program_that_does_not_come_back(tmp_path: Path) -> None:
    path = program(tmp_path, "exec sleep 60")._program
    with pytest.raises(NftError, match=r"^nft did not answer within 0.2 seconds$"):
        Nft(path, timeout=0.2).apply("x")


@pytest.mark.parametrize(
    ("printed", "version"),
    [("nftables v1.0.6 (Lester Gooch #5)", "1.0.6"), ("nftables 1.1", "1.1"), ("something else", ""), ("", "")],
)
def test_the_version(tmp_path: Path, printed: str, version: str) -> None:
    assert program(tmp_path, f"echo '{printed}'").version() == version


@pytest.mark.parametrize("printed", ["", "table inet x { }", "[]", "{}", '{"nftables": 1}'])
def test_an_nft_without_json_is_named(tmp_path: Path, printed: str) -> None:
    nft = program(tmp_path, f"echo '{printed}'")
    with pytest.raises(NftError, match=r"nft -j list tables did not answer in JSON: install nftables-json"):
        nft.lists()


def test_what_is_not_there_is_not_listed() -> None:
    assert Nft("/nowhere/nft", tables=frozenset).live(["flow_offload"]) == {}


def test_the_fake_refuses_when_told() -> None:
    with pytest.raises(NftError, match="busy"):
        FakeNft(refusal="busy").apply("x")


@pytest.mark.skipif(shutil.which("nft") is None, reason="this machine has no nft")
def test_the_real_program_has_a_version() -> None:
    assert Nft().version()[0].isdecimal()
