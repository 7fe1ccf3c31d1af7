"""What the page shows when something prevents offload, and that it recovers by itself."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import DESKTOP, PHONE, Visit
from browser.site import FIREWALL, OFFLOAD, Site
from browser.test_zones import row, tab

AXE = (Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js").read_text()
LONG = "the_zone_of_the_things_that_somebody_wanted_in_a_network_of_their_own"
WITHIN = "(node) => node.getBoundingClientRect().right <= node.closest('.td').getBoundingClientRect().right"
TABS = ("Zones", "Pairs", "Exempt traffic", "Devices", "Advanced")


def notice(page: Page, text: str) -> None:
    """Wait for a notice, with the form still there beneath it."""
    expect(page.locator(".offload-notices")).to_contain_text(text)
    expect(page.locator("#cbi-offload-zone")).to_be_visible()


def test_the_service_stops_and_starts_again(site: Site, visit: Visit) -> None:
    page = visit("zones")
    expect(page.locator(".offload-notices")).to_be_empty()
    site.stop()
    notice(page, "The service is not running")
    expect(row(page, "lan")).to_contain_text("unknown")
    site.start()
    expect(page.locator(".offload-notices")).to_be_empty()
    expect(row(page, "lan").locator(".offload-mode")).to_have_text("Software")


def test_a_choice_can_be_made_while_the_service_is_away(site: Site, visit: Visit) -> None:
    site.stop()
    page = visit("zones")
    notice(page, "The service is not running")
    row(page, "guest").get_by_role("combobox").select_option("software")
    with page.expect_navigation():
        page.get_by_role("button", name="Save & Apply").click()
    assert site.option("guest", "mode") == "software"


def test_the_router_does_not_answer(site: Site, visit: Visit) -> None:
    page = visit("zones", expect="Failed to load resource")
    page.route("**/admin/ubus*", lambda route: route.abort())
    notice(page, "No answer")
    page.unroute("**/admin/ubus*")
    expect(page.locator(".offload-notices")).to_be_empty()
    page.route("**/admin/ubus*", lambda route: route.fulfill(status=502))
    notice(page, "No answer")
    assert site.option("lan", "mode") == "software"


def test_ubus_is_away(site: Site, visit: Visit) -> None:
    page = visit("zones")
    assert site.broker is not None
    site.broker.kill()
    notice(page, "No answer")


def test_a_login_that_may_not_ask(visit: Visit) -> None:
    page = visit("zones")
    page.evaluate("L.env.sessionid = '0'.repeat(32)")
    notice(page, "No rights")


def test_a_kernel_without_flowtables_names_the_package(site: Site, visit: Visit) -> None:
    site.say("lacks", "kmod-nft-offload")
    site.reload()
    page = visit("zones")
    notice(page, "install kmod-nft-offload")
    expect(row(page, "lan").locator(".offload-mode")).to_have_text("None")
    expect(row(page, "lan")).to_contain_text("this kernel or nft cannot do flowtables")


def test_a_refused_change_is_reported(site: Site, visit: Visit) -> None:
    page = visit("zones")
    site.say("refusal", "Error: Could not process rule: Device or resource busy")
    row(page, "guest").get_by_role("combobox").select_option("software")
    with page.expect_navigation():
        page.get_by_role("button", name="Save & Apply").click()
    notice(page, "Device or resource busy")
    site.say("refusal")
    expect(page.locator(".offload-notices")).to_be_empty()


def test_fw4s_own_switch_is_taken_over_with_one_click(site: Site, visit: Visit) -> None:
    site.write("firewall", FIREWALL.replace("'REJECT'", "'REJECT'\n\toption flow_offloading '1'", 1))
    site.reload()
    page = visit("zones")
    notice(page, "The firewall offloads every flow itself")
    with page.expect_navigation():
        page.get_by_role("button", name="Take over").click()
    assert (site.option("globals", "mode"), site.option("globals", "taken")) == ("software", "software")
    assert site.option("globals", "enabled") in {None, "1"}
    assert "flow_offloading '0'" in (site.config / "firewall").read_text()
    page.wait_for_selector("#cbi-offload-zone")
    expect(page.locator(".offload-notices")).to_be_empty()
    expect(row(page, "guest").locator(".offload-mode")).to_have_text("Software")


def test_a_reader_cannot_take_over(site: Site, visit: Visit) -> None:
    site.write("firewall", FIREWALL.replace("'REJECT'", "'REJECT'\n\toption flow_offloading '1'", 1))
    site.reload()
    page = visit("zones", user="reader")
    expect(page.get_by_role("button", name="Take over")).to_be_disabled()


@pytest.mark.parametrize("package", ["offload", "firewall"])
def test_without_a_file_the_page_has_a_sentence(site: Site, visit: Visit, package: str) -> None:
    (site.config / package).unlink()
    expect(visit("zones").locator(".offload-notices")).to_contain_text("No configuration")


def test_a_hidden_page_asks_nothing(site: Site, visit: Visit) -> None:
    page = visit("zones")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    page.wait_for_timeout(6500)
    assert asked == []
    site.stop()
    page.evaluate("Object.defineProperty(document, 'hidden', { value: false })")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(".offload-notices")).to_contain_text("The service is not running", timeout=2000)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_in_the_way_of_eyes_and_hands(site: Site, visit: Visit, theme: str) -> None:
    site.write("firewall", FIREWALL.replace("'REJECT'", "'REJECT'\n\toption flow_offloading '1'", 1))
    site.reload()
    page = visit("zones", theme=theme)
    page.add_script_tag(content=AXE)
    for name in TABS:
        tab(page, name)
        page.wait_for_timeout(100)
        found = page.evaluate("axe.run(document.body).then((report) => report.violations)")
        grave = [each for each in found if each["impact"] in {"serious", "critical"}]
        assert not grave, [(each["id"], [node["html"] for node in each["nodes"]]) for each in grave]
    tab(page, "Exempt traffic")
    page.get_by_role("button", name="Add exemption").click()
    page.wait_for_selector(".modal")
    found = page.evaluate("axe.run('.modal').then((report) => report.violations)")
    grave = [each for each in found if each["impact"] in {"serious", "critical"}]
    assert not grave, [(each["id"], [node["html"] for node in each["nodes"]]) for each in grave]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_is_wide_enough(visit: Visit, theme: str) -> None:
    page = visit("zones", theme=theme, size=PHONE)
    for name in TABS:
        tab(page, name)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0], name


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_long_name_of_a_zone_is_shown_whole(site: Site, visit: Visit, size: tuple[int, int]) -> None:
    site.write("firewall", f"{FIREWALL}\nconfig zone\n\toption name '{LONG}'\n")
    site.write(
        "offload", f"{OFFLOAD}\nconfig pair\n\toption src '{LONG}'\n\toption dest '{LONG}'\n\toption mode 'none'\n"
    )
    page = visit("zones", size=size)
    for title in ("Zones", "Pairs"):
        tab(page, title)
        badge = page.locator("[data-tab-active=true] .zonebadge", has_text=LONG).first
        expect(badge).to_be_visible()
        assert badge.evaluate(WITHIN)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], title


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_long_name_covers_nothing_of_a_pair(site: Site, visit: Visit, size: tuple[int, int]) -> None:
    way = f"config forwarding\n\toption src '{LONG}'\n\toption dest 'wan'\n"
    site.write("firewall", f"{FIREWALL}\nconfig zone\n\toption name '{LONG}'\n\n{way}")
    site.reload()
    cell = visit("live", size=size).locator("td[data-title=Pair]").filter(has_text=LONG)
    expect(cell).to_be_visible()
    for badge in cell.locator(".zonebadge").all():
        assert badge.evaluate(WITHIN)


def test_what_is_not_known_is_not_said_to_be_missing(site: Site, visit: Visit) -> None:
    site.stop()
    page = visit("zones")
    tab(page, "Devices")
    expect(page.locator("[data-tab=devices] em")).to_have_text("Not known now.")
    page = visit("live")
    expect(page.get_by_text("The service is not running")).to_be_visible()
    expect(page.get_by_role("button", name="Show all hosts")).to_be_hidden()


def test_the_keyboard_is_enough(site: Site, visit: Visit) -> None:
    page = visit("zones")
    row(page, "guest").get_by_role("combobox").focus()
    for _ in ("None", "Software"):
        page.keyboard.press("ArrowDown")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Save & Apply":
            break
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert site.option("guest", "mode") == "software"


def test_the_service_is_started_from_the_page(site: Site, visit: Visit) -> None:
    script = site.folder / "offload"
    script.write_text(f"#!/bin/sh\n[ \"$1\" = start ] && touch '{site.folder}/started'\n")
    script.chmod(0o755)
    site.stop()
    visit("zones").get_by_role("button", name="Start").click()
    site.until((site.folder / "started").exists)
    expect(visit("zones", user="reader").get_by_role("button", name="Start")).to_be_disabled()


def test_the_log_shows_the_service_s_lines_and_no_others(site: Site, visit: Visit) -> None:
    ours = "Sat Nov 28 01:00:00 2026 daemon.info python3[12]: offload: <b>applied</b>"
    theirs = (
        "Sat Nov 28 01:00:01 2026 authpriv.info dispatcher.uc: luci: accepted login on /admin/network/offload/zones"
    )
    script = site.folder / "logread"
    script.write_text(f"#!/bin/sh\ncat <<'LOG'\n{theirs}\n{ours}\nLOG\n")
    script.chmod(0o755)
    expect(visit("log", user="reader").locator(".offload-log")).to_have_text(ours)
    script.unlink()
    expect(visit("log").locator(".offload-log")).to_contain_text("The log cannot be read")


def test_the_first_silence_is_not_red(visit: Visit) -> None:
    page = visit("zones", expect="Failed to load resource")
    page.route("**/admin/ubus*", lambda route: route.abort())
    notice(page, "Waiting for an answer")
    expect(page.locator(".alert-message.danger")).to_have_count(0)
    notice(page, "No answer")
