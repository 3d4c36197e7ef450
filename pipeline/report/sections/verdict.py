"""How the run ended and why, the limits with what they judge, and what changed since the run before."""

from __future__ import annotations

import math

from markupsafe import Markup

from components.gates.findings import read_notices
from components.gates.model.intervals import Interval
from components.pushed_model import MODEL_ID_PROPERTY
from components.reference.component import load as load_reference
from pipeline.config.gates.metrics import known_metrics
from pipeline.report import hints
from pipeline.report.html.plots import table
from pipeline.report.html.templates import render
from pipeline.report.run import ReportedRun
from pipeline.report.verdict.changes import changes, explained
from pipeline.report.verdict.limits import Judged, judged

# Outputs of gates that hold what is worth knowing.
_NOTICES = (("DataGate", "notices"), ("ModelGate", "verdict"), ("ReferenceGate", "notices"))
_TEMPLATE = """\
<div class="panel {{ record.result.replace(' ', '-') }}">
<p class="reason"><strong>{{ record.words[0]|upper }}{{ record.words[1:] }}{{ "." if not reasons }}</strong>
{% if reasons|length == 1 %}: {{ reasons[0] }}.{% endif %}</p>
{% if reasons|length > 1 %}<ul>{% for reason in reasons %}<li>{{ reason }}</li>{% endfor %}</ul>{% endif %}
{% for line in seen %}<p>{{ line }}.</p>{% endfor %}
<p>{{ against }}</p>
</div>
{% for notice in notices %}<p>Notice: {{ notice }}.</p>{% endfor %}
{% if limits %}<h3>Limits</h3>{{ limits }}{% endif %}
{% if figures %}<h3>All rows</h3>{{ figures }}{% endif %}
<h3>Since the run before</h3>
{% if changes.causes %}
<ul>{% for cause in changes.causes %}<li>{{ cause }}</li>{% endfor %}</ul>
{% else %}<p>{{ "No data, option or code changed." if earlier else "This is the first run." }}</p>{% endif %}
{% if earlier and changes.ran %}<p>Ran because of a change: {{ changes.ran|join(", ") }}.</p>{% endif %}
{% if changes.reused %}<p>Reused: {{ changes.reused|join(", ") }}.</p>{% endif %}
"""


def title(run: ReportedRun) -> str:
    """The heading."""
    del run
    return "Verdict"


def body(run: ReportedRun) -> Markup:
    """The section's HTML."""
    record = run.record
    notices = [
        text for node, key in _NOTICES if (folder := run.folder(node, key)) for text in read_notices(str(folder))
    ]
    seen = list(hints.hints(run.config, run_id=record.run)) if record.node in hints.GATES and record.reason else []
    return render(
        _TEMPLATE,
        record=record,
        reasons=[part for part in record.reason.split("; ") if part],
        seen=[line[:1].upper() + line[1:] for line in seen],
        against=_against(run),
        notices=notices,
        limits=_limits(list(judged(run))),
        figures=_figures(run),
        changes=changes(explained(run)),
        earlier=record.number > 1,
    )


def _against(run: ReportedRun) -> str:
    if run.evaluated is None:
        return "The model was not evaluated: the run ended before."
    if not run.evaluated.baseline:
        return "It was compared with no other model: none is served, or gates.evaluation.baseline is none."
    blessing = run.outputs.get(("Evaluator", "blessing"))
    model = blessing.custom_properties["baseline_model_id"].int_value if blessing else 0
    versions = [
        version
        for version, push in run.records.pushes().items()
        if push.custom_properties[MODEL_ID_PROPERTY].int_value == model
    ]
    return f"It was compared with {f'version {max(versions)}' if versions else 'the model that is served'}."


def _limits(found: list[Judged]) -> Markup | None:
    rows = [
        (
            Markup('<span class="{}">{}</span>').format(
                *(("good", "✓ met") if one.spare >= 0 else ("bad", "✗ missed"))
            ),
            one.metric.replace("_", " "),
            one.where,
            one.limit,
            _number(one.value, signed=one.limit.startswith("may")),
            _number(one.spare, signed=True),
            one.interval,
        )
        for one in sorted(found, key=lambda one: not math.isnan(one.spare) and one.spare >= 0)
    ]
    head = [
        "verdict",
        "metric",
        "rows",
        "limit",
        "figure",
        "to spare",
        *(["interval"] if any(row[-1] for row in rows) else []),
    ]
    rows = [row[: len(head)] for row in rows]
    return table(head, rows, words="Limits and what they judge", left=(0, 1, 2, 3)) if rows else None


def _figures(run: ReportedRun) -> Markup | None:
    """Every metric of all rows: candidate, served model and boosted trees."""
    candidate, baseline = (by_slice.get("", {}) for by_slice in run.metrics)
    intervals, changed = (by_slice.get("", {}) for by_slice in run.intervals)
    trees = run.folder("Reference", "reference")
    reference = load_reference(str(trees)) if trees else {}
    names = [name for name in candidate if name != "example_count"]
    head = ["metric", "this model", *(["interval"] if intervals else [])]
    head += ["served model", "change"] if baseline else []
    head += ["interval of the change"] if baseline and changed else []
    head += ["boosted trees"] if reference else []
    rows = [
        [
            name.replace("_", " "),
            _number(candidate[name]),
            *([_between(intervals.get(name))] if intervals else []),
            *([_number(baseline.get(name)), _change(run, name)] if baseline else []),
            *([_between(changed.get(name))] if baseline and changed else []),
            *([_number(reference.get(name))] if reference else []),
        ]
        for name in names
    ]
    return table(head, rows, words="Metrics of all rows") if rows else None


def _change(run: ReportedRun, name: str) -> Markup | str:
    candidate, baseline = (by_slice.get("", {}) for by_slice in run.metrics)
    if name not in baseline:
        return ""
    moved = candidate[name] - baseline[name]
    metric = known_metrics(run.config.parameters()).get(name)
    if metric is None or abs(moved) < 5e-5:
        return _number(moved, signed=True)
    better = (moved > 0) == metric.higher_is_better
    return Markup('<span class="{}">{} {}</span>').format(
        "good" if better else "bad", _number(moved, signed=True), "better" if better else "worse"
    )


def _between(interval: Interval | None) -> str:
    return f"{interval.low:.4f} to {interval.high:.4f}" if interval else ""


def _number(value: float | None, *, signed: bool = False) -> str:
    if value is None:
        return ""
    return "not known" if math.isnan(value) else f"{value:{'+' if signed else ''}.4f}"
