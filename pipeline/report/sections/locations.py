"""Where the artifacts are."""

from __future__ import annotations

from markupsafe import Markup

from pipeline.report.run import ReportedRun, render

_TEMPLATE = """\
<p>Model: <code>{{ results.model_uri }}</code><br>Training run: <code>{{ results.model_run_uri }}</code></p>
"""


def title(run: ReportedRun) -> str:
    """The heading."""
    del run
    return "Where things are"


def body(run: ReportedRun) -> Markup:
    """The section's HTML."""
    return render(_TEMPLATE, results=run.results)
