"""The page as a whole."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from markupsafe import Markup

from pipeline.report import index
from pipeline.report.frame import document
from pipeline.report.run import render
from pipeline.watch import last
from pipeline.watch.document import Look
from pipeline.watch.page import answers, columns, volume

FILE = "index.html"
# From the page to the list of all runs.
_RUNS = f"../report/{index.NAME}"
_TEMPLATE = Path(__file__).with_name("page.html")
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
    return document(
        _TEMPLATE,
        title=f"{look.config.name}: watch, {look.verdict.word}",
        look=look,
        badge=_BADGES[look.verdict.word],
        time=f"{datetime.fromtimestamp(look.time, UTC):%Y-%m-%d %H:%M}",
        unit=look.config.watch.window,
        runs=_RUNS if (last.folder(look.config) / _RUNS).exists() else None,
        sections=[section for section in sections if section[2]],
    )


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
