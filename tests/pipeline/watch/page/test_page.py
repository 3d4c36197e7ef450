"""The page of a week in a real browser: sound at every width and in dark mode, and it says what was found."""

from __future__ import annotations

import pytest

from pipeline.watch.document import Look
from pipeline.watch.judging.verdict import judge
from pipeline.watch.page.page import page
from tests.pipeline.watch.asked import MONDAY, config
from tests.pipeline.watch.seen import week
from tests.shared import browser as chromium

pytestmark = pytest.mark.tensorflow

MOST_BYTES = 1_500_000


def test_the_page_of_a_week(tmp_path, browser):
    path = tmp_path / "index.html"
    path.write_text(page(week(tmp_path)))
    assert path.stat().st_size < MOST_BYTES
    assert chromium.faults(browser, path) == []
    with chromium.shown(browser, path) as (shown, _):
        verdict = shown.locator("#verdict").inner_text()
        assert "Somebody should look." in verdict
        assert "km: has moved by" in verdict
        assert "have columns that the data do not have, such as city" in verdict
        assert "Notice: labels: labels/c.csv, row 3" in verdict
        assert shown.locator("#volume tbody tr").count() == 7
        first = shown.locator("#inputs article").first
        assert first.locator("h3").inner_text() == "km"
        assert first.locator("svg").count() == 2
        assert shown.locator("#quality tbody tr").count() == 6
        assert "at the push" in shown.locator("#predictions").inner_text()


def test_the_page_before_anything_is_logged(tmp_path, browser):
    given = config(tmp_path)
    nothing = Look(
        config=given, time=MONDAY, new=0, windows=[], verdict=judge([], given.watch), problems=(), labels=0, damaged=0
    )
    path = tmp_path / "index.html"
    path.write_text(page(nothing))
    assert chromium.faults(browser, path) == []
    with chromium.shown(browser, path) as (shown, _):
        assert "nothing is judged" in shown.locator("#verdict").inner_text()
        assert shown.locator("main h2").all_inner_texts() == ["Verdict", "Live quality"]
