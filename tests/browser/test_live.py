"""Network > Flow Offload > Live in a browser, over the real service with as many flows as a test wants."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from browser import site as sites
from browser.conftest import DESKTOP, PHONE, Visit
from browser.site import Site
from browser.test_states import AXE

FLOWS = 1000
PAGE = 25
BEAT = 5_000  # milliseconds from one question to the next
HOSTILE = "<img src=x onerror=\"document.title='taken'\">"
COUNT = "() => window.asked.length"
# Every request for a batch of calls, as the page sends it.
WATCHED = """() => {
    const fetched = window.fetch;
    window.asked = [];
    window.fetch = (url, given) => {
        if (/luci.offload/.test(given?.body)) window.asked.push(given.body);
        return fetched(url, given);
    };
}"""
HIDE = """(hidden) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event('visibilitychange'));
}"""


@pytest.fixture(scope="module", name="site")
def _site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One router for all these tests: they only look at it, and put back what they stop."""
    with sites.site(tmp_path_factory.mktemp("live")) as made:
        yield made


@pytest.fixture(name="live")
def _live(site: Site, visit: Visit) -> Page:
    """The page with a thousand flows in its table."""
    site.say("flows", str(FLOWS))
    page = visit("live")
    page.evaluate(WATCHED)
    expect(rows(page)).to_have_count(PAGE)
    return page


def rows(page: Page) -> Locator:
    """The flows shown."""
    return page.locator(".offload-flows tbody tr")


def column(page: Page, title: str) -> list[str]:
    """The first line of each cell of a column."""
    cells = page.locator(f'.offload-flows td[data-title="{title}"]').all_inner_texts()
    return [text.split("\n")[0] for text in cells]


def pages(page: Page) -> Locator:
    """Which flows of how many are shown."""
    return page.locator(".offload-pages span")


def source(text: str) -> tuple[int, int]:
    """A source as it sorts."""
    address, _, port = text.rpartition(":")
    return int(ip_address(address)), int(port)


@contextmanager
def answers(page: Page, change: Callable[[str], str]) -> Iterator[None]:
    """What the server says, changed."""

    def changed(route: Route) -> None:
        reply = route.fetch()
        route.fulfill(response=reply, body=change(reply.text()))

    page.route("**/ubus*", changed)
    yield
    page.unroute_all(behavior="wait")


def test_pairs_tell_flows_and_bytes_by_path(live: Page) -> None:
    lan, guest = live.locator(".cbi-section").first.locator("tbody tr").all()
    expect(lan).to_contain_text("600 software, 100 hardware")
    expect(guest).to_contain_text("300 slow")
    assert live.locator(".offload-bar > span").count() == 2 * (2 + 1)
    assert "MiB" in lan.locator('[data-title="Bytes"]').inner_text()


def test_a_thousand_flows_are_sorted_by_the_service(live: Page) -> None:
    live.get_by_role("button", name="Source").click()
    expect(live.locator("th[aria-sort=ascending]")).to_have_text("Source")
    first = column(live, "Source")
    assert first == sorted(first, key=source) and first[0].startswith("192.168.1.1")
    live.get_by_role("button", name="Source").click()
    expect(live.locator("th[aria-sort=descending]")).to_have_text("Source")
    last = column(live, "Source")
    assert last == sorted(last, key=source, reverse=True) and last[0].startswith("192.168.2.")


def test_a_thousand_flows_have_forty_pages(live: Page) -> None:
    live.get_by_role("button", name="Source").click()
    expect(live.locator("th[aria-sort]")).to_have_text("Source")
    seen = set(column(live, "Source"))
    expect(live.get_by_role("button", name="Previous")).to_be_disabled()
    for number in range(2, FLOWS // PAGE + 1):
        live.get_by_role("button", name="Next").click()
        expect(pages(live)).to_have_text(f"{PAGE * (number - 1) + 1:,} to {PAGE * number:,} of {FLOWS:,}")
        seen |= set(column(live, "Source"))
    assert len(seen) == FLOWS
    expect(live.get_by_role("button", name="Next")).to_be_disabled()


def test_the_page_follows_when_flows_end(live: Page, site: Site) -> None:
    for _ in range(3):
        live.get_by_role("button", name="Next").click()
    expect(pages(live)).to_have_text("76 to 100 of 1,000")
    site.say("flows", "30")
    expect(pages(live)).to_have_text("26 to 30 of 30")
    assert rows(live).count() == 5


def test_every_slow_flow_says_why(live: Page) -> None:
    live.get_by_role("combobox", name="Path").select_option("slow")
    expect(pages(live)).to_have_text("1 to 25 of 300")
    for cell in live.locator('.offload-flows td[data-title="Path"]').all_inner_texts():
        assert cell.split("\n") == ["slow", "mode none was chosen for zone guest"]


def test_filters_narrow_the_table(live: Page) -> None:
    live.get_by_role("combobox", name="Zone").select_option("guest")
    expect(pages(live)).to_have_text("1 to 25 of 300")
    live.get_by_label("Address or network").fill("192.168.2.0/26")
    expect(pages(live)).to_contain_text("of 85")
    assert all(source(text)[0] <= int(ip_address("192.168.2.63")) for text in column(live, "Source"))
    live.get_by_label("Address or network").fill("10.0.0.1")
    expect(rows(live)).to_have_text(["No such flows now."])


def test_a_filter_that_cannot_be_meant_leaves_the_table(live: Page) -> None:
    host = live.get_by_label("Address or network")
    host.fill(HOSTILE)
    expect(live.get_by_role("alert")).to_contain_text("is not an IPv4 or IPv6 address or network")
    expect(live.get_by_role("alert")).to_contain_text("<img src=x")
    expect(host).to_have_attribute("aria-invalid", "true")
    assert rows(live).count() == PAGE
    before = column(live, "Bytes")
    expect(live.locator('.offload-flows td[data-title="Bytes"]').first).not_to_have_text(before[0])  # it goes on
    host.fill("")
    expect(live.get_by_role("alert")).to_have_text("")
    expect(host).to_have_attribute("aria-invalid", "false")
    assert live.locator("img").count() == 0


def test_focus_selection_and_rows_outlive_a_poll(live: Page) -> None:
    live.get_by_role("button", name="Source").click()
    expect(live.locator("th[aria-sort]")).to_have_text("Source")
    live.get_by_role("button", name="Next").click()
    expect(pages(live)).to_contain_text("26 to 50")
    live.evaluate("""() => {
        const row = document.querySelectorAll('.offload-flows tbody tr')[3];
        row.mark = 'mine';
        getSelection().selectAllChildren(row.children[1]);
        document.querySelector('th[data-sort=dest] button').focus();
    }""")
    selected, bytes_then = live.evaluate("() => String(getSelection())"), column(live, "Bytes")
    asked = live.evaluate(COUNT)
    live.wait_for_function(f"() => window.asked.length > {asked}")
    expect(live.locator('.offload-flows td[data-title="Bytes"]').first).not_to_have_text(bytes_then[0])
    assert live.evaluate("() => document.querySelectorAll('.offload-flows tbody tr')[3].mark") == "mine"
    assert live.evaluate("() => String(getSelection())") == selected != ""
    assert live.evaluate("() => document.activeElement.textContent") == "Destination"
    expect(pages(live)).to_contain_text("26 to 50")


def test_one_batch_of_two_calls_per_beat(live: Page) -> None:
    live.wait_for_function("() => window.asked.length > 0", timeout=3 * BEAT)
    for body in live.evaluate("() => window.asked"):
        assert [call["params"][2] for call in json.loads(body)] == ["status", "flows"]


def test_a_hidden_page_asks_nothing_and_a_shown_one_at_once(live: Page) -> None:
    live.evaluate(HIDE, True)
    asked = live.evaluate(COUNT)
    live.wait_for_timeout(1.5 * BEAT)
    assert live.evaluate(COUNT) == asked
    live.evaluate(HIDE, False)
    live.wait_for_function(f"() => window.asked.length === {asked + 1}", timeout=1000)


def test_slow_answers_are_asked_for_less_often(live: Page) -> None:
    asked = live.evaluate("""async () => {
        const pulse = await L.require('offload.pulse');
        let count = 0;
        pulse.every(1, () => { count++; return new Promise((done) => setTimeout(done, 900)); });
        await new Promise((done) => setTimeout(done, 6500));
        return count;
    }""")
    assert asked == 2


def test_the_service_stops_and_starts_under_an_open_page(live: Page, site: Site) -> None:
    notices = live.get_by_role("status")
    expect(notices).to_be_empty()
    site.stop()
    expect(notices).to_contain_text("The service is not running")
    assert rows(live).count() == PAGE
    assert "32000" not in live.inner_text("#view")
    site.start()
    expect(notices).to_be_empty()
    expect(pages(live)).to_have_text("1 to 25 of 1,000")


def test_a_page_opened_without_the_service_fills_when_it_comes(site: Site, visit: Visit) -> None:
    site.stop()
    page = visit("live")
    expect(page.get_by_role("status")).to_contain_text("The service is not running")
    expect(page.get_by_role("heading", name="Flows")).to_be_visible()
    assert "undefined" not in page.inner_text("#view") and "NaN" not in page.inner_text("#view")
    site.start()
    expect(rows(page)).to_have_count(PAGE)


def test_names_with_markup_stay_text(live: Page) -> None:
    def change(text: str) -> str:
        for word in ("guest", "mode none was chosen for zone guest", "tcp"):
            text = text.replace(f'"{word}"', json.dumps(f"{word}{HOSTILE}"))
        return text

    with answers(live, change):
        expect(rows(live).filter(has_text="<img src=x").first).to_be_visible()
        expect(live.get_by_role("combobox", name="Zone").locator("option").nth(2)).to_have_text(f"guest{HOSTILE}")
        expect(live.get_by_role("combobox", name="Pair").locator("option").nth(2)).to_contain_text(HOSTILE)
        assert live.locator("#view img").count() == 0
        assert live.title() != "taken"


def test_without_accounting_nothing_is_made_up(live: Page) -> None:
    def change(text: str) -> str:
        replies: list[Any] = json.loads(text)
        for reply in replies:
            for flow in reply["result"][1].get("flows", []):
                flow["packets"] = flow["bytes"] = None
        return json.dumps(replies)

    with answers(live, change):
        expect(live.locator('.offload-flows td[data-title="Bytes"]').first).to_have_text("–")  # noqa: RUF001 - a dash
        assert set(column(live, "Packets")) == {"–"}  # noqa: RUF001 - the same


SAMPLES = """async () => {
    const graph = await L.require('offload.graph');
    const figure = graph.figure();
    const level = (slow, software, time) =>
        graph.remember([ { bytes: { slow, software, hardware: 0 }, flows: {} } ], time);

    graph.samples = [];
    level(0, 3 * 1024 ** 3, 0);
    level(0, 1024, 5_000);
    level(512, 0, 10_000);
    level(512, 512, 200_000);
    graph.draw(figure, 'bytes', () => true);

    return {
        paths: [ 'slow', 'software' ].map((name) => figure.querySelector(`path.offload-${name}`).getAttribute('d')),
        labels: [ ...figure.querySelectorAll('[data-quarter]') ].map((label) => label.textContent),
        name: figure.getAttribute('aria-label')
    };
}"""


def test_the_graph_shows_levels_that_never_leave_it(live: Page) -> None:
    drawn = live.evaluate(SAMPLES)
    assert drawn["labels"] == ["1.0 GiB", "2.0 GiB", "3.0 GiB"]
    assert drawn["name"] == "The last 5 minutes, now: 512 B slow, 512 B software"
    pieces = [[piece.count(",") for piece in path.split("M")[1:]] for path in drawn["paths"]]
    assert pieces == [[2 * 3, 2 * 1]] * 2  # nobody looked for three minutes: nothing is drawn between
    points = [float(number) for path in drawn["paths"] for number in re.findall(r"-?[0-9.]+", path)]
    assert points and all(0 <= number <= 1000 for number in points)


def test_the_graph_grows_and_follows_what_is_chosen(live: Page) -> None:
    graph = live.get_by_role("img", name="The last 5 minutes")
    expect(graph).to_have_attribute("aria-label", "The last 5 minutes, now: 300 slow, 600 software, 100 hardware")
    live.get_by_role("combobox", name="Pair").select_option("guest → wan")
    expect(graph).to_have_attribute("aria-label", "The last 5 minutes, now: 300 slow")
    live.get_by_role("combobox", name="Show").select_option("bytes")
    expect(graph).to_have_attribute("aria-label", re.compile(r"now: [0-9.]+ [MG]iB slow$"))


def test_a_reader_sees_the_same(visit: Visit) -> None:
    page = visit("live", user="reader")
    expect(rows(page)).to_have_count(PAGE)
    expect(page.get_by_role("status")).to_be_empty()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_everybody_can_use_it(visit: Visit, theme: str, size: tuple[int, int]) -> None:
    page = visit("live", size=size, theme=theme)
    expect(rows(page)).to_have_count(PAGE)
    page.get_by_label("Address or network").fill("nonsense")
    expect(page.get_by_role("alert")).to_contain_text("'nonsense' is not")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    page.evaluate(AXE)
    violations = page.evaluate("axe.run('#view').then((report) => report.violations)")
    assert not [(each["id"], each["nodes"][0]["html"]) for each in violations]


def test_the_keyboard_is_enough(live: Page) -> None:
    live.get_by_label("Address or network").focus()
    for _ in range(3):
        live.keyboard.press("Tab")
    assert live.evaluate("document.activeElement.textContent") == "Path"
    live.keyboard.press("Enter")
    expect(live.locator("th[aria-sort]")).to_have_text("Path")
    assert set(column(live, "Path")) == {"slow"}
