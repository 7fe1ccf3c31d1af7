"""A pair in hardware on its wired ports and in software on Wi-Fi: the shown mode, both counts, and the picture."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from browser import site as sites
from browser.conftest import DESKTOP, PHONE, Visit
from browser.lively import HOSTILE, answers
from browser.site import OFFLOAD, Site
from browser.test_overview import REFRESH
from browser.test_states import AXE
from browser.test_zones import pair, row, tab

BOTH = "Hardware + software"
GUEST = "config pair\n\toption src 'guest'\n\toption dest 'wan'\n\toption mode 'software'\n"
NONE = "config zone 'guest'\n\toption name 'guest'\n\toption mode 'none'\n"


@pytest.fixture(scope="module", name="site")
def _site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A router whose wired ports have a chip and whose Wi-Fi has none; the guests' pair is faster than their zone."""
    with sites.site(tmp_path_factory.mktemp("shared")) as made:
        made.stop()
        made.say("hardware", "wired")
        made.say("flows", "140")
        made.write("offload", "\n".join((OFFLOAD.replace("software", "hardware"), NONE, GUEST)))
        made.start()
        yield made


def picture(page: Page) -> Locator:
    """The picture of the ways of a pair's packets."""
    return page.locator(".offload-picture")


def test_zone_and_pair_show_both_with_both_counts(visit: Visit) -> None:
    page = visit("zones")
    expect(row(page, "lan")).to_contain_text(BOTH)
    expect(row(page, "lan")).to_contain_text("14 flows in hardware, 84 in software")
    expect(row(page, "guest")).not_to_contain_text(BOTH)
    tab(page, "Pairs")
    expect(pair(page, "lan", "wan").locator(".offload-mode")).to_have_text(BOTH)
    expect(pair(page, "lan", "wan")).to_contain_text("14 flows in hardware, 84 in software")
    expect(pair(page, "lan", "wan")).to_contain_text("(known stations: 84 of 98)")


def test_devices_show_how_many_stations_they_have(visit: Visit) -> None:
    page = visit("zones")
    tab(page, "Devices")
    rows = page.locator("[data-tab=devices] tr")
    expect(rows.filter(has=page.locator(".ifacebadge", has_text="lan1"))).to_contain_text("14 stations")
    expect(rows.filter(has=page.locator(".ifacebadge", has_text="br-guest"))).not_to_contain_text("station")


def test_a_pair_faster_than_its_zone_has_a_reason(visit: Visit) -> None:
    reason = "Faster than zone guest (None), because this pair has a mode of its own."
    page = visit("zones")
    tab(page, "Pairs")
    expect(pair(page, "guest", "wan")).to_contain_text(reason)
    expect(pair(page, "lan", "wan")).not_to_contain_text("Faster than")
    live = visit("live").locator("tr[data-key='guest → wan']")
    expect(live).to_contain_text(reason)


def test_the_overview_shows_both(visit: Visit) -> None:
    page = visit("zones")
    page.evaluate("() => L.require('poll').then((poll) => poll.stop())")
    assert page.evaluate(REFRESH)
    assert page.inner_text("#view").splitlines() == [
        "98 of 140 flows on the fast path (84 software, 14 hardware)",
        f"lan → wan: {BOTH} (14 flows in hardware, 84 in software)",
    ]


def test_the_picture_shows_each_way_from_device_to_device(visit: Visit) -> None:
    page = visit("live")
    page.get_by_role("combobox", name="Between").select_option("lan → wan")
    lanes = picture(page).locator("g")
    expect(lanes).to_have_count(3)
    for lane, words in enumerate(
        (
            ["lan1", "lan2", "Chip", "no processor", "14 flows", "wan"],
            ["phy0-ap0", "Processor", "short way", "84 flows", "wan"],
            ["br-lan", "Processor", "all rules", "0 flows", "wan"],
        )
    ):
        expect(lanes.nth(lane).locator("text")).to_have_text(words)
    label = picture(page).get_attribute("aria-label") or ""
    assert label.startswith("lan → wan. lan1, lan2 ↔ wan: Chip, no processor, 14 flows. phy0-ap0 ↔ wan: Processor")
    page.get_by_role("combobox", name="Between").select_option("guest → wan")
    expect(lanes).to_have_count(2)


def test_every_line_of_the_picture_is_within_its_box(visit: Visit) -> None:
    wide = """async () => {
        const devices = [{ name: '\\\\xff'.repeat(15), zones: ['lan'], flowtables: ['sw'] }];
        const pair = { src: 'lan', dest: 'wan', effective: 'software', flows: { software: 65536 } };
        const drawn = (await L.require('offload.picture')).draw({ devices, zones: [] }, pair);
        document.body.append(drawn);
        return Math.max(...[...drawn.querySelectorAll('text')].map((text) => text.getBBox().width));
    }"""
    assert 50 < visit("live").evaluate(wide) <= 104


def test_the_picture_is_emptied_with_the_service(site: Site, visit: Visit) -> None:
    page = visit("live")
    expect(picture(page)).to_be_visible()
    site.stop()
    expect(picture(page)).to_have_count(0)
    site.start()
    expect(picture(page)).to_be_visible()


def test_names_in_the_picture_are_text(visit: Visit) -> None:
    page = visit("live")
    with answers(page, lambda text: text.replace('"lan1"', f'"{HOSTILE.replace(chr(34), chr(92) + chr(34))}"')):
        expect(picture(page)).to_contain_text("<img src=x")
        assert page.locator("#view img").count() == 0
        assert page.title() != "taken"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_everybody_can_use_it(visit: Visit, theme: str, size: tuple[int, int]) -> None:
    page = visit("live", size=size, theme=theme)
    expect(picture(page)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    page.evaluate(AXE)
    violations = page.evaluate("axe.run('#view').then((report) => report.violations)")
    assert not [(each["id"], each["nodes"][0]["html"]) for each in violations]


def test_hours_until_hardware_is_asked_again(site: Site, visit: Visit) -> None:
    page = visit("zones")
    tab(page, "Advanced")
    field = page.get_by_label("Ask hardware again after")
    for wrong in ("0", "8761", "1.5"):
        field.fill(wrong)
        field.blur()
        expect(field).to_have_class("cbi-input-text cbi-input-invalid")
    field.fill("24")
    field.blur()
    with page.expect_navigation():
        page.get_by_role("button", name="Save & Apply").click()
    page.wait_for_selector("#cbi-offload-zone", state="attached")
    assert site.option("globals", "hardware_retry") == "24"
    expect(page.locator(".offload-findings")).to_be_empty()
