"""The tables and the plot of docs/scale.md, from the lines that `bench.scale` wrote."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.scale.plan import NODES, ROOT, RUNNERS, size_name
from bench.scale.results import FLAT, LINEAR, Measurement, Series, headline, read, series

PAGE = ROOT / "docs" / "scale.md"
LINES = ROOT / "docs" / "scale.jsonl"
PLOT = ROOT / "docs" / "images" / "scale.png"
_BEGIN, _END = "<!-- figures: python -m bench.scale --report -->", "<!-- end of figures -->"
_COLORS: dict[str, str] = dict(
    zip(RUNNERS, ("#1769aa", "#c46a10", "#2e8b57", "#8a4fbf", "#b03a6f", "#6b7785"), strict=True)
)


def write(results: Path) -> None:
    """Update the page's figures, the committed lines and the plot from ``results``.

    Raises:
        SystemExit: there are no measurements, or the page has no markers.
    """
    measurements = read(results)
    if not measurements:
        raise SystemExit(f"{results}: there are no measurements; run python -m bench.scale first.")
    if results.resolve() != LINES:
        shutil.copyfile(results, LINES)
    PAGE.write_text(with_figures(PAGE.read_text(), figures(measurements)))
    PLOT.parent.mkdir(exist_ok=True)
    draw(series(measurements), PLOT)


def with_figures(page: str, text: str, *, begin: str = _BEGIN, end: str = _END) -> str:
    """The page with ``text`` between two markers.

    Raises:
        SystemExit: a marker is missing.
    """
    before, begins, rest = page.partition(begin)
    _, ends, after = rest.partition(end)
    if not (begins and ends):
        raise SystemExit(f"{PAGE}: the markers {begin} and {end} are missing; put them where the figures belong.")
    return f"{before}{begin}\n{text}{end}{after}"


def figures(measurements: Sequence[Measurement]) -> str:
    """The goals and a table for each stage, in Markdown."""
    lines = [*_goals(measurements)]
    found = series(measurements)
    for stage in NODES:
        of_stage = [each for each in found if each.stage == stage]
        if of_stage:
            lines += [*_table(stage, of_stage), ""]
    return "\n".join(lines)


def _goals(measurements: Sequence[Measurement]) -> Iterator[str]:
    summary = json.loads(headline(measurements))
    yield from ("| goal | figure | |", "|---|---|---|")
    if "ratio" in summary:
        what = summary["what"].removeprefix("scale: ")
        yield _row(f"{what}: at most {summary['goal']:g} of stock's", f"{summary['ratio']:.3f}", _met(summary["met"]))
    memory = summary["ingest_memory"]
    if memory:
        goal = f"memory of ingest, {memory['what']}: at most {memory['goal']:g} times"
        yield _row(goal, f"{memory['ratio']:.2f}", _met(memory["met"]))
    for each in summary["evaluation"]:
        what = f"CPU of {each['what']}, beyond the imports: at most {each['goal']:g} times {each['peer']}"
        yield _row(what, f"{each['ratio']:.3f}", _met(each["met"]))
    growth = summary["growth"]
    for what, goal, limit in (("time", "time at most linear", LINEAR), ("memory", "no memory linear", FLAT)):
        ours = [each for each in growth if ", ours on " in each["what"]]
        missed = [
            f"{each['what'].replace(', ours on ', ' on ')} ({each[what]:g})" for each in ours if not each[f"{what}_met"]
        ]
        if ours:
            figure = f"missed by {', '.join(missed)}" if missed else f"at most {max(each[what] for each in ours):g}"
            yield _row(f"{goal} in the rows: exponent at most {limit:.2f}", figure, _met(not missed))
    yield ""


def _table(stage: str, of_stage: Sequence[Series]) -> Iterator[str]:
    sizes = sorted({rows for each in of_stage for rows in (*each.costs, *each.errors)})
    titles = [f"{size_name(rows)}: wall s / CPU s / MB" for rows in sizes]
    yield f"### {stage.replace('_', ' ')}"
    yield ""
    yield _row("", *titles, "CPU µs a row", "growth of time", "of memory")
    yield "|---|" + "---|" * (len(sizes) + 3)
    for each in of_stage:
        yield _row(f"{each.way}, {each.runner}", *(_cell(each, rows) for rows in sizes), *_growth(each))


def _cell(each: Series, rows: int) -> str:
    cost = each.costs.get(rows)
    if cost:
        return f"{cost.wall_s:,.1f} / {cost.cpu_s:,.1f} / {cost.peak_mb:,.0f}"
    error = each.errors.get(rows)
    return f"failed: {_short(error)}" if error else ""


def _short(error: str) -> str:
    text = error.replace("|", "/")
    return text if len(text) <= 60 else f"{text[:57]}..."


def _growth(each: Series) -> Iterator[str]:
    yield "" if each.us_per_row is None else f"{each.us_per_row:,.1f}"
    for what in ("wall_s", "peak_mb"):
        yield " ".join(f"{exponent:.2f}" for exponent in each.growth(what))


def _met(met: bool) -> str:
    return "met" if met else "**missed**"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def draw(found: Sequence[Series], path: Path) -> None:
    """Plot wall time and memory over the rows on logarithmic scales: a column per stage, a line per runner."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, NullFormatter

    stages = [stage for stage in NODES if any(each.stage == stage for each in found)]
    sizes = sorted({rows for each in found for rows in each.costs})
    figure = Figure(figsize=(3.4 * len(stages), 6.4), layout="constrained")
    grid = figure.subplots(2, len(stages), squeeze=False, sharex=True, sharey="row")
    lines = {}
    for column, stage in enumerate(stages):
        for row, (what, label) in enumerate((("wall_s", "wall time, s"), ("peak_mb", "peak memory, MB"))):
            axes = grid[row][column]
            for each in found:
                if each.stage == stage and each.costs:
                    name = f"{each.way}, {each.runner}"
                    style = (
                        {"linestyle": "--", "color": "#222222"}
                        if each.way == "stock"
                        else {"color": _COLORS[each.runner]}
                    )
                    values = [getattr(cost, what) for cost in each.costs.values()]
                    [lines[name]] = axes.plot(list(each.costs), values, marker="o", markersize=4, **style)
            axes.set(xscale="log", yscale="log")
            axes.grid(visible=True, which="major", alpha=0.3)
            axes.set_xticks(sizes, [size_name(rows) for rows in sizes])
            axes.set_xticks([], minor=True)
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())
            if column == 0:
                axes.set_ylabel(label)
            if row == 0:
                axes.set_title(stage.replace("_", " "))
            else:
                axes.set_xlabel("rows")
    figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=len(lines))
    figure.savefig(path, dpi=110)
