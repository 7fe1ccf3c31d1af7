"""Parts of tests of the page Live: a thousand flows, and the elements of the page that show them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Locator, Page, Route

FLOWS = 1000
PAGE = 25
HOSTILE = "<img src=x onerror=\"document.title='taken'\">"
COUNT = "() => window.asked.length"
# Every request for a batch of calls, as the page sends it.
WATCHED = """() => {
    const fetched = window.fetch;
    window.asked = [];
    window.fetch = (url, given) => {
        if (/luci.offload/.test(given?.body)) window.asked.push(given.body);
        return fetched(url, given);
    };
}"""


def rows(page: Page) -> Locator:
    """The flows shown."""
    return page.locator(".offload-flows tbody tr")


def column(page: Page, title: str) -> list[str]:
    """The first line of each cell of a column."""
    cells = page.locator(f'.offload-flows td[data-title="{title}"]').all_inner_texts()
    return [text.split("\n")[0] for text in cells]


def pages(page: Page) -> Locator:
    """Which flows of how many are shown."""
    return page.locator(".offload-pages span")


@contextmanager
def answers(page: Page, change: Callable[[str], str]) -> Iterator[None]:
    """What the server says, changed."""

    def changed(route: Route) -> None:
        reply = route.fetch()
        route.fulfill(response=reply, body=change(reply.text()))

    page.route("**/ubus*", changed)
    yield
    page.unroute_all(behavior="wait")
