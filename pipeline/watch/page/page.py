"""The page as a whole."""

from __future__ import annotations

from datetime import UTC, datetime

from markupsafe import Markup

from pipeline.report import index
from pipeline.report.html.frame import document
from pipeline.report.html.templates import render
from pipeline.watch import last
from pipeline.watch.document import Look
from pipeline.watch.page import answers, columns, volume

FILE = "index.html"
# From the page to the list of all runs.
_RUNS = f"../report/{index.NAME}"
_HEADER = """\
{% if runs %}
<p class="note"><a href="{{ runs }}">All runs</a></p>
{% endif %}
<h1>{{ look.config.name }} <span class="badge {{ badge }}">{{ look.verdict.word }}</span></h1>
<p class="note">Requests to {{ look.config.serving.model_name }}, looked at {{ time }} UTC.
{{ "{:,}".format(look.windows|length) }} {{ unit }}{{ "s" if look.windows|length != 1 }},
{{ "{:,}".format(look.labels) }} labels. Times are UTC.</p>"""
# Of the report's style: a good end, a bad one, and one between.
_BADGES = {"quiet": "pushed", "retrain": "not-pushed", "alarm": "refused"}
_VERDICT = """\
<div class="panel {{ panel }}">
<p class="reason"><strong>{{ words }}</strong></p>
{% if findings %}<ul>{% for one in findings %}<li>
<span class="{{ "bad" if one.kind == "alarm" else "" }}">{{ one.kind }}</span> {{ one.text }}.</li>{% endfor %}</ul>
{% endif %}
<p>{{ judged }}</p>
</div>
{% for notice in notices %}<p>Notice: {{ notice }}.</p>{% endfor %}
"""
_WORDS = {
    "quiet": "Nothing is beyond a limit.",
    "retrain": "There is a reason to retrain.",
    "alarm": "Somebody should look.",
}


def page(look: Look) -> str:
    """The page's HTML."""
    sections = [
        ("verdict", "Verdict", _verdict(look)),
        ("volume", "Volume", volume.body(look)),
        ("inputs", "Inputs", columns.body(look)),
        ("predictions", "Predictions", answers.predictions(look)),
        ("quality", "Live quality", answers.quality(look)),
    ]
    header = render(
        _HEADER,
        look=look,
        badge=_BADGES[look.verdict.word],
        time=f"{datetime.fromtimestamp(look.time, UTC):%Y-%m-%d %H:%M}",
        unit=look.config.watch.window,
        runs=_RUNS if (last.folder(look.config) / _RUNS).exists() else None,
    )
    shown = [section for section in sections if section[2]]
    return document(header, shown, title=f"{look.config.name}: watch, {look.verdict.word}")


def _verdict(look: Look) -> Markup:
    return render(
        _VERDICT,
        panel=_BADGES[look.verdict.word],
        words=_WORDS[look.verdict.word],
        findings=look.verdict.findings,
        judged=_judged(look),
        notices=look.notices,
    )


def _judged(look: Look) -> str:
    unit = look.config.watch.window
    if look.judged is None:
        return f"No {unit} was judged by its requests."
    words = f"The requests of {volume.when(look.judged.start, unit)} were judged"
    if look.judged.reference:
        words += f", against the data that version {look.judged.version} was trained on"
    if look.labelled:
        words += f"; live quality is that of {volume.when(look.labelled.start, unit)}"
    return f"{words}."
