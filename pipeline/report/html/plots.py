"""What the page is drawn with: Vega-Lite's plots in the page's colours, and tables that scroll in their own box."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

# The page's own colours, which change with its dark mode.
CANDIDATE, BASELINE, QUIET, BAD = "var(--candidate)", "var(--served)", "var(--quiet)", "var(--bad)"
HEIGHT = 220


def plot(spec: Mapping[str, Any], *, words: str, height: int = HEIGHT, caption: bool = True) -> Markup:
    """A plot, as wide as the place it is put in; the page's script draws it once it is seen.

    Args:
        spec: a single or layered view in Vega-Lite's words, without size and colours of its own.
        words: what it shows, for people who do not see it, and as the line below it.
        height: of the plot in pixels.
        caption: whether the words stand below it, too.
    """
    document = {"width": "container", "height": height, **spec}
    # A "<" can end the script's element.
    text = json.dumps(_plain(document), separators=(",", ":")).replace("<", "\\u003c")
    return Markup(
        '<figure class="plot"><div class="drawn" role="img" aria-label="{}" style="min-height:{}px">'
        '</div><script type="application/json">{}</script>{}</figure>'
    ).format(words, height + 40, Markup(text), Markup("<figcaption>{}</figcaption>").format(words) if caption else "")


def key(names: Mapping[str, str]) -> Markup:
    """A legend of several plots: series and their colours."""
    items = [Markup('<li><i style="background:{}"></i>{}</li>').format(color, name) for name, color in names.items()]
    return Markup('<ul class="key">{}</ul>').format(Markup("").join(items))


def plots(several: Iterable[Markup]) -> Markup:
    """Plots beside each other where there is room."""
    return Markup('<div class="plots">{}</div>').format(Markup("").join(several))


def table(
    head: Sequence[str], rows: Iterable[Sequence[object]], *, words: str, left: Sequence[int] = (0,), klass: str = ""
) -> Markup:
    """A table; a wide one scrolls in its own box, by keyboard, too.

    Args:
        head: the columns' names.
        rows: the cells; HTML where they are `Markup`.
        words: what it is, for screen readers.
        left: columns of text.
        klass: a class of the page's style.
    """
    heads = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(_left(place, left), name) for place, name in enumerate(head)
    )
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(
                Markup("<td{}>{}</td>").format(_left(place, left), escape(cell)) for place, cell in enumerate(row)
            )
        )
        for row in rows
    )
    return Markup(
        '<div class="scroll" role="region" tabindex="0" aria-label="{}"><table class="{}"><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>"
    ).format(words, klass, heads, body)


def folded(summary: str, body: Markup) -> Markup:
    """What is shown when its heading is opened."""
    return Markup("<details><summary>{}</summary>{}</details>").format(summary, body)


def axis(field: str, title: str | None = None, *, kind: str = "quantitative", **options: Any) -> dict[str, Any]:
    """A field on an axis."""
    return {"field": field, "type": kind, "title": field if title is None else title, **options}


def colored(names: Mapping[str, str], *, legend: bool = True) -> dict[str, Any]:
    """Which series has which colour, by the field ``series``; with a legend above the plot unless `key` is one."""
    scale = {"domain": list(names), "range": list(names.values())}
    return {"field": "series", "type": "nominal", "title": None, "scale": scale, **({} if legend else {"legend": None})}


def _left(place: int, left: Sequence[int]) -> Markup:
    return Markup(' class="left"') if place in left else Markup("")


def _plain(value: Any) -> Any:
    """Without NaN, which JSON does not know, and with as many digits as anyone sees."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
