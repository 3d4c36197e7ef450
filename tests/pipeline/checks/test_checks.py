"""What the configuration points to, checked against the data, the schema and the code."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipeline.checks.checks import check
from pipeline.checks.columns import check_schema
from pipeline.config.loading import ConfigError, load
from tests.pipeline.config.taxi import load_taxi


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.path=nowhere", "data.path: nowhere is not a folder"),
        ("data.format=parquet", r"data.path: no \*.parquet file in data/taxi; is data.format right?"),
        ("data.where=fares > 0", "data.where: there is no column 'fares'"),
        ("data.splits={by: time, column: day, eval: 0.3}", r"data.splits \(by time\): there is no column 'day'"),
        ("data.splits={by: column, column: fare, train: 2, eval: 1}", r"data.splits \(by column\): 'fare' is FLOAT"),
        ("data.splits={by: files, train: trips.csv, eval: x*}", r"data.path: no x\* file in data/taxi"),
        ("data.splits={by: files, train: trips.csv, eval: t*.csv}", "data.splits: .*trips.csv is in train and in eval"),
        ("label.column=tip", "label.column: there is no column 'tip' in data/taxi/trips.csv"),
        ("label.above.column=fares", "label.above.column: there is no column 'fares'"),
        ("features.miles=number", "features.miles: there is no column 'miles'"),
        ("features.x={kind: cross, columns: [company, kind]}", "features.x: there is no column 'kind'"),
        (
            "features.x={kind: cross, columns: [company, fare]}",
            "features.x: 'fare' is FLOAT in schema/taxi/schema.pbtxt",
        ),
        (
            "features.x={kind: cross, columns: [fare, {column: company, buckets: 3}]}",
            "features.x: 'fare' is FLOAT in schema/taxi/schema.pbtxt",
        ),
        (
            "features.x={kind: cross, columns: [payment_type, {column: company, buckets: 3}]}",
            "features.x: 'company' is BYTES in schema/taxi/schema.pbtxt; it must be INT or FLOAT",
        ),
        (
            "features.payment_type=number",
            "features.payment_type: 'payment_type' is BYTES in .*; it must be INT or FLOAT",
        ),
        ("features.fare={kind: text}", "features.fare: 'fare' is FLOAT in .*; it must be BYTES"),
        ("features.tips=number", "features.tips: 'tips' makes the label"),
        ("label={column: payment_type, above: 3}", "label.column: 'payment_type' is BYTES"),
        ("trainer.run_fn=sys.exit", "trainer.run_fn: there is no module 'sys'"),
        ("label={column: fare, above: null, task: multiclass, classes: [a, b]}", "label.column: .*; it must be BYTES"),
        ("example_weight=weight", "example_weight: there is no column 'weight'"),
        ("example_weight=company", "example_weight: 'company' is BYTES in .*; it must be INT or FLOAT"),
        (
            "example_weight=trip_miles",
            "features.trip_miles: 'trip_miles' is the example weight, which no request knows",
        ),
        ("features.photo={kind: image, height: 8, width: 8}", "features.photo: there is no column 'photo'"),
        ("runs=/proc/x", "runs: /proc/x/taxi cannot be written"),
        ("example_weight=tips", "example_weight: 'tips' is the label"),
        ("gates.evaluation.slices=[trip_start_hour, colour]", "gates.evaluation.slices: there is no column 'colour'"),
        ("schema=nowhere.pbtxt", "schema: nowhere.pbtxt cannot be read"),
        ("schema=configs/taxi.yaml", "schema: configs/taxi.yaml is not a schema in protobuf text format"),
        ("trainer.run_fn=trainer.nothing.run_fn", "trainer.run_fn: there is no module 'trainer.nothing'"),
        (
            "trainer.run_fn=trainer.run_fn.run",
            r"trainer.run_fn: .*run_fn.py defines no function 'run'; did you mean 'run_fn'\? it has .*, run_fn",
        ),
    ],
)
def test_what_the_config_points_to_is_checked(taxi_config, override, message):
    with pytest.raises(ConfigError, match=message):
        check(load_taxi(taxi_config, override))


def test_features_without_a_column_need_a_function_of_their_own(taxi_config, tmp_path):
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(yaml.safe_load(taxi_config.read_text()) | {"features": {}}))

    def check_with(*overrides: str) -> None:
        check_schema(load(config=tmp_path / "c.yaml", profile=None, overrides=overrides))

    with pytest.raises(ConfigError, match=r"^features: names no column"):
        check_with()
    check_with("trainer.preprocessing_fn=tests.e2e.faults.missing_as_nan.preprocessing_fn")


def test_only_the_spans_that_are_read_are_compared(taxi_config, tmp_path):
    header, first, _ = Path("data/taxi/trips.csv").read_text().split("\n", 2)
    (tmp_path / "9.csv").write_text(f"{header}\n{first}\n")
    for span in ("10", "11"):
        (tmp_path / f"{span}.csv").write_text(f"new,{header}\n1,{first}\n")
    data = (f"data.path={tmp_path}", "data.files='{SPAN}.csv'")
    for window in (1, 2):
        check(load_taxi(taxi_config, *data, f"data.window={window}"))
    with pytest.raises(ConfigError, match=r"new"):
        check(load_taxi(taxi_config, *data, "data.window=3"))
    # All files, whose spans nobody has named.
    with pytest.raises(ConfigError, match=r"new"):
        check(load_taxi(taxi_config, f"data.path={tmp_path}"))
