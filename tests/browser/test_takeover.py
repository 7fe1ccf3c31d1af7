"""The button that takes over fw4's own offload: when it works, and the sentence if it does not."""

import pytest
from playwright.sync_api import expect

from browser.conftest import Visit
from browser.site import FIREWALL, Site
from browser.test_faults import written
from browser.test_zones import row

SWITCH = FIREWALL.replace("'REJECT'", "'REJECT'\n\toption flow_offloading '1'", 1)


@pytest.mark.parametrize("option", ["after_packets '1.5'", "enabled '0'"])
def test_nothing_is_taken_over_where_all_would_be_slow(site: Site, visit: Visit, option: str) -> None:
    site.write("firewall", SWITCH)
    before = written(site, f"config globals 'globals'\n\toption {option}\n")
    page = visit("zones")
    page.get_by_role("button", name="Take over").click()
    dialogue = page.locator(".modal")
    expect(dialogue).to_contain_text("Nothing was taken over")
    expect(dialogue).to_contain_text("every flow would be slow")
    dialogue.get_by_role("button", name="Dismiss").click()
    expect(dialogue).to_have_count(0)
    assert (site.config / "offload").read_text() == before
    assert (site.config / "firewall").read_text() == SWITCH


def test_taken_over_both_files_have_it_and_the_page_shows_it(site: Site, visit: Visit) -> None:
    site.write("firewall", SWITCH)
    written(site, "config globals 'globals'\n\toption mode 'none'\n")
    page = visit("zones")
    expect(page.locator(".offload-notices")).to_contain_text("reloads the firewall")
    with page.expect_navigation():
        page.get_by_role("button", name="Take over").click()
    page.wait_for_selector("#cbi-offload-zone")
    expect(page.locator(".offload-notices")).to_be_empty()
    expect(row(page, "guest").locator(".offload-mode")).to_have_text("Software")
    assert "flow_offloading '0'" in (site.config / "firewall").read_text()
    assert (site.option("globals", "mode"), site.option("globals", "taken")) == ("software", "software")


def test_without_the_right_to_write_nothing_is_taken_over(site: Site, visit: Visit) -> None:
    site.write("firewall", SWITCH)
    site.reload()
    expect(visit("zones", user="reader").get_by_role("button", name="Take over")).to_be_disabled()


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
