"""The line on Status > Overview, used as that page does it: load() every few seconds, then render()."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Visit
from browser.site import Site

INCLUDE = "view.status.include.35_offload"
# What the overview does with each of its parts; null hides it at first, and later leaves what was there.
REFRESH = f"""async () => {{
    const part = await L.require('{INCLUDE}');
    const shown = part.render(await part.load());
    if (shown != null)
        (await L.require('dom')).content(document.querySelector('#view'), shown);
    return shown != null;
}}"""


@pytest.fixture(name="overview")
def _overview(visit: Visit) -> Page:
    """A page on which the part can be shown, and nothing else asks."""
    page = visit("zones")
    page.evaluate("() => L.require('poll').then((poll) => poll.stop())")
    page.evaluate("() => document.querySelector('#view').replaceChildren()")
    return page


def tells(site: Site, page: Page, text: str) -> None:
    """Refresh until the part says so; it lets the service rest after each answer."""
    site.until(lambda: page.evaluate(REFRESH) and page.inner_text("#view").strip() == text)


def answered(page: Page, change: Callable[[str], str]) -> None:
    """Change the server's replies."""
    page.route("**/ubus*", lambda route: route.fulfill(response=(reply := route.fetch()), body=change(reply.text())))


def test_one_line_with_a_link(site: Site, overview: Page) -> None:
    site.say("flows", "140")
    tells(site, overview, "98 of 140 flows on the fast path (84 software, 14 hardware)")
    overview.locator("#view a").click()
    expect(overview.get_by_role("table", name="Flows")).to_be_visible()


def test_its_title(overview: Page) -> None:
    assert overview.evaluate(f"() => L.require('{INCLUDE}').then((part) => part.title)") == "Flow offload"


def test_large_numbers_can_be_read(site: Site, overview: Page) -> None:
    site.say("flows", "12000")
    tells(site, overview, "8,400 of 12,000 flows on the fast path (7,200 software, 1,200 hardware)")


def test_short_words_while_the_service_is_away(site: Site, overview: Page) -> None:
    site.stop()
    tells(site, overview, "The service is not running")
    site.start()
    tells(site, overview, "14 of 20 flows on the fast path (12 software, 2 hardware)")


def test_short_words_where_the_kernel_cannot(site: Site, overview: Page) -> None:
    site.say("lacks", "kmod-nft-offload")
    site.reload()
    tells(site, overview, "Kernel or nft lack something")


def test_silent_where_this_login_may_not_ask(overview: Page) -> None:
    answered(overview, lambda text: json.dumps([{**each, "result": [6]} for each in json.loads(text)]))
    assert not overview.evaluate(REFRESH)
    expect(overview.locator("#view")).to_be_empty()


def test_a_hidden_page_asks_nothing(overview: Page) -> None:
    assert overview.evaluate(REFRESH)
    asked: list[str] = []
    overview.on("request", lambda request: asked.append(request.url))
    overview.evaluate("() => Object.defineProperty(document, 'hidden', { get: () => true })")
    assert overview.evaluate(REFRESH)
    expect(overview.locator("#view")).to_contain_text("on the fast path")
    assert asked == []


def test_one_flow_is_no_flows(site: Site, visit: Visit) -> None:
    site.say("flows", "1")
    expect(visit("live").locator(".offload-picture")).to_contain_text(re.compile(r"1 flow(?!s)"))
