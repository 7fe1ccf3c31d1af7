"""When the page takes fw4's own switch over, and when it says why not."""

import pytest
from playwright.sync_api import expect

from browser.conftest import Visit
from browser.site import FIREWALL, Site
from browser.test_faults import written
from browser.test_zones import row

SWITCH = FIREWALL.replace("'REJECT'", "'REJECT'\n\toption flow_offloading '1'", 1)


@pytest.mark.parametrize("name", ["globals 'globals'", "globals"])
def test_nothing_is_taken_over_where_all_would_be_slow(site: Site, visit: Visit, name: str) -> None:
    site.write("firewall", SWITCH)
    before = written(site, f"config {name}\n\toption after_packets '1.5'\n")
    page = visit("zones")
    page.get_by_role("button", name="Take over").click()
    dialogue = page.locator(".modal")
    expect(dialogue).to_contain_text("Nothing was taken over")
    expect(dialogue).to_contain_text("after_packets '1.5' is not a whole number from 0 to 1000000")
    dialogue.get_by_role("button", name="Dismiss").click()
    expect(dialogue).to_have_count(0)
    assert (site.config / "offload").read_text() == before
    assert (site.config / "firewall").read_text() == SWITCH


def test_taking_over_says_that_it_switches_offload_on(site: Site, visit: Visit) -> None:
    site.write("firewall", SWITCH)
    written(site, "config globals 'globals'\n\toption enabled 'maybe'\n\nconfig globals\n\toption mode 'none'\n")
    page = visit("zones")
    expect(page.locator(".offload-notices")).to_contain_text("switches offload on where it is off")
    with page.expect_navigation():
        page.get_by_role("button", name="Take over").click()
    page.wait_for_selector("#cbi-offload-zone")
    expect(page.locator(".offload-notices")).to_be_empty()
    expect(row(page, "guest").locator(".offload-mode")).to_have_text("Software")


def test_nothing_is_taken_over_while_the_service_is_away(site: Site, visit: Visit) -> None:
    site.write("firewall", SWITCH)
    site.reload()
    page = visit("zones")
    button = page.get_by_role("button", name="Take over")
    expect(button).to_be_visible()
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true })")  # the page asks no more by itself
    site.stop()
    button.click()
    expect(page.locator(".modal")).to_contain_text("The service does not answer now.")
    assert (site.config / "firewall").read_text() == SWITCH
