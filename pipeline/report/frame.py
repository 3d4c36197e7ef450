"""What all pages share: their style, and the script that draws their plots."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from pipeline.report import javascript
from pipeline.report.run import render

_HERE = Path(__file__).parent


def document(template: Path, *, title: str, **values: object) -> Markup:
    """A whole page.

    Args:
        template: what is inside of it, in Jinja's words.
        title: of the window.
        values: for the template.
    """
    return render(
        (_HERE / "frame.html").read_text(),
        title=title,
        style=Markup((_HERE / "page.css").read_text()),
        script=Markup((_HERE / "page.js").read_text()),
        vega=Markup(javascript.vega()),
        body=render(template.read_text(), **values),
    )
