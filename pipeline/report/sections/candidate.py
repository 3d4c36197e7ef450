"""The candidate against the last blessed model."""

from __future__ import annotations

from markupsafe import Markup

from components.gates.evaluation import ALL_EXAMPLES, EXAMPLE_COUNT
from components.gates.model.intervals import Intervals
from pipeline.report.run import ReportedRun, render
from pipeline.report.summary import reference_words

_TEMPLATE = """\
<table>
<tr><th>all eval examples</th><th>candidate</th>
{% if results.baseline %}<th>last blessed</th><th>change</th>{% endif %}
{% if results.reference %}<th>boosted trees</th>{% endif %}</tr>
{% for metric in metrics %}
<tr><td>{{ metric }}</td><td>{{ "%.4f"|format(results.candidate[""][metric]) }}
{{ between(results.intervals, metric, "%.4f") }}</td>
{% if results.baseline %}<td>{{ "%.4f"|format(results.baseline[""][metric]) }}</td>
<td>{{ "%+.4f"|format(results.candidate[""][metric] - results.baseline[""][metric]) }}
{{ between(results.changes, metric, "%+.4f") }}</td>
{% endif %}
{% if results.reference %}
<td>{{ "%.4f"|format(results.reference[metric]) if metric in results.reference else "" }}</td>
{% endif %}</tr>
{% endfor %}
</table>
{% for notice in results.model_notices %}<p>Notice: {{ notice }}.</p>{% endfor %}
{% if results.reference %}<p>Reference: {{ reference }}.</p>{% endif %}
"""


def title(run: ReportedRun) -> str:
    """The heading."""
    if run.results.baseline:
        return "Candidate against the last blessed model"
    return "Candidate (the first: there is no blessed model to compare with)"


def body(run: ReportedRun) -> Markup:
    """The section's HTML."""
    metrics = [name for name in run.results.candidate[ALL_EXAMPLES] if name != EXAMPLE_COUNT]
    reference = reference_words(run.config, run.results) if run.results.reference else ""
    return render(_TEMPLATE, results=run.results, metrics=metrics, reference=reference, between=_between)


def _between(intervals: Intervals, metric: str, form: str) -> str:
    found = intervals.get(ALL_EXAMPLES, {}).get(metric)
    return f" ({form % found.low} to {form % found.high})" if found else ""
