"""The pages of whole runs in a real browser: of one that pushed, of one that was refused, and the list of all."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.e2e.projects.project import Project
from tests.shared import browser as chromium

pytestmark = pytest.mark.tensorflow

MOST_BYTES = 3_000_000


def pages(project: Project) -> list[Path]:
    """The pages of all taxi runs, the oldest first."""
    return sorted((project.folder / "runs/taxi/report").glob("2*.html"))


def test_the_page_of_a_push_and_the_list_of_runs_are_sound(project, first, browser):
    page = pages(project)[0]
    assert f"report      {page.relative_to(project.folder)}" in first.out
    assert page.stat().st_size < MOST_BYTES
    assert chromium.faults(browser, page) == []
    assert chromium.faults(browser, page.with_name("index.html")) == []


def test_what_the_page_of_a_push_says(project, first, browser):
    run = json.loads(project.command("pipeline", "history", "--json").out)[-1]
    with chromium.shown(browser, pages(project)[0]) as (page, _):
        assert page.locator("#verdict").inner_text().count("✓ met") == 3
        assert f"Pushed version {run['version']}" in page.locator("#verdict").inner_text()
        quality = page.locator("#quality")
        area = run["metrics"]["candidate"]["auc"]
        # Of all rows, and not at 2,000 thresholds.
        assert f"area {area:.4f}"[:-2] in quality.inner_text()
        assert "all 5,091 eval rows" in quality.inner_text()
        # The accuracy at one half is the Evaluator's.
        figure = quality.locator("[data-figure=accuracy]")
        assert figure.inner_text() == f"{100 * run['metrics']['candidate']['accuracy']:.1f} %"
        recall = quality.locator("[data-figure=recall]").inner_text()
        quality.locator("input").focus()
        for _ in range(40):
            page.keyboard.press("ArrowLeft")
        assert float(quality.locator("[data-figure=recall]").inner_text()[:-2]) > float(recall[:-2])
        strongest = page.locator("#why table tbody tr td").first
        assert strongest.inner_text() == "payment_type"
        assert page.locator("#data article").count() == 18
        by_payment = page.locator("#data article", has=page.get_by_role("heading", name="payment_type", exact=True))
        assert re.search(r"explains [4-7]\d\.\d% of the label", by_payment.inner_text())
        assert by_payment.locator(".drawn").count() == 2
        page.emulate_media(media="print")
        assert not page.locator("nav").is_visible()


@pytest.mark.slow
def test_a_refused_run_has_a_page_that_says_why(project, first, browser):
    before = len(pages(project))
    refused = project.run("--from", "Evaluator", "--set", "gates.evaluation.thresholds=[{metric: auc, min: 0.999}]")
    assert refused.code == 3
    assert len(pages(project)) == before + 1
    page_file = pages(project)[-1]
    assert chromium.faults(browser, page_file) == []
    with chromium.shown(browser, page_file) as (page, _):
        verdict = page.locator("#verdict").inner_text()
        assert "Refused by ModelGate" in verdict
        assert "below the minimum 0.999" in verdict
        assert "✗ missed" in verdict
        assert "Evaluator: metrics, limits or slices changed" in verdict
        assert page.locator("#why, #quality, #slices").count() == 3
    with chromium.shown(browser, page_file.with_name("index.html")) as (page, _):
        newest = page.locator("tbody tr").first
        assert "refused" in newest.inner_text()
        assert newest.locator("a").get_attribute("href") == page_file.name


@pytest.mark.slow
def test_a_page_is_written_again_by_the_number_of_its_run(project, first):
    page = pages(project)[0]
    page.unlink()
    written = project.command("pipeline", "report", "--run", "1")
    assert written.code == 0, written.err
    assert page.exists()
    again = project.command("pipeline", "report", "--run", "1", "--json")
    assert (json.loads(again.out)["page"], again.err) == (str(page), "")
    unknown = project.command("pipeline", "report", "--run", "2031-")
    assert unknown.code == 2
    assert "--run 2031-: there is no such run" in unknown.err


@pytest.mark.slow
def test_a_page_that_cannot_be_written_does_not_hold_up_the_push(project, first):
    folder = project.folder / "runs/taxi/report"
    kept = folder.rename(folder.with_name("kept"))
    folder.write_text("in the way")
    try:
        outcome = project.run()
    finally:
        folder.unlink()
        kept.rename(folder)
    assert outcome.code == 0, outcome.err
    assert "report: it was not written: " in outcome.out
    assert "pushed      version" in outcome.out
