"""Rows and anomalies."""

from __future__ import annotations

from markupsafe import Markup

from pipeline.report.run import ReportedRun, render

_TEMPLATE = """\
<p>
{% for split, count in results.rows.items() %}
{{ "{:,}".format(count) }} rows in <b>{{ split }}</b>{{ ", " if not loop.last }}{% endfor %}.
{{ "Left out: " + results.left_out + "." if results.left_out }}
{% for notice in results.notices %}<br>Notice: {{ notice }}.{% endfor %}
{% if results.anomalies %}Anomalies that the configuration allows:</p>
<ul>{% for anomaly in results.anomalies %}<li>{{ anomaly }}</li>{% endfor %}</ul>
{% else %}No anomalies against the schema.</p>{% endif %}
"""


def title(run: ReportedRun) -> str:
    """The heading."""
    del run
    return "Data"


def body(run: ReportedRun) -> Markup:
    """The section's HTML."""
    return render(_TEMPLATE, results=run.results)
