"""How good the model is, beside the served one on the same rows."""

from __future__ import annotations

from markupsafe import Markup

from pipeline.report.quality import binary, multiclass, regression
from pipeline.report.quality.models import Scored
from pipeline.report.run import ReportedRun


def title(run: ReportedRun) -> str:
    """The heading."""
    del run
    return "Quality"


def body(run: ReportedRun) -> Markup:
    """The section's HTML; empty without an evaluation."""
    if run.evaluated is None:
        return Markup()
    if run.rows is None:
        return Markup("<p>An older release made the evaluation and kept no rows of it; run the Evaluator again.</p>")
    scored = Scored.of(run.rows)
    rows = run.evaluated.candidate.get("", {}).get("example_count", 0)
    words = f"{len(scored):,} of {rows:,.0f} eval rows" if len(scored) < rows else f"all {rows:,.0f} eval rows"
    note = Markup('<p class="note">Drawn from {}.</p>').format(words)
    label, confidence = run.config.label, run.config.gates.evaluation.confidence
    if label.task == "binary":
        return note + binary.body(scored, label, confidence.level if confidence else None)
    return note + (multiclass.body if label.task == "multiclass" else regression.body)(scored, label)
