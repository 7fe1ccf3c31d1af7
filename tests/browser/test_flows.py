"""The table of flows on the page Live, over the real service: sorted, paged, filtered, and explained."""

import json
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from browser import site as sites
from browser.conftest import DESKTOP, PHONE, Visit
from browser.lively import COUNT, FLOWS, HOSTILE, PAGE, answers, column, pages, rows
from browser.site import Site


@pytest.fixture(scope="module", name="site")
def _site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One router for all these tests: they only look at it, and put back what they stop."""
    with sites.site(tmp_path_factory.mktemp("live")) as made:
        yield made


def source(text: str) -> tuple[int, int]:
    """A source as it sorts."""
    address, _, port = text.rpartition(":")
    return int(ip_address(address)), int(port)


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


def test_every_slow_flow_has_a_reason(live: Page) -> None:
    live.get_by_role("combobox", name="Path").select_option("slow")
    expect(pages(live)).to_have_text("1 to 25 of 300")
    for cell in live.locator('.offload-flows td[data-title="Path"]').all_inner_texts():
        assert cell.split("\n") == ["slow", "no mode was chosen for zone guest, wan"]


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
    expect(live.locator("#offload-host-refused")).to_contain_text("is not an IPv4 or IPv6 address or network")
    expect(live.locator("#offload-host-refused")).to_contain_text("<img src=x")
    expect(host).to_have_attribute("aria-invalid", "true")
    assert rows(live).count() == PAGE
    before = column(live, "Bytes")
    expect(live.locator('.offload-flows td[data-title="Bytes"]').first).not_to_have_text(before[0])  # it goes on
    host.fill("")
    expect(live.locator("#offload-host-refused")).to_have_text("")
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


def test_the_keyboard_is_enough(live: Page) -> None:
    live.get_by_label("Address or network").focus()
    for _ in range(3):
        live.keyboard.press("Tab")
    assert live.evaluate("document.activeElement.textContent") == "Path"
    live.keyboard.press("Enter")
    expect(live.locator("th[aria-sort]")).to_have_text("Path")
    assert set(column(live, "Path")) == {"slow"}


def test_a_flow_shows_its_reason_and_can_be_ended_or_exempted(visit: Visit) -> None:
    page = visit("live")
    first = rows(page).first
    source = first.locator('[data-title="Source"]').inner_text()
    first.get_by_role("button", name="Details").click()
    dialogue = page.locator(".modal")
    expect(dialogue).to_contain_text(source)
    steps = dialogue.locator(".offload-steps > li")
    expect(steps).to_have_count(19)
    expect(steps.first).to_contain_text("Protocol")
    expect(dialogue.locator(".offload-step-no").first).to_be_visible()
    host = source.rpartition(":")[0]
    with page.expect_request(lambda request: '"cut"' in (request.post_data or "")) as asked:
        dialogue.get_by_role("button", name="End this connection").click()
    assert f'"src":"{host}"' in (asked.value.post_data or "") and '"dport":443' in (asked.value.post_data or "")
    expect(dialogue).to_have_count(0)
    first.get_by_role("button", name="Details").click()
    dialogue.get_by_role("button", name="Keep").click()
    expect(dialogue).to_have_count(0)
    expect(page.get_by_role("table", name="Kept slow for a while")).to_contain_text("Source address: 192.168.")


def details(page: Page) -> Locator:
    """The dialogue of the first flow."""
    rows(page).first.get_by_role("button", name="Details").click()
    return page.locator(".modal")


def test_details_say_that_they_wait_and_that_no_answer_came(visit: Visit) -> None:
    page = visit("live", expect="Failed to load resource")
    expect(rows(page)).not_to_have_text(["Not known now."])
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/ubus*", hold)
    dialogue = details(page)
    expect(dialogue).to_contain_text("Waiting for an answer")
    for each in held:
        each.abort()
    expect(dialogue).to_contain_text("The service does not answer now.")
    expect(dialogue).not_to_contain_text("Waiting for an answer")
    page.unroute_all(behavior="ignoreErrors")


def test_details_of_a_connection_that_has_ended_say_so(visit: Visit) -> None:
    page = visit("live")

    def ended(text: str) -> str:
        replies: list[Any] = json.loads(text)
        for reply in replies:
            for each in reply["result"][1].get("explanations", []):
                each["hypothetical"] = True
        return json.dumps(replies)

    expect(rows(page)).not_to_have_text(["Not known now."])
    with answers(page, ended):
        dialogue = details(page)
        expect(dialogue).to_contain_text("The connection has ended.")
        expect(dialogue.locator(".offload-steps > li")).to_have_count(19)


# The text of each line of an element.
LINES = """(end) => {
    const lines = new Map();
    for (const node of end.childNodes)
        for (let place = 0; place < (node.data ?? '').length; place++) {
            const range = document.createRange();
            range.setStart(node, place);
            range.setEnd(node, place + 1);
            const top = Math.round(range.getBoundingClientRect().top);
            lines.set(top, (lines.get(top) ?? '') + node.data[place]);
        }
    return [ ...lines.values() ];
}"""
LONG = "2001:db8:1111:2222:3333:4444:5555:6666"


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_port_stays_with_its_ipv6_address(visit: Visit, size: tuple[int, int]) -> None:
    page = visit("live", size=size)

    def change(text: str) -> str:
        replies: list[Any] = json.loads(text)
        for reply in replies:
            for flow in reply["result"][1].get("flows", []):
                flow["src"] = flow["dest"] = flow["reply"]["src"] = LONG
        return json.dumps(replies)

    with answers(page, change):
        source = rows(page).first.locator('[data-title="Source"] .offload-end')
        expect(source).to_contain_text(f"[{LONG}]:")
        lines = source.evaluate(LINES)
        assert "".join(lines) == source.inner_text().replace("\n", "")
        assert all(line.endswith(":") for line in lines[:-1])
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


ENDS = """async ([ address, width ]) => {
    const end = (await L.require('offload.words')).end(address, 59494);
    const narrow = E('div', { 'class': 'offload-flows', 'style': `width:${width}px` }, [ end ]);
    document.querySelector('#view').appendChild(narrow);
    const lines = (LINES)(end);
    narrow.remove();
    return lines;
}""".replace("LINES", LINES)


@pytest.mark.parametrize(
    ("address", "width", "lines"),
    [
        (LONG, 600, [f"[{LONG}]:59494"]),
        (LONG, 170, ["[2001:db8:1111:2222:", "3333:4444:", "5555:6666]:59494"]),
        ("2001:db8:1111::4444:5555:6666", 150, ["[2001:db8:1111::", "4444:5555:", "6666]:59494"]),
        ("2001:db8::1", 60, ["[2001:db8::1]:59494"]),
        ("192.168.1.50", 40, ["192.168.1.50:59494"]),
    ],
)
def test_an_address_breaks_between_its_groups_alone(visit: Visit, address: str, width: int, lines: list[str]) -> None:
    assert visit("live").evaluate(ENDS, [address, width]) == lines


def test_without_the_right_to_write_nothing_is_ended(visit: Visit) -> None:
    page = visit("live", user="reader")
    rows(page).first.get_by_role("button", name="Details").click()
    for name in ("End this connection", "End all of", "Keep"):
        expect(page.locator(".modal").get_by_role("button", name=name)).to_be_disabled()
