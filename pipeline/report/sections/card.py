"""The model card, with the Markdown file to pass on."""

from __future__ import annotations

from markupsafe import Markup

from pipeline.report import card
from pipeline.report.html.templates import render
from pipeline.report.run import ReportedRun

_TEMPLATE = """\
{% if not written %}
<p class="note">Say what the model is for, what its data lack, where it fails and who owns it: <code>card</code> in the
config.</p>
{% endif %}
<dl class="card">
{% for heading, text in parts %}<dt>{{ heading }}</dt><dd>{{ text }}</dd>{% endfor %}
</dl>
<p><a href="{{ file }}">The card as Markdown</a></p>
"""


def title(run: ReportedRun) -> str:
    """The heading."""
    del run
    return "Model card"


def body(run: ReportedRun) -> Markup:
    """The section's HTML; empty if no model was judged."""
    if run.evaluated is None:
        return Markup()
    written = any(run.config.card.model_dump().values())
    return render(_TEMPLATE, written=written, parts=list(card.parts(run)), file=card.write(run).name)
