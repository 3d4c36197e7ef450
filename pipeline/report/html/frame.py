"""What all pages share: header, navigation and sections, their style, and the script that draws their plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from pipeline.report.html import javascript
from pipeline.report.html.templates import render

_HERE = Path(__file__).parent
# Id, heading and HTML of a section.
Section = tuple[str, str, Markup]


def document(header: Markup, sections: Sequence[Section], *, title: str) -> Markup:
    """A whole page.

    Args:
        header: what stands above the sections: a heading and notes.
        sections: in the order of the page; more than two get a navigation.
        title: of the window.
    """
    return render(
        (_HERE / "frame.html").read_text(),
        title=title,
        style=Markup((_HERE / "page.css").read_text()),
        script=Markup((_HERE / "page.js").read_text()),
        vega=Markup(javascript.vega()),
        header=header,
        sections=sections,
    )
