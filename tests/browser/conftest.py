"""Fixtures: a headless Chromium, and a router whose LuCI page it opens. Any message in its console fails the test."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from browser import site as sites
from browser.lively import FLOWS, PAGE, WATCHED, rows

TESTS = Path(__file__).parents[1]
DESKTOP, PHONE = (1280, 900), (360, 740)
# milliseconds; a loaded machine without a graphics card is slow
PATIENCE = 15_000

Visit = Callable[..., Page]
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session", name="browser")
def _browser() -> Iterator[Browser]:
    program = shutil.which("chromium-headless-shell")
    assert program, "chromium-headless-shell is missing: run `make setup`"
    # Without a zygote all its processes are its children, so the gate knows what processor time they take.
    arguments = ["--no-sandbox", "--no-zygote"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Iterator[sites.Site]:
    with sites.site(tmp_path) as made:
        yield made


@pytest.fixture(name="visit")
def _visit(browser: Browser, site: sites.Site) -> Iterator[Visit]:
    """visit("zones"): a page of the site, shown completely.

    `user` is root or reader, `theme` light or dark; `expect` is a warning that the console may print.
    """
    printed: list[str] = []
    expected: list[str] = []

    def keep(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            printed.append(message.text)

    with ExitStack() as stack:

        def visit(
            path: str, *, user: str = "root", theme: str = "light", size: tuple[int, int] = DESKTOP, expect: str = ""
        ) -> Page:
            context = browser.new_context(viewport={"width": size[0], "height": size[1]})
            stack.callback(context.close)
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            page.on("console", keep)
            page.on("pageerror", lambda error: printed.append(str(error)))
            expected.extend([expect] if expect else [])
            page.goto(f"{site.url}/{path}?user={user}&theme={theme}")
            page.wait_for_selector("#view > :not(.spinning)")
            return page

        yield visit
    warnings = [text for text in printed if not any(word in text for word in expected)]
    assert not warnings, warnings


@pytest.fixture(name="live")
def _live(site: sites.Site, visit: Visit) -> Page:
    """The page Live with a thousand flows in its table."""
    site.say("flows", str(FLOWS))
    page = visit("live")
    page.evaluate(WATCHED)
    expect(rows(page)).to_have_count(PAGE)
    return page
