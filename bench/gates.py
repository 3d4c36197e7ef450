"""What the comparisons with earlier data cost: CPU seconds of ExampleGen and DataGate's drift checks, with and without.

Without them, ExampleGen does not count different rows, and nothing is compared. ExampleGen is only a part of a run, so
that the ratio is far above what a whole run pays.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pandas as pd
from tensorflow_data_validation import StatsOptions
from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.proto import example_gen_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from bench import report
from components.example_gen.executor import Executor, custom_config
from components.example_gen.reading import Reading
from components.example_gen.rows.distinct import DistinctRows
from components.example_gen.shards import read_records
from components.gates.data.drift import profile
from components.gates.data.drift.drift_check import Current, drift_findings
from components.gates.data.drift.earlier import served_data
from components.gates.data.drift.limits import Limits
from components.gates.data.label_rows import LabelRows, split_records
from trainer.labels.config import Label

_TRIPS = Path(__file__).resolve().parents[1] / "data" / "taxi" / "trips.csv"
_LABEL = Label.model_validate({"column": "tips", "above": {"column": "fare", "times": 0.2}})
_SPLITS = {"train": 2, "eval": 1}
_SIZES = {"taxi": 15_002, "150k": 150_000}


def write_trips(folder: Path, rows: int) -> None:
    """The trips, again and again until there are so many rows, all of them different."""
    trips = pd.read_csv(_TRIPS)
    many = pd.concat([trips] * -(-rows // len(trips)), ignore_index=True).head(rows)
    folder.mkdir()
    many.assign(trip_start_timestamp=many.trip_start_timestamp + many.index).to_csv(folder / "trips.csv", index=False)


def ingest(data: Path, output: Path) -> float:
    """CPU seconds of ExampleGen."""
    artifact = standard_artifacts.Examples()
    artifact.uri = str(output)
    splits = [example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=count) for name, count in _SPLITS.items()]
    config = example_gen_pb2.Output(split_config=example_gen_pb2.SplitConfig(splits=splits))
    inputs = example_gen_pb2.Input(splits=[example_gen_pb2.Input.Split(name="all", pattern="*.csv*")])
    properties = {
        "input_base": str(data),
        "input_config": proto_utils.proto_to_json(inputs),
        "output_config": proto_utils.proto_to_json(config),
        "custom_config": proto_utils.proto_to_json(custom_config(Reading(kind="csv"))),
    }
    start = time.process_time()
    Executor().Do({}, {"examples": [artifact]}, properties)
    return time.process_time() - start


def write_statistics(examples: Path, statistics: Path) -> None:
    """The statistics of all splits, as StatisticsGen leaves them."""
    for split in _SPLITS:
        batch = ExamplesToRecordBatchDecoder().DecodeBatch(read_records(str(examples / f"Split-{split}")))
        path = statistics / f"Split-{split}" / "FeatureStats.pb"
        path.parent.mkdir(parents=True)
        path.write_bytes(generate_statistics_in_memory(batch, StatsOptions()).SerializeToString())


def compare(examples: Path, statistics: Path) -> float:
    """CPU seconds of the drift checks, the reading of the labels included."""
    start = time.process_time()
    labels, splits = LabelRows(split_records(str(examples)), _LABEL), tuple(_SPLITS)
    sides = profile.sides(str(statistics), str(examples), splits=splits, label=_LABEL, labels=labels)
    columns = sorted(sides["train"].features)
    current = Current(str(statistics), splits, sides, _LABEL, columns)
    profile.write(str(statistics), {split: side.profile for split, side in sides.items()})
    earlier = served_data(str(statistics), str(statistics), splits=splits)
    found = list(drift_findings(current, earlier, schema=schema_pb2.Schema(), limits=Limits()))
    if found:
        raise SystemExit(f"data that are compared with themselves have drifted: {found[0].text}")
    return time.process_time() - start


def measured(rows: int, repeats: int) -> Iterator[tuple[float, float]]:
    """CPU seconds with and without the comparisons, in turns."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_trips(folder / "data", rows)
        for repeat in range(repeats + 1):
            with_counts = ingest(folder / "data", folder / f"{repeat}")
            with mock.patch.object(DistinctRows, "add", return_value=None):
                without = ingest(folder / "data", folder / f"{repeat}-without")
            write_statistics(folder / f"{repeat}", folder / f"{repeat}-statistics")
            compared = compare(folder / f"{repeat}", folder / f"{repeat}-statistics")
            # The first one warms up.
            if repeat:
                yield with_counts + compared, without


def main() -> None:
    """Print a line for each size; the last is that of 150,000 rows."""
    parser = argparse.ArgumentParser(prog="python -m bench.gates", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    for what, rows in _SIZES.items():
        found = list(measured(rows, repeats))
        ours, without = [pair[0] for pair in found], [pair[1] for pair in found]
        added = sorted(first - second for first, second in found)[len(found) // 2]
        text = f"ExampleGen and the drift checks of {what}, with and without them"
        print(report.line(text, ours=ours, peer=without, unit="CPU s", rows=rows, added=round(added, 2)), flush=True)


if __name__ == "__main__":
    main()
