"""What the served model answered about real rows."""

from __future__ import annotations

from markupsafe import Markup

from pipeline.report.run import ReportedRun, render

_TEMPLATE = """\
{% if answers %}
<table>
<tr><th>row</th>{% for what in (answers|first).said %}<th>{{ what }}</th>{% endfor %}<th>truth</th></tr>
{% for answer in answers %}
<tr><td class="row">
{% for name, value in answer.row.items() %}
<span class="cell"><i>{{ name }}</i> {{ value|in_words }}</span>
{% endfor %}</td>
{% for value in answer.said.values() %}<td>{{ value }}</td>{% endfor %}
<td>{{ answer.truth }}</td></tr>
{% endfor %}
</table>
{% endif %}
"""


def title(run: ReportedRun) -> str:
    """The heading."""
    del run
    return "Asked over gRPC"


def body(run: ReportedRun) -> Markup:
    """The section's HTML."""
    return render(_TEMPLATE, answers=run.answers)
