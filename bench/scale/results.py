"""The lines that `bench.scale` writes, and what they show: growth with the rows, goals met and missed."""

from __future__ import annotations

import dataclasses
import json
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import report
from bench.measure import Cost
from bench.scale.plan import STOCK_RUNNER, Setting, size_name

CPU_GOAL = 0.2
# Of CPU beyond the imports: the Evaluator's over stock's; with ten times the slices, or with intervals, over its own.
EVALUATION_GOALS = {"evaluation": 0.15, "evaluation_slices": 2.0, "evaluation_intervals": 3.0}
MEMORY_GOAL = 1.5
# Noise: for ten times the rows, up to 12 % more than ten times the wall time still counts as linear.
LINEAR = 1.05
# Flat: less than 1.5 times the memory for ten times the rows.
FLAT = math.log10(MEMORY_GOAL)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One line.

    Attributes:
        setting: what was measured.
        cost: None if it failed.
        error: why it failed; None otherwise.
        load: load average of the machine before the start; on a busy machine the cost means little.
    """

    setting: Setting
    cost: Cost | None = None
    error: str | None = None
    load: float = 0.0

    def line(self) -> str:
        """The measurement as a JSON line."""
        fields = {"what": f"scale: {self.setting}", **dataclasses.asdict(self.setting)}
        if self.cost:
            fields |= {
                **dataclasses.asdict(self.cost),
                "cpu_us_per_row": round(self.cost.cpu_s / self.setting.rows * 1e6, 1),
            }
        else:
            fields["error"] = self.error
        return json.dumps({**fields, "load": round(self.load, 1)})


def read(path: Path) -> list[Measurement]:
    """The measurements in a file, the last one of each setting; truncated lines are skipped."""
    found: dict[Setting, Measurement] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            fields = json.loads(line)
        except json.JSONDecodeError:
            continue
        setting = Setting(**_fields(Setting, fields))
        cost = None if "error" in fields else Cost(**_fields(Cost, fields))
        found[setting] = Measurement(setting=setting, cost=cost, error=fields.get("error"), load=fields["load"])
    return list(found.values())


def append(path: Path, measurement: Measurement) -> None:
    """Add a line, even after a truncated one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        if file.seek(0, 2):
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(f"{measurement.line()}\n".encode())


def _fields(kind: type, fields: dict) -> dict:
    return {field.name: fields[field.name] for field in dataclasses.fields(kind)}


@dataclass(frozen=True, kw_only=True)
class Series:
    """One stage in one way on one runner, over the numbers of rows.

    Attributes:
        stage: name of the stage.
        way: ``stock`` or ``ours``.
        runner: name of the runner.
        costs: medians of the repeats by number of rows, in rising order.
        errors: why other sizes have no figures, by number of rows.
    """

    stage: str
    way: str
    runner: str
    costs: dict[int, Cost]
    errors: dict[int, str]

    @property
    def us_per_row(self) -> float | None:
        """CPU microseconds per additional row: without the fixed cost of a process."""
        if len(self.costs) < 2:
            return None
        first, last = min(self.costs), max(self.costs)
        return (self.costs[last].cpu_s - self.costs[first].cpu_s) / (last - first) * 1e6

    def growth(self, what: str) -> list[float]:
        """Exponents of ``wall_s`` or ``peak_mb`` from size to size: 1 is linear, 0 is flat."""
        sizes = list(self.costs)
        return [
            math.log(getattr(self.costs[large], what) / getattr(self.costs[small], what)) / math.log(large / small)
            for small, large in zip(sizes, sizes[1:], strict=False)
        ]


def series(measurements: Iterable[Measurement]) -> list[Series]:
    """The medians of all measurements, in the order of the measurements."""
    groups: dict[tuple[str, str, str], dict[int, list[Measurement]]] = defaultdict(lambda: defaultdict(list))
    for one in measurements:
        groups[one.setting.stage, one.setting.way, one.setting.runner][one.setting.rows].append(one)
    return [_series(key, by_rows) for key, by_rows in groups.items()]


def _series(key: tuple[str, str, str], by_rows: dict[int, list[Measurement]]) -> Series:
    costs, errors = {}, {}
    for rows, repeats in sorted(by_rows.items()):
        done = [one.cost for one in repeats if one.cost]
        if done:
            costs[rows] = Cost(
                **{
                    field.name: statistics.median(getattr(cost, field.name) for cost in done)
                    for field in dataclasses.fields(Cost)
                }
            )
        else:
            errors[rows] = next(one.error for one in repeats if one.error)
    stage, way, runner = key
    return Series(stage=stage, way=way, runner=runner, costs=costs, errors=errors)


def headline(measurements: Sequence[Measurement]) -> str:
    """The last line: the ingest's CPU over stock's at the largest size that both have, and every other goal."""
    growth = [found for each in series(measurements) if (found := _growth(each))]
    more = {
        "goal": CPU_GOAL,
        "ingest_memory": _ingest_memory(measurements),
        "evaluation": _evaluation(measurements),
        "growth": growth,
    }
    cpu: dict[str, dict[int, list[float]]] = {way: defaultdict(list) for way in ("ours", "stock")}
    for one in measurements:
        if one.cost and one.setting.stage == "ingest" and one.setting.runner == STOCK_RUNNER:
            cpu[one.setting.way][one.setting.rows].append(one.cost.cpu_s)
    both = cpu["ours"].keys() & cpu["stock"].keys()
    if not both:
        return json.dumps({"what": "scale: CPU of ingest, not measured for both ways", **more})
    ours, stock = (cpu[way][max(both)] for way in ("ours", "stock"))
    met = statistics.median(ours) <= CPU_GOAL * statistics.median(stock)
    what = f"scale: CPU of ingest, {size_name(max(both))} rows"
    return report.line(what, ours=ours, peer=stock, unit="s", peer_name="CsvExampleGen of tfx", met=met, **more)


def _ingest_memory(measurements: Sequence[Measurement]) -> dict[str, object] | None:
    for each in series(measurements):
        if (each.stage, each.way, each.runner) == ("ingest", "ours", STOCK_RUNNER) and len(each.costs) > 1:
            *_, before, last = each.costs
            ratio = each.costs[last].peak_mb / each.costs[before].peak_mb
            sizes = f"{size_name(last)} over {size_name(before)} rows"
            return {"what": sizes, "ratio": round(ratio, 3), "goal": MEMORY_GOAL, "met": ratio <= MEMORY_GOAL}
    return None


def _evaluation(measurements: Sequence[Measurement]) -> list[dict[str, object]]:
    """The CPU that the Evaluator takes beyond the start of a process, against each goal that was measured."""
    costs = {(each.stage, each.way): each.costs for each in series(measurements) if each.runner == STOCK_RUNNER}
    started = costs.get(("start", "ours"))
    if not started:
        return []
    start = statistics.median(cost.cpu_s for cost in started.values())
    found: list[dict[str, object]] = []
    for stage, goal in EVALUATION_GOALS.items():
        peer, way = ("stock's", "stock") if stage == "evaluation" else ("evaluation's", "ours")
        ours, theirs = costs.get((stage, "ours"), {}), costs.get(("evaluation", way), {})
        if both := ours.keys() & theirs.keys():
            rows = max(both)
            ratio = (ours[rows].cpu_s - start) / (theirs[rows].cpu_s - start)
            what = f"{stage.replace('_', ' ')}, {size_name(rows)} rows"
            found.append({"what": what, "peer": peer, "ratio": round(ratio, 3), "goal": goal, "met": ratio <= goal})
    return found


def _growth(each: Series) -> dict[str, object] | None:
    """Whether a series meets the limits on growth, between the two largest sizes, where start-up weighs least."""
    if len(each.costs) < 2:
        return None
    time, memory = each.growth("wall_s")[-1], each.growth("peak_mb")[-1]
    return {
        "what": f"{each.stage}, {each.way} on {each.runner}",
        "time": round(time, 2),
        "time_met": time <= LINEAR,
        "memory": round(memory, 2),
        "memory_met": memory <= FLAT,
    }
