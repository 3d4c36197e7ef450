"""The page of a week in a real browser: sound at every width and in dark mode, and it says what was found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from pipeline.watch.document import Look
from pipeline.watch.page.page import page
from pipeline.watch.requests import take_in
from pipeline.watch.store import opened
from pipeline.watch.verdict import judge
from pipeline.watch.windows import windows
from tests.pipeline.watch.asked import DAY, MONDAY, Row, asked_of, config, reference, trips, write_day
from tests.shared import browser as chromium

pytestmark = pytest.mark.tensorflow

MOST_BYTES = 1_500_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.opened() as found:
        yield found


def asked(day: int) -> list[Row]:
    """What is asked on a day: from the fourth on longer trips, and a misspelt column."""
    rows = trips(day + 1, 200)
    return rows if day < 3 else [{**row, "km": row["km"] + 1.5, "twon": "Ulm"} for row in rows]


def week(folder: Path) -> Look:
    """A look at seven days with labels and latency."""
    given, known = config(folder), reference()
    for day in range(7):
        write_day(folder, day, asked(day))
    with opened(folder / "watch") as state:
        new = take_in(state, asked_of(given))
        with state:
            for day in range(6):
                for index, row in enumerate(trips(day + 1, 200)):
                    # In the days of longer trips, some labels are others.
                    y = 1 - row["y"] if day >= 3 and index % 4 == 0 else row["y"]
                    state.execute(
                        "INSERT INTO labels VALUES (?, ?, 1, ?)",
                        (json.dumps([row["trip"]]), json.dumps({"y": y}), row["trip"].endswith("-7")),
                    )
                for bound, count in ((1000.0, 90 - day), (2000.0, 98), (float("inf"), 100)):
                    state.execute("INSERT INTO latency VALUES (?, ?, ?)", (MONDAY + day * DAY, bound, count))
        found = windows(state, given, lambda _: known, now=MONDAY + 7 * DAY)
    problems = ["labels: labels/c.csv, row 3 after the header: y is 'much', which is no number"]
    return Look(
        config=given,
        time=MONDAY + 7 * DAY,
        new=new,
        windows=found,
        verdict=judge(found, given.watch),
        problems=problems,
        labels=1200,
        damaged=0,
    )


def test_the_page_of_a_week(tmp_path, browser):
    path = tmp_path / "index.html"
    path.write_text(page(week(tmp_path)))
    assert path.stat().st_size < MOST_BYTES
    assert chromium.faults(browser, path) == []
    with chromium.shown(browser, path) as (shown, _):
        verdict = shown.locator("#verdict").inner_text()
        assert "Somebody should look." in verdict
        assert "km: has moved by" in verdict
        assert "have columns that the data do not have, such as twon" in verdict
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
        assert shown.locator("nav li").all_inner_texts() == ["Verdict", "Live quality"]
