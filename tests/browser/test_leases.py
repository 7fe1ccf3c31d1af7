"""Network > Flow Offload > Live: timed exempts, added and removed in the page, over the real service."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from browser import site as sites
from browser.conftest import DESKTOP, PHONE, Visit
from browser.lively import HOSTILE, answers
from browser.site import Site
from browser.test_states import AXE

HOST = "192.168.1.50"
HOUR = re.compile(r"^(1h 0m 0s|0h 59m \d+s)$")


@pytest.fixture(scope="module", name="site")
def _site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One router for all these tests: each test removes its exempts, or uses values of its own."""
    with sites.site(tmp_path_factory.mktemp("leases")) as made:
        yield made


def rows(page: Page) -> Locator:
    """The rows of timed exempts."""
    return page.get_by_role("table", name="Kept slow for a while").locator("tbody tr")


def row(page: Page, text: str) -> Locator:
    """The row with this text."""
    return rows(page).filter(has_text=text)


def refusal(page: Page) -> Locator:
    """The error beneath the form."""
    return page.locator("#offload-lease-refused")


def host(page: Page) -> Locator:
    """The field for the host that is to stay slow."""
    return page.get_by_label("Address, network or MAC address")


def keep_slow(page: Page, text: str) -> None:
    """Fill the form, and press its button."""
    host(page).fill(text)
    page.get_by_role("button", name="Keep slow").click()


def test_a_host_is_kept_slow_for_an_hour_and_let_go(site: Site, visit: Visit) -> None:
    page = visit("live")
    expect(rows(page)).to_have_text(["Nothing now."])
    keep_slow(page, HOST)
    expect(row(page, HOST)).to_contain_text(f"Source address: {HOST}")
    expect(row(page, HOST).locator('[data-title="Time left"]')).to_have_text(HOUR)
    expect(host(page)).to_have_value("")
    assert re.search(rf"{HOST} timeout 1h|{HOST} timeout 3600s", site.sent())
    row(page, HOST).get_by_role("button", name="Remove").click()
    expect(rows(page)).to_have_text(["Nothing now."])


def test_time_runs_and_focus_stays(visit: Visit) -> None:
    page = visit("live")
    keep_slow(page, "192.168.1.51")
    left = row(page, "192.168.1.51").locator('[data-title="Time left"]')
    expect(left).to_be_visible()
    before = left.inner_text()
    row(page, "192.168.1.51").get_by_role("button").focus()
    expect(left).not_to_have_text(before)
    assert page.evaluate("document.activeElement.textContent") == "Remove"
    page.keyboard.press("Enter")
    expect(row(page, "192.168.1.51")).to_have_count(0)


@pytest.mark.parametrize(
    ("text", "side", "seconds", "shown"),
    [
        ("192.168.2.0/24", "leading to it", "10 minutes", "Destination address: 192.168.2.0/24"),
        ("02:00:00:00:00:77", "opened by it", "7 days", "Source MAC address: 02:00:00:00:00:77"),
    ],
)
def test_what_can_be_chosen(visit: Visit, text: str, side: str, seconds: str, shown: str) -> None:
    page = visit("live")
    page.get_by_label("Connections").select_option(side)
    page.get_by_label("How long").select_option(seconds)
    host(page).fill(text)
    host(page).press("Enter")
    expect(row(page, shown)).to_contain_text(re.compile(r"0h (10|9)m|(6|7)d \d+h"))
    row(page, shown).get_by_role("button", name="Remove").click()
    expect(row(page, shown)).to_have_count(0)


@pytest.mark.parametrize(
    ("text", "side", "shown"),
    [
        (HOSTILE, "opened by it", f"'{HOSTILE}' is not an IPv4 or IPv6 address or network"),
        ("02:00:00:00:00:77", "leading to it", "A MAC address tells only who opens a connection."),
        (
            "!192.168.1.110",
            "opened by it",
            (
                "match: an exempt that ends by itself needs an address, MAC, port or whole mark without ! in front; "
                "others can only be a 'config exempt' section"
            ),
        ),
        (" ", "opened by it", "An address, a network or a MAC address is missing."),
    ],
)
def test_a_value_without_sense_is_refused_in_a_sentence(visit: Visit, text: str, side: str, shown: str) -> None:
    page = visit("live")
    page.get_by_label("Connections").select_option(side)
    keep_slow(page, text)
    expect(refusal(page)).to_have_text(shown)
    expect(host(page)).to_have_attribute("aria-invalid", "true")
    expect(host(page)).to_have_value(text)
    assert page.locator("#view img").count() == 0
    expect(page.get_by_role("button", name="Keep slow")).to_be_enabled()


def test_a_refusal_is_forgotten_with_the_next_try(visit: Visit) -> None:
    page = visit("live")
    keep_slow(page, "nonsense")
    expect(refusal(page)).to_contain_text("'nonsense' is not")
    keep_slow(page, "192.168.1.52")
    expect(row(page, "192.168.1.52")).to_be_visible()
    expect(refusal(page)).to_be_empty()
    expect(host(page)).to_have_attribute("aria-invalid", "false")


def test_without_the_service_the_page_has_a_sentence(site: Site, visit: Visit) -> None:
    page = visit("live")
    expect(page.locator(".offload-flows tbody tr")).to_have_count(20)
    site.stop()
    keep_slow(page, "192.168.1.53")
    expect(page.get_by_role("status")).to_contain_text("The service is not running")
    expect(host(page)).to_have_value("192.168.1.53")
    site.start()
    expect(page.get_by_role("status")).to_be_empty()


def test_a_reader_sees_them_and_changes_nothing(visit: Visit) -> None:
    keep_slow(visit("live"), "192.168.1.54")
    page = visit("live", user="reader")
    expect(row(page, "192.168.1.54")).to_be_visible()
    section = page.locator(".cbi-section").filter(has=page.get_by_role("heading", name="Kept slow for a while"))
    for field in section.locator("input, select, button").all():
        expect(field).to_be_disabled()


def test_names_with_markup_stay_text(visit: Visit) -> None:
    page = visit("live")
    match = {"src": HOSTILE, "src_ip": [HOSTILE], "mark": HOSTILE}

    def change(text: str) -> str:
        replies = json.loads(text)
        for reply in replies:
            if "exempts" in reply["result"][1]:
                reply["result"][1]["exempts"] = [{"id": HOSTILE, "match": match, "timeout": 60, "expires": HOSTILE}]
        return json.dumps(replies)

    with answers(page, change):
        expect(row(page, f"From zone: {HOSTILE}")).to_contain_text(f"Mark: {HOSTILE}")
        assert page.locator("#view img").count() == 0
        assert page.title() != "taken"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_everybody_can_use_it(visit: Visit, theme: str, size: tuple[int, int]) -> None:
    page = visit("live", size=size, theme=theme)
    keep_slow(page, "2001:db8:1::2")
    expect(row(page, "2001:db8:1::2")).to_be_visible()
    keep_slow(page, "nonsense")
    expect(refusal(page)).to_contain_text("'nonsense' is not")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    page.evaluate(AXE)
    violations = page.evaluate("axe.run('#view').then((report) => report.violations)")
    assert not [(each["id"], each["nodes"][0]["html"]) for each in violations]


def test_a_press_without_an_answer_is_answered_beside_the_button(visit: Visit) -> None:
    page = visit("live", expect="Failed to load resource")
    expect(rows(page).first).to_be_visible()
    page.route("**/admin/ubus*", lambda route: route.abort())
    keep_slow(page, "192.168.1.59")
    expect(refusal(page)).to_have_text("The service does not answer now. Try again when it does.")
    expect(host(page)).to_have_value("192.168.1.59")
    page.unroute("**/admin/ubus*")
    page.get_by_role("button", name="Keep slow").click()
    expect(row(page, "192.168.1.59")).to_be_visible()
    expect(refusal(page)).to_be_empty()
