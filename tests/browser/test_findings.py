"""The findings of `check` on the page: problems in a box with their remedies, all others as plain text."""

import json

from playwright.sync_api import Route, expect

from browser.conftest import Visit
from browser.lively import answers
from browser.site import OFFLOAD, Site
from browser.test_faults import reply_of, written
from offload.config.choices import exempts
from offload.model.problems.problem import ProblemCode
from package import po

OFF = OFFLOAD.replace("option mode 'none'", "option mode 'none'\n\toption auto_exempt '0'")
LIMITS = "a rule in chain forward of table inet rates (Guests) limits rates"
FAULT = {
    "code": "SKIPPED",
    "place": "Section @rule[2] (<b>Web</b>)",
    "option": "",
    "text": "is left out because of its invalid options",
}


def limited(site: Site, text: str) -> None:
    """Another program limits what comes from the LAN."""
    site.say("limit", "br-lan")
    written(site, text)


def test_what_a_click_mends_is_mended_with_one(site: Site, visit: Visit) -> None:
    limited(site, OFF)
    page = visit("zones")
    box = page.locator(".offload-findings .alert-message.warning")
    expect(box).to_contain_text(LIMITS)
    expect(box).to_contain_text("→ set auto_exempt to 1 in /etc/config/offload")
    with page.expect_navigation():
        box.get_by_role("button", name="Set auto_exempt to 1").click()
    assert site.option("globals", "auto_exempt") == "1"
    expect(page.locator(".offload-worth")).to_contain_text(LIMITS)
    expect(page.locator(".offload-worth")).to_contain_text("✓ the traffic it concerns stays on the slow path")
    expect(page.locator(".offload-findings")).to_be_empty()


def test_a_notice_is_no_box_and_no_button(site: Site, visit: Visit) -> None:
    limited(site, OFFLOAD)
    page = visit("zones")
    worth = page.locator(".offload-worth")
    expect(worth).to_contain_text("Worth knowing")
    expect(worth).to_contain_text(LIMITS)
    expect(worth.locator(".alert-message, button")).to_have_count(0)
    expect(page.locator(".offload-findings")).to_be_empty()


def test_without_the_right_to_write_nothing_can_be_clicked(site: Site, visit: Visit) -> None:
    limited(site, OFF)
    page = visit("zones", user="reader")
    expect(page.get_by_role("button", name="Set auto_exempt to 1")).to_be_disabled()


def test_a_finding_that_is_gone_goes_from_the_page(site: Site, visit: Visit) -> None:
    limited(site, OFFLOAD)
    page = visit("zones")
    expect(page.locator(".offload-worth")).to_contain_text(LIMITS)
    site.say("limit")
    site.reload()
    expect(page.locator(".offload-worth")).to_be_empty()


def test_a_fault_of_a_file_has_its_place_before_a_colon(site: Site, visit: Visit) -> None:
    written(site, OFFLOAD.replace("'software'", "'fast'"))
    expect(visit("zones").locator(".offload-findings")).to_contain_text("zone 'lan', mode: 'fast' is not known here")


def test_faults_of_the_firewalls_sections_are_listed(visit: Visit) -> None:
    page = visit("zones")
    with answers(page, reply_of("findings", lambda reply: reply.update(firewall=[FAULT]))):
        page.reload()
        box = page.locator(".offload-findings")
        expect(box).to_contain_text(f"{FAULT['place']} {FAULT['text']}")
        expect(box.locator("b")).to_have_count(0)


def test_a_service_that_cannot_check_leaves_the_page_as_it_is(visit: Visit) -> None:
    page = visit("zones")
    with answers(page, reply_of("findings", lambda reply: reply.update(ok=False, error="busy"))):
        page.reload()
        expect(page.locator("#cbi-offload-zone")).to_be_visible()
        expect(page.locator(".offload-findings")).to_be_empty()


FAULTY = f"""{OFFLOAD}
config zone 'gast'
	option name 'guestt'
	option mode 'hardwear'

config exempt
	list src_ip '192.168.1.50'
	option src 'nowhere'

config exempt
	option src 'lan'
	option dest 'wan'
	option dscp 'EG'
"""


def test_every_part_of_a_sentence_is_translated(site: Site, visit: Visit) -> None:
    written(site, FAULTY)
    page = visit("zones")
    german = {
        text: own for text, own in po.read((po.APP / "po/de/offload.po").read_text()).items() if isinstance(own, str)
    }
    own = f"const GERMAN = {json.dumps(german)};\nconst _ = (text) => GERMAN[text] ?? text;\nconst REASONS"

    def translated(route: Route) -> None:
        route.fulfill(body=route.fetch().text().replace("const REASONS", own, 1), content_type="text/javascript")

    page.route("**/offload/sentences.js*", translated)
    page.reload()
    found = page.locator(".offload-findings")
    hint, choices = german["(did you mean '{best}'?)"], german["{words} or {last}"]
    for part in (
        hint.replace("{best}", "guest"),
        hint.replace("{best}", "hardware"),
        choices.replace("{words}", "none, software").replace("{last}", "hardware"),
        german[exempts.WIDER],
        german[exempts.HELD].replace("{src}", "lan").replace("{dest}", "wan"),
    ):
        expect(found).to_contain_text(part)
    said = "'me' is not an IPv4 or IPv6 address or network"
    refused = page.evaluate("async (text) => (await L.require('offload.sentences')).refusal(text)", f"host: {said}")
    own = german[ProblemCode.BAD_ADDRESS.value].partition(";")[0]
    assert refused == own.replace("{value}", "me") != said
