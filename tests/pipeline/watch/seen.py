"""A look at seven days, of which the last four have moved, with labels and latency."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from pipeline.watch import gauges
from pipeline.watch.document import Look
from pipeline.watch.judging.verdict import judge
from pipeline.watch.judging.windows import windows
from pipeline.watch.reading.requests import take_in
from pipeline.watch.store import opened
from tests.pipeline.watch.asked import DAY, MONDAY, Row, asked_of, config, reference, trips, write_day


def asked(day: int) -> list[Row]:
    """What is asked on a day: from the fourth on longer trips, and a misspelt column."""
    rows = trips(day + 1, 200)
    return rows if day < 3 else [{**row, "km": row["km"] + 1.5, "city": "Ulm"} for row in rows]


def week(folder: Path) -> Look:
    """A look at seven days with labels and latency."""
    given, known = config(folder), reference()
    for day in range(7):
        write_day(folder, day, asked(day))
    with opened(folder / "watch") as state:
        new = take_in(state, asked_of(given))
        with state:
            for day in range(6):
                for index, row in enumerate(trips(day + 1, 200)):
                    # In the days of longer trips, some labels are others.
                    y = 1 - row["y"] if day >= 3 and index % 4 == 0 else row["y"]
                    state.execute(
                        "INSERT INTO labels VALUES (?, ?, 1, ?)",
                        (json.dumps([row["trip"]]), json.dumps({"y": y}), row["trip"].endswith("-7")),
                    )
                for bound, count in ((1000.0, 90 - day), (2000.0, 98), (float("inf"), 100)):
                    state.execute("INSERT INTO latency VALUES (?, ?, ?)", (MONDAY + day * DAY, bound, count))
        found = windows(state, given, lambda _: known, now=MONDAY + 7 * DAY)
    problems = ["labels: labels/c.csv, row 3 after the header: y is 'much', which is no number"]
    return Look(
        config=given,
        time=MONDAY + 7 * DAY,
        new=new,
        windows=found,
        verdict=judge(found, given.watch),
        problems=problems,
        labels=1200,
        damaged=0,
    )


def gauges_of_a_week(folder: Path, *, model: str) -> str:
    """The text file that such a look writes for a model."""
    seen = week(folder)
    serving = seen.config.serving.model_copy(update={"model_name": model})
    return gauges.exposition(dataclasses.replace(seen, config=seen.config.model_copy(update={"serving": serving})))
