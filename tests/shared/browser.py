"""A headless Chromium that opens pages and says what is wrong with them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# A phone, a tablet and a laptop.
WIDTHS = (390, 768, 1280)
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_MILLISECONDS = 60_000
# A plot is drawn when it comes into view. Playwright's own scrolling waits for two frames that agree, and on a busy
# machine Chromium has been seen to send none for half a minute; this scrolls on until every plot is there.
_SCROLL_ON = """
() => {
  const missing = [...document.querySelectorAll(".drawn")].filter((place) => !place.querySelector("svg"));
  missing[0]?.scrollIntoView();
  return missing.length === 0;
}
"""


@contextmanager
def opened() -> Iterator[Browser]:
    """The system's Chromium; skips the test where there is none."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        # In a container, its own sandbox has no rights.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def faults(browser: Browser, path: Path) -> list[str]:
    """What is wrong with a page, at each width and in dark mode: errors, sideways scrolling, and what axe finds.

    axe looks at the smallest width alone: names and colours are the same at all.
    """
    found = []
    # Dark mode changes colours and no sizes.
    for scheme, widths in (("light", WIDTHS), ("dark", WIDTHS[:1])):
        for width in widths:
            with shown(browser, path, width=width, scheme=scheme) as (page, errors):
                where = f"{width} px, {scheme}"
                found += [f"{where}: {text}" for text in errors]
                wide = page.evaluate("document.documentElement.scrollWidth")
                found += [f"{where}: it is {wide} px wide"] if wide > width else []
                if width == WIDTHS[0]:
                    found += [f"{where}: {text}" for text in _violations(page)]
    return found


@contextmanager
def shown(
    browser: Browser, path: Path, *, width: int = 1280, scheme: str = "light"
) -> Iterator[tuple[Page, list[str]]]:
    """A page with everything unfolded and drawn, and the errors of its console so far and from then on."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    page, errors = context.new_page(), []
    page.on("console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.resolve().as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.wait_for_function(_SCROLL_ON, timeout=_MILLISECONDS, polling=50)
    yield page, errors
    context.close()


def _violations(page: Page) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    # A plot is one picture to a screen reader; what is inside of it has thousands of elements.
    found = Axe().run(page, context={"exclude": [[".drawn svg"]]}).response["violations"]
    return [
        f"{one['id']} ({one['help']}): {', '.join(node['html'][:200] for node in one['nodes'][:3])}" for one in found
    ]
