"""The tables of docs/tables.md, from the lines of `bench.tables` in docs/tables.jsonl."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.tables.means import YARDSTICK, means

_DOCS = Path(__file__).resolve().parents[2] / "docs"
_BEGIN, _END = "<!-- figures: python -m bench.tables.page -->", "<!-- end of figures -->"
_PEERS = (YARDSTICK, "LightGBM", "linear")
_PARTS = {False: "Tables that were not used to choose the defaults", True: "Tables that chose the defaults"}


def figures(lines: Sequence[Mapping[str, Any]]) -> str:
    """A table for each half, with the mean below, in Markdown.

    Args:
        lines: of `bench.tables`, one a table.
    """
    return "\n".join(line for chose, title in _PARTS.items() for line in _part(title, lines, chose=chose))


def _part(title: str, lines: Sequence[Mapping[str, Any]], *, chose: bool) -> Iterator[str]:
    some = sorted((line for line in lines if line["chose"] is chose), key=lambda line: line["rows"])
    if not some:
        return
    yield from (f"### {title}", "")
    yield _row(
        "table",
        "label",
        "task",
        "rows",
        "columns",
        "splits",
        "over HistGB",
        "over LightGBM",
        "over linear",
        "CPU s",
        "CPU s of HistGB",
    )
    yield "|---|---|---|" + "---:|" * 8
    for line in some:
        item, _, label = line["what"].partition(": ")
        ratios = (f"{line['ratio'][peer]:.2f}" if peer in line["ratio"] else "" for peer in _PEERS)
        cpu = (f"{line['cpu_s'][who]:.1f}" if who in line.get("cpu_s", {}) else "" for who in ("ours", YARDSTICK))
        yield _row(
            f"`{item}`",
            label,
            line["task"],
            f"{line['rows']:,}",
            line.get("columns", ""),
            line["splits"],
            *ratios,
            *cpu,
        )
    found = means(some)
    yield ""
    yield (
        f"Mean over {found['tables']} tables: **{found['ratio']:.3f}** of {YARDSTICK}'s error (median "
        f"{found['median']:.3f}, worst {found['worst']:.2f}), better on {found['better']:.0%}."
    )
    # A table that was compared with the yardstick alone says nothing about the best peer.
    if compared := [line for line in some if len(line["ratio"]) == len(_PEERS)]:
        over_best = means(compared)["ratio_to_best_peer"]
        yield f"Over the best peer of each table: {over_best:.3f}, in the mean of {len(compared)} tables."
    yield ""


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Renew the page."""
    lines = [json.loads(line) for line in (_DOCS / "tables.jsonl").read_text().splitlines()]
    page = _DOCS / "tables.md"
    before, begin, rest = page.read_text().partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise SystemExit(f"{page}: the markers {_BEGIN} and {_END} are missing; put them where the figures belong.")
    tables = [line for line in lines if "task" in line]
    page.write_text(f"{before}{begin}\n{figures(tables)}{end}{after}")


if __name__ == "__main__":
    main()
