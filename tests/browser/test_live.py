"""Network > Flow Offload > Live in a browser, with the real service: its calls, tables, graphs, and access rights."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from browser import site as sites
from browser.conftest import DESKTOP, PHONE, Visit
from browser.lively import COUNT, HOSTILE, PAGE, answers, pages, rows
from browser.site import Site
from browser.test_states import AXE

BEAT = 5_000  # milliseconds from one question to the next
HIDE = """(hidden) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event('visibilitychange'));
}"""


@pytest.fixture(scope="module", name="site")
def _site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One router for all these tests: they only look at it, and put back what they stop."""
    with sites.site(tmp_path_factory.mktemp("live")) as made:
        yield made


def test_pairs_show_flows_and_bytes_by_path(live: Page) -> None:
    pairs = live.locator(".cbi-section").first.locator("tbody tr")
    expect(pairs).to_have_count(2)  # the flows, for which the fixture waits, may come before
    lan, guest = pairs.all()
    expect(lan).to_contain_text("600 software, 100 hardware")
    expect(guest).to_contain_text("300 slow")
    assert live.locator(".offload-bar > span").count() == 2 * (2 + 1)
    assert "MiB" in lan.locator('[data-title="Bytes"]').inner_text()


def test_one_batch_of_two_calls_per_beat(live: Page) -> None:
    live.wait_for_function("() => window.asked.filter((body) => /status/.test(body)).length > 1", timeout=6 * BEAT)
    batches = [[call["params"][2] for call in json.loads(body)] for body in live.evaluate("() => window.asked")]
    beats = [each for each in batches if each != ["totals"]]
    assert len(batches) - len(beats) <= 1  # those of hosts, once a minute: perhaps of the page's first beat
    assert len(beats) > 1 and all(each == ["status", "flows"] for each in beats)


def test_a_hidden_page_asks_nothing_and_a_shown_one_at_once(live: Page) -> None:
    totals = live.get_by_role("table", name="Totals of hosts")
    expect(totals.locator("tbody tr").first).to_contain_text("iB")  # the last call of the first beat is answered
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


def test_a_question_never_answered_is_asked_again_soon(live: Page) -> None:
    asked = live.evaluate("""async () => {
        const pulse = await L.require('offload.pulse');
        const [ clock, asked ] = [ performance.now, [] ];
        let now = 0;
        performance.now = () => now;
        const once = pulse.gently(async () => { asked.push(now); now += 20_000; });
        for (const moment of [ 0, 30_000, 34_900, 35_100 ]) {
            now = moment;
            await once();
        }
        performance.now = clock;
        return asked;
    }""")
    assert asked == [0, 35_100]


def test_the_service_stops_and_starts_under_an_open_page(live: Page, site: Site) -> None:
    notices = live.get_by_role("status")
    expect(notices).to_be_empty()
    site.stop()
    expect(notices).to_contain_text("The service is not running")
    expect(rows(live)).to_have_text("Not known now.")  # what was true before is not shown as if it still were
    graph, picture = live.get_by_role("img", name="The last 5 minutes"), live.locator(".offload-picture")
    expect(graph).to_have_attribute("aria-label", "The last 5 minutes, now: not known")
    live.get_by_role("combobox", name="Between").select_option("guest → wan")
    expect(picture).to_have_count(0)
    assert "32000" not in live.inner_text("#view")
    site.start()
    expect(notices).to_be_empty()
    expect(pages(live)).to_have_text("1 to 25 of 1,000")
    expect(graph).to_have_attribute("aria-label", re.compile("now: 300 slow, 600 software"))
    expect(picture).to_have_count(1)


def test_a_page_opened_without_the_service_fills_when_it_comes(site: Site, visit: Visit) -> None:
    site.stop()
    page = visit("live")
    expect(page.get_by_role("status")).to_contain_text("The service is not running")
    expect(page.get_by_role("heading", name="Flows")).to_be_visible()
    for title in ("Pairs of zones", "Kept slow for a while", "Flows", "Totals of hosts"):
        table = page.get_by_role("table", name=title, exact=True)
        expect(table.locator("tbody")).to_have_text("Not known now.")  # not that there is nothing
    page.get_by_role("combobox", name="Show").select_option("bytes")
    graph = page.get_by_role("img", name="The last 5 minutes")
    expect(graph).to_have_attribute("aria-label", "The last 5 minutes, now: not known")
    assert "undefined" not in page.inner_text("#view") and "NaN" not in page.inner_text("#view")
    site.start()
    expect(rows(page)).to_have_count(PAGE)


def test_names_with_markup_stay_text(live: Page) -> None:
    def change(text: str) -> str:
        for word in ("guest", "no mode was chosen for zone guest", "tcp"):
            text = text.replace(f'"{word}"', json.dumps(f"{word}{HOSTILE}"))
        return text

    with answers(live, change):
        expect(rows(live).filter(has_text="<img src=x").first).to_be_visible()
        expect(live.get_by_role("combobox", name="Zone").locator("option").nth(2)).to_have_text(f"guest{HOSTILE}")
        expect(live.get_by_role("combobox", name="Pair").locator("option").nth(2)).to_contain_text(HOSTILE)
        assert live.locator("#view img").count() == 0
        assert live.title() != "taken"


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
    graph.draw(figure, 'bytes', () => true, true);

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
    assert pieces == [[2 * 3, 2 * 1]] * 2  # no sample was taken for three minutes: nothing is drawn between
    points = [float(number) for path in drawn["paths"] for number in re.findall(r"-?[0-9.]+", path)]
    assert points and all(0 <= number <= 1000 for number in points)


def test_the_graph_grows_and_follows_what_is_chosen(live: Page) -> None:
    graph = live.get_by_role("img", name="The last 5 minutes")
    expect(graph).to_have_attribute("aria-label", "The last 5 minutes, now: 300 slow, 600 software, 100 hardware")
    live.get_by_role("combobox", name="Pair").select_option("guest → wan")
    expect(graph).to_have_attribute("aria-label", "The last 5 minutes, now: 300 slow")
    live.get_by_role("combobox", name="Show").select_option("bytes")
    expect(graph).to_have_attribute("aria-label", re.compile(r"now: [0-9.]+ [MG]iB slow$"))


def test_where_ends_were_missed_a_pair_without_any_is_not_said_to_have_at_least_none(live: Page) -> None:
    guest = live.locator(".cbi-section").first.locator("tbody tr").nth(1).locator('[data-title="Ended"]')
    expect(guest).to_have_text("0 flows, 0 B")
    with answers(live, lambda text: text.replace('"complete": true', '"complete": false')):
        expect(guest).to_have_text("none counted, some may be missing")


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
    expect(page.locator("#offload-host-refused")).to_contain_text("'nonsense' is not")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    page.evaluate(AXE)
    violations = page.evaluate("axe.run('#view').then((report) => report.violations)")
    assert not [(each["id"], each["nodes"][0]["html"]) for each in violations]


def test_totals_of_hosts_by_path_with_names(live: Page) -> None:
    table = live.get_by_role("table", name="Totals of hosts")
    first = table.locator("tbody tr").first
    expect(first.locator('[data-title="Zone"]')).to_have_text(re.compile("lan|guest"))
    expect(table.locator("tbody tr")).to_have_count(11)  # the last one sums all others
    expect(table.locator("tbody tr").last).to_contain_text("all others")
    expect(first).to_contain_text(re.compile("[KM]iB"))
    live.get_by_role("button", name="Show all hosts").click()
    expect(table.locator("tbody tr")).to_have_count(200)
    expect(table).not_to_contain_text("all others")
    expect(live.get_by_role("button", name="Show all hosts")).to_be_hidden()
    expect(live.get_by_text("Since 20").or_(live.get_by_text(re.compile(r"Since \d")))).to_be_visible()


def test_what_the_service_refuses_of_totals_is_said_in_their_table(site: Site, visit: Visit) -> None:
    del site
    page = visit("live")
    table = page.get_by_role("table", name="Totals of hosts")
    expect(table.locator("tbody tr").first).to_contain_text("iB")
    with answers(page, lambda text: text.replace('"since"', '"ok": false, "error": "no events", "since"')):
        page.evaluate("""async () => {
            const totals = await L.require('offload.totals');
            totals.asked = -Infinity;
            await totals.ask();
        }""")
        expect(table.locator("tbody tr")).to_have_text("no events")
