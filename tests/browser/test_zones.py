"""Network > Flow Offload > Zones in a browser, over the real service: the user's choices arrive in UCI and in nft."""

import json
import re

import pytest
from playwright.sync_api import Locator, Page, expect

from browser.conftest import Visit
from browser.site import FIREWALL, OFFLOAD, Site

GUEST_PAIR = '"br-guest" . "wan"'


def row(page: Page, zone: str) -> Locator:
    """A zone's row."""
    return page.locator("#cbi-offload-zone tr").filter(has=page.locator(".zonebadge", has_text=zone))


def pair(page: Page, src: str, dest: str) -> Locator:
    """A pair's row."""
    badges = page.locator(".zonebadge")
    rows = page.locator("#cbi-offload-pair tr")
    return rows.filter(has=badges.filter(has_text=src)).filter(has=badges.filter(has_text=dest))


def tab(page: Page, name: str) -> None:
    """Open a tab."""
    page.locator(".cbi-tabmenu").get_by_role("link", name=name).click()


def save_and_apply(page: Page) -> None:
    """Press the button, and wait until LuCI has confirmed and shown the page anew."""
    with page.expect_navigation():
        page.get_by_role("button", name="Save & Apply").click()
    page.wait_for_selector("#cbi-offload-zone", state="attached")


def test_a_zone_is_set_saved_and_offloaded(site: Site, visit: Visit) -> None:
    page = visit("zones")
    guest = row(page, "guest")
    expect(guest.locator(".offload-mode")).to_have_text("None")
    assert GUEST_PAIR not in site.sent()
    guest.get_by_role("combobox").select_option("software")
    save_and_apply(page)
    assert site.option("guest", "mode") == "software"
    assert site.option("lan", "mode") == "software"
    expect(row(page, "guest").locator(".offload-mode")).to_have_text("Software")
    assert GUEST_PAIR in site.sent()


def test_what_is_not_confirmed_returns(site: Site, visit: Visit) -> None:
    page = visit("zones", expect="404")
    page.route("**/uci/confirm", lambda route: route.fulfill(status=404))
    row(page, "guest").get_by_role("combobox").select_option("software")
    with page.expect_request("**/uci/confirm"):
        page.get_by_role("button", name="Save & Apply").click()
    assert site.option("guest", "mode") == "software"
    expect(page.get_by_text("Configuration changes have been rolled back!")).to_be_visible()
    assert site.option("guest", "mode") is None


def test_zones_without_a_mode_of_their_own_follow_the_general_one(site: Site, visit: Visit) -> None:
    page = visit("zones")
    tab(page, "Advanced")
    page.get_by_label("Mode of other zones").select_option("software")
    save_and_apply(page)
    assert site.option("globals", "mode") == "software"
    assert not [each for each in site.sections("zone") if each["name"] == "guest"]
    assert GUEST_PAIR in site.sent()


def test_a_pair_is_chosen_for_and_let_go(site: Site, visit: Visit) -> None:
    page = visit("zones")
    tab(page, "Pairs")
    select = pair(page, "lan", "wan").get_by_role("combobox")
    select.select_option("none")
    save_and_apply(page)
    assert site.sections("pair") == [{"src": "lan", "dest": "wan", "mode": "none"}]
    expect(pair(page, "lan", "wan").locator(".offload-mode")).to_have_text("None")
    select.select_option("")
    save_and_apply(page)
    assert site.sections("pair") == []
    expect(pair(page, "lan", "wan").locator(".offload-mode")).to_have_text("Software")


def test_an_exempt_is_checked_before_it_is_taken(site: Site, visit: Visit) -> None:
    page = visit("zones")
    tab(page, "Exempt traffic")
    page.get_by_role("button", name="Add exemption").click()
    dialogue = page.locator(".modal")
    dialogue.get_by_label("Name").fill("Console")
    dialogue.get_by_label("From zone").select_option("lan")
    address, mark = dialogue.get_by_label("Source address"), dialogue.get_by_label("Mark")
    for field, wrong, right in ((address, "!192.168.1.300", "!192.168.1.50"), (mark, "!0x1ffffffff", "!0x10/0xff")):
        field.fill(wrong)
        dialogue.get_by_role("button", name="Save").click()
        expect(field).to_have_class("cbi-input-text cbi-input-invalid")
        field.fill(right)
    dialogue.get_by_role("button", name="Save").click()
    expect(dialogue).to_have_count(0)
    expect(page.locator("#cbi-offload-exempt")).to_contain_text("192.168.1.50")
    save_and_apply(page)
    exempt = {"name": "Console", "src": "lan", "src_ip": ("!192.168.1.50",), "mark": "!0x10/0xff"}
    assert site.sections("exempt") == [exempt]
    assert "192.168.1.50" in site.sent()


def test_what_holds_for_all_and_for_one_zone(site: Site, visit: Visit) -> None:
    page = visit("zones")
    tab(page, "Advanced")
    page.get_by_label("After packets", exact=True).fill("20")
    page.get_by_label("Devices to leave out").fill("lan2")
    page.get_by_label("Address family: lan").select_option("ipv4")
    save_and_apply(page)
    assert site.option("globals", "after_packets") == "20"
    assert site.option("globals", "exclude_device") == ("lan2",)
    assert site.option("lan", "family") == "ipv4"
    sent = site.sent().rpartition("flowtable")[2]
    assert "lan1" in sent and "lan2" not in sent


@pytest.mark.parametrize(("button", "left"), [("Rename", ["lan", "guest"]), ("Remove", ["lan"])])
def test_a_zone_that_the_firewall_lost_is_repaired(site: Site, visit: Visit, button: str, left: list[str]) -> None:
    old = "config zone 'old'\n\toption name 'visitors'\n\toption mode 'software'\n"
    site.write(
        "offload",
        f"{OFFLOAD}\n{old}\nconfig pair\n\toption src 'visitors'\n\toption dest 'wan'\n\toption mode 'none'\n",
    )
    site.reload()
    page = visit("zones")
    expect(page.locator(".offload-findings")).to_contain_text("no zone 'visitors' in /etc/config/firewall")
    lost = row(page, "visitors")
    expect(lost).to_contain_text("The firewall has no such zone any more.")
    lost.get_by_role("combobox").select_option("guest")
    lost.get_by_role("button", name=button).click()
    expect(lost).to_have_count(0)
    save_and_apply(page)
    assert sorted(str(each["name"]) for each in site.sections("zone")) == sorted(left)
    assert [each["src"] for each in site.sections("pair")] == (["guest"] if button == "Rename" else [])
    expect(page.locator(".offload-findings")).to_be_empty()


@pytest.mark.parametrize("size", [(390, 844), (1280, 900)])
def test_colours_are_explained_below_the_tables_that_have_them(visit: Visit, size: tuple[int, int]) -> None:
    page = visit("zones", size=size)
    meanings = page.locator(".offload-meanings:visible")
    badges = {"Zones": 2, "Pairs": 0}
    for name in ("Pairs", "Exempt traffic", "Devices", "Advanced", "Zones"):
        tab(page, name)
        expect(meanings).to_have_count(int(name in badges))
        expect(meanings.locator(".ifacebadge")).to_have_count(badges.get(name, 0))
    row(page, "guest").get_by_role("combobox").select_option("hardware")
    save_and_apply(page)
    expect(meanings).to_have_count(1)


NEEDED = """select => {
    const had = select.offsetWidth;
    select.style.width = 'max-content';
    return [had, select.offsetWidth];
}"""


def test_no_choice_of_a_mode_is_cut_off(site: Site, visit: Visit) -> None:
    site.write("offload", f"{OFFLOAD}\nconfig zone\n\toption name 'guest'\n\toption mode 'hardware'\n")  # a long reason
    site.reload()
    page = visit("zones", size=(800, 900))
    for name, place in (("Zones", row(page, "wan")), ("Pairs", pair(page, "guest", "wan"))):
        tab(page, name)
        had, needed = place.get_by_role("combobox").evaluate(NEEDED)
        assert had >= needed, name


def test_devices_show_what_they_are_listed_for_and_why_not(visit: Visit) -> None:
    page = visit("zones")
    tab(page, "Devices")
    table = page.locator("[data-tab=devices] table")
    expect(table.get_by_role("row").filter(has_text="lan1")).to_contain_text("software")
    slow = table.get_by_role("row").filter(has_text="br-guest")
    expect(slow).to_contain_text("no mode was chosen for zone guest")
    expect(slow.locator("[data-title=Hardware]")).to_have_text("not asked for")
    for device, listed in (("lan1", 1), ("br-guest", 0)):
        expect(table.locator(".ifacebadge-active").get_by_text(device, exact=True)).to_have_count(listed)


@pytest.mark.parametrize("able", [True, False])
def test_hardware_shows_how_far_it_has_come(site: Site, visit: Visit, *, able: bool) -> None:
    site.stop()
    site.say("hardware", "yes" if able else "")
    site.write("offload", OFFLOAD.replace("software", "hardware"))
    site.start()
    page = visit("zones")
    tab(page, "Pairs")
    shown = r"Hardware.*(accepted by the kernel|proven by live)" if able else "Software.*hardware does not cover"
    expect(pair(page, "lan", "wan")).to_contain_text(re.compile(shown, re.DOTALL))
    tab(page, "Devices")
    lan1 = page.locator("[data-tab=devices] tr").filter(has=page.locator(".ifacebadge", has_text="lan1"))
    expect(lan1).to_contain_text("hardware" if able else "its driver reports no hw-tc-offload")


def test_nothing_is_written_where_nothing_was_changed(site: Site, visit: Visit) -> None:
    before = (site.config / "offload").read_text()
    page = visit("zones")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Save & Apply").click()
    expect(page.get_by_text("There are no changes to apply")).to_be_visible()
    assert (site.config / "offload").read_text() == before


def test_a_reader_sees_everything_and_changes_nothing(site: Site, visit: Visit) -> None:
    page = visit("zones", user="reader")
    expect(row(page, "lan").locator(".offload-mode")).to_have_text("Software")
    for name in ("Zones", "Pairs", "Exempt traffic", "Advanced"):
        tab(page, name)
        fields = page.locator("[data-tab-active=true]").locator("select, input, button")
        assert fields.count()
        for number in range(fields.count()):
            expect(fields.nth(number)).to_be_disabled()
    for button in page.locator(".cbi-page-actions button").all():
        expect(button).to_be_disabled()
    words: dict[str, object] = {"zone": "guest", "mode": "software"}
    for method in ("set", "set_pair", "reload", "flush", "exempt_add", "exempt_delete"):
        assert "Access denied" in asked(page, "luci.offload", method, words)
    section: dict[str, object] = {"config": "offload", "section": "lan", "values": {"mode": "none"}}
    assert "Access denied" in asked(page, "uci", "set", section)
    assert '"ok": true' in asked(page, "luci.offload", "status", {})
    assert GUEST_PAIR not in site.sent()


def asked(page: Page, thing: str, method: str, words: dict[str, object]) -> str:
    """What the router answers to a call of this page's session."""
    session = page.evaluate("L.env.sessionid")
    message = {"jsonrpc": "2.0", "id": 1, "method": "call", "params": [session, thing, method, words]}
    reply = page.request.post(page.url.partition("/admin/")[0] + "/admin/ubus", data=json.dumps([message]))
    return reply.text()


MARKUP = "<img src=x onerror=window.bad=1>"


def test_names_are_text_whatever_they_hold(site: Site, visit: Visit) -> None:
    zone = f"config zone\n\toption name '{MARKUP}'\n"
    site.write("firewall", f"{FIREWALL}\n{zone}\nconfig forwarding\n\toption src '{MARKUP}'\n\toption dest 'wan'\n")
    lost = MARKUP.replace("x", "y")
    more = (
        f"config zone\n\toption name '{lost}'\n\toption mode '{MARKUP}'\n",
        f"config pair\n\toption src '{MARKUP}'\n\toption dest '{lost}'\n\toption mode '{MARKUP}'\n",
        f"config exempt\n\toption name '{MARKUP}'\n\toption src '{lost}'\n\tlist src_ip '{MARKUP}'\n",
        f"config exempt\n\toption mark '{MARKUP}'\n",
        f"config {'x' * 9}\n\toption {'y' * 9} '{MARKUP}'\n",
    )
    site.write("offload", "\n".join((OFFLOAD.replace("'none'", f"'{MARKUP}'"), *more)))
    site.say("refusal", f"Error: {MARKUP}")
    site.reload()
    page = visit("zones")
    expect(page.locator(".offload-findings")).to_contain_text(MARKUP)
    expect(row(page, MARKUP)).to_have_count(1)
    for name in ("Pairs", "Exempt traffic", "Devices", "Advanced"):
        tab(page, name)
    tab(page, "Exempt traffic")
    expect(page.locator("#cbi-offload-exempt")).to_contain_text(MARKUP)
    page.get_by_role("button", name="Edit").first.click()
    expect(page.locator(".modal")).to_be_visible()
    assert page.locator("img").count() == 0
    assert page.evaluate("window.bad") is None


def test_before_saving_the_page_shows_what_a_choice_changes(visit: Visit) -> None:
    page = visit("zones")
    ahead = page.locator(".offload-preview")
    expect(row(page, "wan").get_by_role("combobox")).to_have_value("")  # as the other zone
    expect(ahead).to_be_empty()
    row(page, "guest").get_by_role("combobox").select_option("software")
    expect(ahead).to_contain_text("guest → wan: None → Software")
    row(page, "guest").get_by_role("combobox").select_option("hardware")
    expect(ahead).to_contain_text("hardware does not cover br-guest, wan")
    expect(ahead.locator("li").filter(has_text="guest → wan")).to_have_count(1)
    expect(ahead).to_contain_text("guest → wan: None → Software")
    row(page, "guest").get_by_role("combobox").select_option("software")
    row(page, "wan").get_by_role("combobox").select_option("none")
    expect(ahead).to_contain_text("guest → wan stays None, because zone wan has the lower mode")
    expect(ahead).to_contain_text("lan → wan: Software → None")
    row(page, "wan").get_by_role("combobox").select_option("")
    row(page, "guest").get_by_role("combobox").select_option("")
    expect(ahead).to_be_empty()


def test_before_saving_the_page_shows_what_taking_a_choice_back_changes(site: Site, visit: Visit) -> None:
    site.write(
        "offload", OFFLOAD.replace("'software'", "'none'").replace("option mode 'none'", "option mode 'hardware'", 1)
    )
    site.reload()
    page = visit("zones")
    ahead = page.locator(".offload-preview")
    expect(row(page, "lan").locator(".offload-mode")).to_have_text("None")
    row(page, "lan").get_by_role("combobox").select_option("")  # as globals: hardware
    expect(ahead).to_contain_text("hardware does not cover lan1, lan2, wan")
    expect(ahead.locator("li[data-pair]")).to_have_count(1)
    expect(ahead.locator("li[data-pair]")).to_contain_text("lan → wan: None → Software")


def test_before_saving_the_page_shows_what_a_choice_for_a_pair_changes(site: Site, visit: Visit) -> None:
    site.write(
        "offload", f"{OFFLOAD}\nconfig pair\n\toption src 'lan'\n\toption dest 'wan'\n\toption mode 'hardware'\n"
    )
    site.reload()
    page = visit("zones")
    ahead = page.locator(".offload-preview")
    tab(page, "Pairs")
    pair(page, "guest", "wan").get_by_role("combobox").select_option("hardware")
    expect(ahead).to_contain_text("hardware does not cover br-guest, wan")
    expect(ahead).to_contain_text("guest → wan: None → Software")
    pair(page, "guest", "wan").get_by_role("combobox").select_option("")
    pair(page, "lan", "wan").get_by_role("combobox").select_option(
        ""
    )  # software is chosen for the zone, and in effect now
    expect(ahead).to_contain_text("When you save, no pair changes")
    expect(ahead.locator("li")).to_have_text("lan → wan stays Software")


@pytest.mark.parametrize("button", ["Save", "Reset"])
def test_what_is_saved_or_taken_back_is_foreseen_no_longer(visit: Visit, button: str) -> None:
    page = visit("zones")
    ahead = page.locator(".offload-preview")
    row(page, "guest").get_by_role("combobox").select_option("software")
    expect(ahead).to_contain_text("guest → wan: None → Software")
    page.get_by_role("button", name=button, exact=True).click()
    expect(ahead).to_be_empty()
    expect(row(page, "guest").get_by_role("combobox")).to_have_value("software" if button == "Save" else "")


def test_a_zone_goes_back_to_no_choice_of_its_own(site: Site, visit: Visit) -> None:
    page = visit("zones")
    row(page, "lan").get_by_role("combobox").select_option("")
    save_and_apply(page)
    assert site.option("lan", "mode") is None
    expect(row(page, "lan").locator(".offload-mode")).to_have_text("None")


def test_a_section_that_is_switched_off_is_no_choice(site: Site, visit: Visit) -> None:
    site.write("offload", OFFLOAD.replace("option name 'lan'", "option name 'lan'\n\toption enabled '0'"))
    expect(row(visit("zones"), "lan").get_by_role("combobox")).to_have_value("")
