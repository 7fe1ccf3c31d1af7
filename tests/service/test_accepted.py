"""Lists of flows ask whether replies of waiting connections were accepted: a few one by one, many by one list."""

import pytest

from offload.model.flow import IPS_OFFLOAD, IPS_SEEN_REPLY, Entry
from offload.service.bus.explaining import accepted
from offload.service.bus.explaining.accepted import AcceptedReplies
from offload.service.bus.ubus_object import METHODS, answer
from offload.system.fake_nft import FakeNft
from service.routers import Fakes, router
from status.routers import entry, packed

TABLE = "flow_offload"


class CountingNft(FakeNft):
    """Counts the questions for one key, and those for all."""

    one = 0
    all = 0
    refuses = False

    def remembers(self, table: str, name: str, key: bytes) -> bool | None:
        self.one += 1
        return super().remembers(table, name, key) if not self.refuses else None

    def keys(self, table: str, name: str) -> frozenset[bytes] | None:
        self.all += 1
        return super().keys(table, name) if not self.refuses else None


def identified(number: int, status: int = IPS_SEEN_REPLY, ends: str = "192.168.1.50 198.51.100.9") -> Entry:
    src, dest = ends.split()
    found = entry(f"{src}#{5000 + number} > {dest}#443", status=status)
    return found._replace(ct_id=number.to_bytes(4, "big"))


def key(number: int) -> bytes:
    return packed("192.168.1.50") + packed("198.51.100.9") + number.to_bytes(4, "big")


def codes(fakes: Fakes, **query: object) -> dict[int, list[str]]:
    """The codes of each flow, by its number."""
    reply = answer(fakes.service, METHODS["flows"], {"query": query})
    return {flow["sport"] - 5000: [each["code"] for each in flow["reasons"]] for flow in reply["flows"]}


@pytest.fixture(name="fakes")
def _fakes() -> Fakes:
    fakes = router()
    fakes.service.work()
    fakes.nft.remembered = {(TABLE, "replied4", key(1))}
    return fakes


@pytest.mark.parametrize("few", [0, 50])
def test_a_list_says_of_which_flows_no_reply_was_accepted(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(accepted, "FEW", few)
    unknown = identified(4)._replace(ct_id=b"")
    guest = identified(5, ends="192.168.2.50 198.51.100.9")
    fakes.conntrack.held = [identified(1), identified(2), identified(3, IPS_OFFLOAD), unknown, guest]
    assert codes(fakes) == {1: ["WAITING"], 2: ["REPLY_NOT_ACCEPTED"], 3: [], 4: ["WAITING"], 5: ["MODE_NONE"]}


def test_the_kernel_is_asked_only_where_a_flow_waits_and_once_for_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepted, "FEW", 3)
    fakes, nft = router(), CountingNft()
    fakes.service.work()
    plan = fakes.service.decided.plan if fakes.service.decided else None
    assert plan
    asked = AcceptedReplies(nft, plan)
    nft.remembered = {(TABLE, "replied4", key(9))}
    assert [asked(identified(number).values) for number in range(10)] == [False] * 9 + [True]
    assert (nft.one, nft.all) == (3, 2)  # both families
    assert asked(identified(1, ends="fd00:1::2 2001:db8::1").values) is False
    nft.refuses = True
    silent = AcceptedReplies(nft, plan)
    assert [silent(identified(number).values) for number in range(4)] == [None] * 4
    before = nft.one
    fakes.service.doors.conntrack.held = [identified(3, IPS_OFFLOAD)]  # type: ignore[attr-defined]  # a fake
    codes(fakes)
    assert nft.one == before


@pytest.mark.parametrize("as_json", [True, False])
def test_a_long_list_says_the_same(fakes: Fakes, *, as_json: bool) -> None:
    from offload.service.bus.explaining.flow_list import every_flow

    fakes.conntrack.held = [identified(1), identified(2), identified(6)]
    _, written = every_flow(fakes.service, {"query": {}})
    text = "\n".join(written(as_json, 200))
    first = "no accepted reply of it is remembered from the last minute"
    assert (text.count("it qualifies"), text.count(first)) == (1, 2)
