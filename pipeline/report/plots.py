"""What all plots of the page share: colours, and SVG to be put into it."""

from __future__ import annotations

import io

from markupsafe import Markup
from matplotlib.figure import Figure

CANDIDATE, BASELINE, QUIET = "#1769aa", "#c46a10", "#9aa7b4"


def svg(figure: Figure) -> Markup:
    """The figure as an SVG element, with a light grid and no frame."""
    for axes in figure.axes:
        axes.grid(color="#e3e8ed", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    text = buffer.getvalue()
    return Markup(text[text.index("<svg") :])
