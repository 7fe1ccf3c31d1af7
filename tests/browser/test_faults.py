"""Faulty files, and unusual ones without a fault: the page shows the fault, keeps the value, and adds no fault."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from browser.conftest import Visit
from browser.lively import answers
from browser.site import FIREWALL, OFFLOAD, Site
from browser.test_zones import pair, row, save_and_apply, tab

ODD = f"""{OFFLOAD}
config zone
	option name 'guest'
	option mode 'software'
	option family 'inet4'

config pair
	option src 'lan'
	option dest 'wan'
	option mode 'off'

config pair
	option src 'guest'
	option dest 'wan'
"""


def exempt(options: str) -> str:
    """/etc/config/offload with an exempt."""
    return f"{OFFLOAD}\nconfig exempt 'web'\n\toption name 'Web'\n{options}"


def written(site: Site, text: str) -> str:
    """Write /etc/config/offload, and tell the service."""
    site.write("offload", text)
    site.reload()
    return text


def opened(page: Page) -> Locator:
    """The dialogue of the first exempt."""
    tab(page, "Exempt traffic")
    page.get_by_role("button", name="Edit").first.click()
    dialogue = page.locator(".modal")
    expect(dialogue.get_by_label("Protocol")).to_be_visible()
    return dialogue


def close(dialogue: Locator) -> None:
    """Save the dialogue."""
    dialogue.get_by_role("button", name="Save").click()
    expect(dialogue).to_have_count(0)


def status(change: Callable[[dict[str, object]], object]) -> Callable[[str], str]:
    """For `answers`: the reply of `status`, changed."""
    return reply_of("kernel", change)


def reply_of(key: str, change: Callable[[dict[str, object]], object]) -> Callable[[str], str]:
    """For `answers`: the replies that have this key, changed."""

    def changed(text: str) -> str:
        replies = json.loads(text)
        for reply in replies if isinstance(replies, list) else [replies]:
            for result in reply.get("result", []) if isinstance(reply.get("result"), list) else []:
                if isinstance(result, dict) and key in result:
                    change(result)
        return json.dumps(replies)

    return changed


def test_what_holds_for_a_part_of_a_fast_pair_is_reported(site: Site, visit: Visit) -> None:
    rule = "config rule\n\toption src 'lan'\n\toption dest 'wan'\n\toption proto 'tcp'\n\toption dest_port '443'\n"
    site.write("firewall", f"{FIREWALL}\n{rule}\toption target 'MARK'\n\toption set_mark '1'\n")
    site.reload()
    page = visit("zones")
    tab(page, "Pairs")
    fast = pair(page, "lan", "wan")
    expect(fast.locator(".offload-mode")).to_have_text("Software")
    expect(fast).to_contain_text("marks packets one by one")


REASONS = """async () => {
    const words = await L.require('offload.words');
    const shown = (mode, effective, ...codes) => words.effective({
        mode, effective, reasons: codes.map((code) => ({ code, text: code }))
    }).textContent;
    return [
        shown('software', 'software', 'MARKED_PART', 'LOWER_MODE'), shown('none', 'none', 'CONFIG_FAULT', 'MODE_NONE'),
        shown('hardware', 'software', 'LOWER_MODE'), shown('none', 'none', 'PAIR_MODE_NONE')
    ];
}"""


def test_every_reason_is_shown_unless_it_repeats_the_choice(visit: Visit) -> None:
    texts = visit("zones").evaluate(REASONS)
    assert texts == ["SoftwareMARKED_PART", "NoneCONFIG_FAULT", "SoftwareLOWER_MODE", "None"]


@pytest.mark.parametrize("number", ["1.5", "00000020", "1000001", "-1"])
def test_packets_are_what_the_service_counts(site: Site, visit: Visit, number: str) -> None:
    page = visit("zones")
    tab(page, "Advanced")
    for label in ("After packets", "After packets: lan"):
        field = page.get_by_label(label, exact=True)
        field.fill(number)
        field.blur()
        expect(field).to_have_class("cbi-input-text cbi-input-invalid")
        field.fill("0000020")
        field.blur()
        expect(field).to_have_class("cbi-input-text")
    save_and_apply(page)
    assert site.option("globals", "after_packets") == site.option("lan", "after_packets") == "0000020"
    expect(page.locator(".offload-findings")).to_be_empty()


def test_dots_alone_are_no_device(visit: Visit) -> None:
    page = visit("zones")
    tab(page, "Advanced")
    field = page.get_by_label("More devices")
    for name, right in ((".", False), ("..", False), ("lan2", True)):
        field.fill(name)
        field.blur()
        expect(field).to_have_class("cbi-input-text" if right else "cbi-input-text cbi-input-invalid")


def test_a_save_keeps_what_the_page_does_not_know(site: Site, visit: Visit) -> None:
    before = written(
        site, ODD.replace("option mode 'none'", "option mode 'fast'\n\toption family 'ip'\n\toption enabled 'yes'")
    )
    page = visit("zones")
    tab(page, "Pairs")
    for src, text in (("lan", "off (not valid)"), ("guest", "- (not valid)")):
        expect(pair(page, src, "wan").get_by_role("combobox").locator("option:checked")).to_have_text(text)
    tab(page, "Advanced")
    for label, text in (("Mode of other zones", "fast"), ("Address family", "ip"), ("Address family: guest", "inet4")):
        expect(page.get_by_label(label, exact=True).locator("option:checked")).to_have_text(f"{text} (not valid)")
    expect(page.get_by_label("Enable", exact=True)).to_be_checked()
    page.get_by_role("button", name="Save & Apply").click()
    expect(page.get_by_text("There are no changes to apply")).to_be_visible()
    assert (site.config / "offload").read_text() == before


def test_what_the_page_does_not_know_can_be_mended(site: Site, visit: Visit) -> None:
    written(site, ODD)
    page = visit("zones")
    tab(page, "Advanced")
    page.get_by_label("Address family: guest").select_option("ipv4")
    tab(page, "Pairs")
    pair(page, "lan", "wan").get_by_role("combobox").select_option("software")
    pair(page, "guest", "wan").get_by_role("combobox").select_option("")
    save_and_apply(page)
    assert site.sections("pair") == [{"src": "lan", "dest": "wan", "mode": "software"}]
    expect(page.locator(".offload-findings")).to_be_empty()
    expect(row(page, "guest").locator(".offload-mode")).to_have_text("Software")


@pytest.mark.parametrize(
    ("proto", "shown"),
    [
        ("option proto 'TCP'", "TCP"),
        ("option proto '17'", "UDP"),
        ("option proto 'tcp 17'", "TCP and UDP"),
        ("option proto 'constructor'", "constructor (not valid)"),
        ("option proto 'all'", "all (not valid)"),
        ("list src 'lan'", "all (not valid)"),
    ],
)
def test_a_dialogue_keeps_protocol_and_ports(site: Site, visit: Visit, proto: str, shown: str) -> None:
    before = written(site, exempt(f"\t{proto}\n\tlist dest_port '443'\n"))
    page = visit("zones")
    dialogue = opened(page)
    expect(dialogue.get_by_label("Protocol").locator("option:checked")).to_have_text(shown)
    expect(dialogue.get_by_text("443")).to_be_visible()
    close(dialogue)
    expect(page.locator("#cbi-offload-exempt")).to_contain_text("Destination port: 443")
    page.get_by_role("button", name="Save & Apply").click()
    expect(page.get_by_text("There are no changes to apply")).to_be_visible()
    assert (site.config / "offload").read_text() == before


def test_a_star_is_any_zone(site: Site, visit: Visit) -> None:
    before = written(site, exempt("\toption src '*'\n\toption dest 'wan'\n\toption proto 'udp'\n"))
    page = visit("zones")
    dialogue = opened(page)
    source = dialogue.get_by_label("From zone")
    expect(source.locator("option:checked")).to_have_text("any")
    expect(source.locator("option")).to_have_text(["any", "lan", "guest", "wan"])
    close(dialogue)
    expect(page.locator("#cbi-offload-exempt")).not_to_contain_text("From zone: *")
    page.get_by_role("button", name="Save & Apply").click()
    expect(page.get_by_text("There are no changes to apply")).to_be_visible()
    assert (site.config / "offload").read_text() == before


@pytest.mark.parametrize(
    ("label", "wrong", "right", "sentence"),
    [
        ("Source address", "192.168.001.050", "192.168.1.50", "leading zeros"),
        ("Source address", "10.0.0.00/8", "fe80:0012::0001/064", "leading zeros"),
        ("Mark", "0x10/0x0f", "0x10/0x1f", "all its bits"),
        ("Mark", "1/4294967296", "0xffffffff/4294967295", "all its bits"),
        ("DSCP", "64", "df", "from 0 to 63"),
        ("Destination port", "000443", "00443", "a port or a range"),
    ],
)
def test_a_dialogue_takes_what_the_service_takes(
    site: Site, visit: Visit, label: str, wrong: str, right: str, sentence: str
) -> None:
    written(site, exempt("\toption proto 'tcp'\n"))
    page = visit("zones")
    dialogue = opened(page)
    field = dialogue.get_by_label(label, exact=True)
    field.fill(wrong)
    dialogue.get_by_role("button", name="Save").click()
    expect(field).to_have_attribute("data-tooltip", re.compile(sentence))
    field.fill(right)
    close(dialogue)
    save_and_apply(page)
    expect(page.locator(".offload-findings")).to_be_empty()
    assert right in (site.config / "offload").read_text()


@pytest.mark.parametrize("path", ["zones", "live"])
def test_items_missing_from_an_answer_are_counted(visit: Visit, path: str) -> None:
    page = visit(path)
    with answers(page, status(lambda reply: reply.update(left_off={"pairs": 5000, "whatever": 1}))):
        notices = page.locator(".offload-notices")
        expect(notices).to_contain_text("Not everything is shown")
        expect(notices).to_contain_text("Pairs: 5,000")
        expect(notices).to_contain_text("whatever: 1")
