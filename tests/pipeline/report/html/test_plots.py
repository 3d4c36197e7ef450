"""Plots that no test's run has, drawn in a real browser: no error, no sideways scrolling, nothing that axe finds."""

from __future__ import annotations

import numpy as np
import pytest
from markupsafe import Markup

from pipeline.report.data import labelled
from pipeline.report.data.relation import relation
from pipeline.report.html import frame
from pipeline.report.quality import binary
from pipeline.report.quality.models import Scored
from tests.shared import browser as chromium
from trainer.labels.config import Label

pytestmark = pytest.mark.tensorflow

LABELS = {
    "binary": Label(column="y", classes=("no", "yes")),
    "multiclass": Label(column="y", task="multiclass", classes=8),
    "regression": Label(column="y", task="regression"),
}


def by_column(task: str) -> Markup:
    """The label by a number and by a text."""
    random = np.random.default_rng(0)
    numbers, classes = random.normal(size=400), random.integers(0, 8, 400)
    labels = {
        "binary": (numbers > 0).astype(float)[:, None],
        "multiclass": (classes[:, None] == np.arange(8)).astype(float),
        "regression": numbers[:, None] * 3 + 100,
    }[task]
    columns = {"a number": numbers.tolist(), "a text": [f"town {kind}" if kind else None for kind in classes]}
    found = {name: relation(values, labels) for name, values in columns.items()}
    return Markup("").join(labelled.drawn(name, one, LABELS[task]) for name, one in found.items() if one)


def curves() -> Markup:
    """Curves of two models with bands around the first."""
    random = np.random.default_rng(0)
    labels = (random.random(300) < 0.4).astype(float)
    answers = {
        name: np.clip(0.4 * labels + 0.6 * random.random(300), 0, 1)[:, None] for name in ("this model", "served model")
    }
    scored = Scored(labels=labels, weights=np.ones(300), predictions=answers, records=(None,) * 300)
    return binary.body(scored, LABELS["binary"], 0.9)


@pytest.mark.slow
def test_they_are_drawn_without_a_fault(tmp_path):
    page = tmp_path / "page.html"
    inside = Markup("").join([*map(by_column, LABELS), curves()])
    page.write_text(frame.document(Markup("<h1>Plots</h1>"), [("plots", "All", inside)], title="plots"))
    with chromium.opened() as browser:
        assert chromium.faults(browser, page) == []
        with chromium.shown(browser, page) as (shown, _):
            assert shown.locator(".drawn svg").count() == 6 + 4
            assert "the band holds 90% of bootstrap draws" in shown.locator("main").inner_text()
