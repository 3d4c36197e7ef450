"""Whole pipelines whose training is interrupted, starts warm, or learns something else.

The tests run in the order of this file.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time

import pytest

from tests.e2e.projects.project import Outcome, Project
from tests.shared import browser as chromium

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]


def stop_while_training(project: Project, number: signal.Signals, *words: str) -> subprocess.Popen:
    """Start a run and send it a signal once the training has saved a checkpoint or two."""
    process = project.start(*words)
    deadline = time.monotonic() + 120
    while len(list(project.folder.glob("runs/taxi/checkpoints/*/last/*.index"))) < 2:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    return process


def test_a_preempted_training_saves_itself_and_the_next_run_continues_it(project, first):
    words = ("--set", "trainer.loop.epochs=200", "--to", "Trainer")
    before, others = project.served(), set(project.folder.glob("runs/taxi/checkpoints/*"))
    process = stop_while_training(project, signal.SIGTERM, *words)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 75, out + err
    assert err.startswith("preempted at step ")
    step = err.split()[3].rstrip(";")
    assert f"preempted at step {step}" in project.status()
    outcome = project.run(*words)
    assert outcome.code == 0, outcome.err
    assert f"Trainer: resumes at step {int(step):,} of 15,600." in outcome.out
    assert project.history()[-1]["step"] == 15_600
    assert project.history()[0]["step"] > int(step)
    assert project.served() == before
    assert set(project.folder.glob("runs/taxi/checkpoints/*")) <= others


def test_a_killed_training_is_continued_and_another_one_is_not_mixed_in(project, first):
    words = ("--set", "trainer.loop.epochs=200", "--set", "trainer.loop.seed=1", "--to", "Trainer")
    process = stop_while_training(project, signal.SIGKILL, *words)
    process.communicate()
    other = project.run("--set", "trainer.loop.seed=2", "--to", "Trainer")
    assert other.code == 0, other.err
    assert "continues" not in other.out
    outcome = project.run(*words)
    assert outcome.code == 0, outcome.err
    assert "Trainer: resumes at step" in outcome.out


def test_sigterm_before_the_training_can_be_resumed_as_well(project, first):
    process = project.start("--set", "cache=false")
    while "StatisticsGen" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 75
    assert err.startswith("interrupted; nothing is half-pushed")


def test_a_warm_start_begins_with_the_weights_that_were_pushed(project, first):
    cold = project.run("--set", "trainer.loop.seed=5", "--to", "Trainer")
    assert cold.code == 0, cold.err
    cold_loss = project.history()[0]["loss"]
    outcome = project.run("--set", "trainer.loop.seed=5", "--set", "trainer.loop.warm_start=true", "--to", "Trainer")
    assert outcome.code == 0, outcome.err
    assert outcome.nodes()["WarmStart"] == "✓"
    assert "variables come from the model pushed last" in outcome.out
    assert project.history()[0]["loss"] < cold_loss / 2


def test_what_was_trained_in_half_precision_is_served_in_float32(project, first):
    outcome = project.run("--set", "trainer.loop.precision=bfloat16", "--set", "trainer.loop.seed=6")
    assert outcome.code == 0, outcome.err
    assert outcome.nodes()["Pusher"] == "✓"


def test_a_quantile_on_two_virtual_devices_with_a_metric_and_limits_of_one_s_own(project, first):
    words = [
        "name=quantile",
        "label={column: tips, task: regression, above: null}",
        "trainer.loss={name: quantile, level: 0.9}",
        "trainer.metrics={ninth: {name: pinball, level: 0.9}}",
        "trainer.loop={virtual_devices: 2, epochs: 2, early_stopping: {patience: 1}}",
        "trainer.model.dropout=0",
        "gates.evaluation={baseline: none, slices: [payment_type], min_slice_size: 50, thresholds: "
        "[{metric: ninth, max: 1}, {metric: ninth, slice: payment_type, max: 2}]}",
    ]
    outcome = project.run(*(part for word in words for part in ("--set", word)))
    assert outcome.code == 0, outcome.err
    evaluated = [report["eval"] for report in project.history("quantile") if report["eval"]]
    assert {"loss", "ninth"} <= evaluated[-1].keys()
    [newest, *_] = json.loads(project.command("pipeline", "history", "--json", "--set", "name=quantile").out)
    assert newest["metrics"]["candidate"]["ninth"] == pytest.approx(evaluated[-1]["ninth"], rel=0.3)
    # Nine of ten trips have a smaller tip than predicted, so that the mean error is far above that of the mean.
    assert newest["metrics"]["candidate"]["mean_absolute_error"] > 1.5 * newest["metrics"]["candidate"]["ninth"]


def test_a_number_instead_of_a_class(project, first):
    outcome = project.run(
        "--set",
        "name=tips",
        "--set",
        "label={column: tips, task: regression, above: null}",
        "--set",
        "gates.evaluation={baseline: none, slices: [payment_type], min_slice_size: 50, "
        "thresholds: [{metric: mean_absolute_error, max: 0.8}, "
        "{metric: mean_absolute_error, slice: payment_type, max: 1.5}]}",
    )
    assert outcome.code == 0, outcome.err
    assert "mean_absolute_error 0." in outcome.out
    assert "prediction" in outcome.out
    page_file = max((project.folder / "runs/tips/report").glob("2*.html"))
    with chromium.opened() as browser:
        assert chromium.faults(browser, page_file) == []
        with chromium.shown(browser, page_file) as (page, _):
            paid = page.locator("#data article", has=page.get_by_role("heading", name="payment_type", exact=True))
            assert "of tips" in paid.inner_text()
            assert page.locator("#quality .drawn").count() >= 2


@pytest.fixture(scope="module")
def digits(project) -> Outcome:
    return project.run("--config", "configs/digits.yaml")


def test_pictures_and_several_classes(digits):
    assert digits.code == 0, digits.err
    assert "probability" in digits.out
    assert "truth" in digits.out


def test_the_page_of_several_classes_is_sound(project, digits):
    [path] = (project.folder / "runs/digits/report").glob("2*.html")
    with chromium.opened() as browser:
        assert chromium.faults(browser, path) == []
        with chromium.shown(browser, path) as (page, _):
            assert "digit=8" in page.locator("#slices").inner_text()
            quality = page.locator("#quality")
            assert quality.locator("table").first.locator("tbody tr").count() == 10
            assert "Most confused" in quality.inner_text()
            assert page.locator("#why tbody tr td").first.inner_text() == "image"
