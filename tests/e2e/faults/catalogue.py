"""The faults that are planted in the taxi pipeline after a good run, each with the gate that must refuse it.

``python -m tests.e2e.faults.page`` plants all of them and writes their table in docs/gates.md.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable
from dataclasses import dataclass

from tests.e2e.projects.project import Outcome, Project

Row = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault.

    Attributes:
        what: the fault, in words.
        node: the node that refuses.
        reason: a part of its reason.
        plant: changes the rows of the data; None leaves them as they are.
        words: flags of the run.
        slow: whether only ``make test-all`` plants it.
    """

    what: str
    node: str
    reason: str
    plant: Callable[[list[Row]], None] | None = None
    words: tuple[str, ...] = ()
    slow: bool = True

    def run(self, project: Project) -> Outcome:
        """Run the pipeline with the fault."""
        settings = [*self.words]
        if self.plant:
            settings.append(f"data.path={changed_data(project, self.plant)}")
        return project.run(*itertools.chain.from_iterable(("--set", setting) for setting in settings))


def changed_data(project: Project, change: Callable[[list[Row]], None]) -> str:
    """The folder of a copy of the trips after a change; the same one for the same change."""
    folder = project.folder / "data" / change.__name__.strip("_")
    if not folder.exists():
        with (project.folder / "data/taxi/trips.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        change(rows)
        folder.mkdir()
        with (folder / "trips.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return f"data/{folder.name}"


def text_instead_of_seconds(rows: list[Row]) -> None:
    for row in rows[::10]:
        row["trip_seconds"] = "five minutes"


def too_far(rows: list[Row]) -> None:
    rows[6]["trip_miles"] = "1e39"


def no_latitude(rows: list[Row]) -> None:
    for row in rows:
        del row["pickup_latitude"]


def a_new_way_to_pay(rows: list[Row]) -> None:
    for row in rows[::50]:
        row["payment_type"] = "Bitcoin"


def no_tips(rows: list[Row]) -> None:
    for row in rows:
        row["tips"] = "0.0"


def metres(rows: list[Row]) -> None:
    _in_metres(rows)


def metres_in_half(rows: list[Row]) -> None:
    _in_metres(rows[::2])


def _in_metres(rows: list[Row]) -> None:
    for row in rows:
        row["trip_miles"] = str(round(float(row["trip_miles"]) * 1609)) if row["trip_miles"] else ""


def seconds_emptied(rows: list[Row]) -> None:
    for row in rows[::3]:
        row["trip_seconds"] = ""


def companies_emptied(rows: list[Row]) -> None:
    for row in rows:
        if hash_of(row) % 10 < 3:
            row["company"] = ""


def repeated(rows: list[Row]) -> None:
    rows[:] = [rows[index - index % 5] if index % 5 < 3 else row for index, row in enumerate(rows)]


def the_share_of_the_tip(rows: list[Row]) -> None:
    for row in rows:
        fare = float(row["fare"] or 0)
        row["trip_miles"] = str(float(row["tips"] or 0) / fare) if fare else "0"


def hash_of(row: Row) -> int:
    """A number that says nothing about the row."""
    return int(row["trip_start_timestamp"]) // 900


FAULTS = (
    Fault(
        what="text in a tenth of the cells of an integer column",
        node="ExampleGen",
        reason="row 1 after the header: 'trip_seconds' is 'five minutes', but the schema says INT",
        plant=text_instead_of_seconds,
    ),
    Fault(
        what="one number beyond float32",
        node="ExampleGen",
        reason="'trip_miles' is '1e39'",
        plant=too_far,
    ),
    Fault(
        what="a column of the schema is gone",
        node="DataGate",
        reason="pickup_latitude: Column is completely missing",
        plant=no_latitude,
    ),
    Fault(
        what="a category that the schema does not know, in 2 % of the rows",
        node="DataGate",
        reason="payment_type: Examples contain values missing from the schema: Bitcoin",
        plant=a_new_way_to_pay,
        slow=False,
    ),
    Fault(what="all labels are 0", node="DataGate", reason="LABEL_CONSTANT", plant=no_tips),
    Fault(
        what="`trip_miles` in metres",
        node="DataGate",
        reason="train/trip_miles: has moved by 0.5",
        plant=metres,
    ),
    Fault(
        what="`trip_miles` in metres in half of the rows",
        node="DataGate",
        reason="train/trip_miles: has moved by 0.1",
        plant=metres_in_half,
    ),
    Fault(
        what="a third of `trip_seconds` emptied",
        node="DataGate",
        reason="train/trip_seconds: is missing in 3",
        plant=seconds_emptied,
    ),
    Fault(
        what="30 % of `company` emptied",
        node="DataGate",
        reason="train/company: is missing in ",
        plant=companies_emptied,
    ),
    Fault(
        what="two fifths of the rows repeat others, with `gates.data.drift.duplicates.action: block`",
        node="DataGate",
        reason="of the rows repeat others",
        plant=repeated,
        words=("gates.data.drift.duplicates.action=block",),
    ),
    Fault(
        what="a column that is known only with the label: the share of the tip, as `trip_miles`",
        node="DataGate",
        reason="train/trip_miles: alone predicts the label with AUC 0.99",
        plant=the_share_of_the_tip,
    ),
    Fault(
        what="`trip_miles` in metres, with drift only warned of and `served_max_drop: 0.02`",
        node="ModelGate",
        reason="accuracy of the served model is 0.",
        plant=metres,
        words=("gates.data.drift.numbers.action=warn", "gates.evaluation.served_max_drop=0.02"),
    ),
    Fault(
        what="a model below its limit",
        node="ModelGate",
        reason="auc of all examples is 0.9",
        words=("gates.evaluation.thresholds=[{metric: auc, min: 0.999}]",),
    ),
    Fault(
        what="a slice below its limit",
        node="ModelGate",
        reason="below the minimum 0.97",
        words=(
            "gates.evaluation.thresholds="
            "[{metric: auc, min: 0.9}, {metric: accuracy, slice: trip_start_hour, min: 0.97}]",
        ),
    ),
    Fault(
        what="a model worse than the served one",
        node="ModelGate",
        reason="from the last blessed model",
        words=(
            "trainer.loop.optimizer.learning_rate=1.0e-5",
            "gates.evaluation.thresholds=[{metric: auc, min: 0.1, max_drop: 0.005}]",
        ),
        slow=False,
    ),
    Fault(
        what="a network that answers NaN about the few longest trips",
        node="Evaluator",
        reason="of 5,091 predictions are not finite, such as nan for the row with ",
        words=("trainer.run_fn=tests.e2e.faults.nan_for_some.run_fn", "trainer.loop.epochs=1"),
    ),
    Fault(
        what="an export that only Python can run",
        node="InfraValidator",
        reason="the export fails as TF Serving would load it",
        words=("trainer.run_fn=tests.e2e.faults.bad_export.run_fn",),
    ),
    Fault(
        what="an export that answers NaN to requests without a column",
        node="InfraValidator",
        reason="scores of signature classify is nan for a row without 'fare'",
        words=("trainer.run_fn=tests.e2e.faults.missing_as_nan.run_fn",),
        slow=False,
    ),
    Fault(
        what="an export larger than its budget",
        node="InfraValidator",
        reason="gates.infra.budgets.size_mb",
        words=("gates.infra.budgets.size_mb=0.01",),
    ),
)
