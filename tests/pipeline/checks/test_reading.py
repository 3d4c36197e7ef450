from pathlib import Path

from pipeline.checks.reading import reading_of
from pipeline.config.loading import load


def taxi(*overrides: str):
    return load(config=Path("configs/taxi.yaml"), profile=None, overrides=overrides)


def test_the_use_of_columns_is_known_to_the_reader():
    reading = reading_of(taxi("example_weight=weight", "data.csv.encoding=cp1252"))
    integers = {name for name in reading.numbers if name.startswith("trip_start_") or name.endswith("_area")}
    assert set(reading.numbers) - integers == {"tips", "fare", "trip_miles", "trip_seconds", "weight"}
    assert len(integers) == 5
    assert {"payment_type", "company", "trip_start_hour"} < set(reading.codes)
    assert reading.csv.encoding == "cp1252"
    assert reading.weight == "weight"
    assert not reading.guessed
    assert reading_of(taxi("features=null")).guessed


def test_what_the_schema_says_does_not_depend_on_the_features():
    types = {"trip_start_hour": "INT", "trip_miles": "FLOAT"}
    reading = reading_of(taxi(), types)
    assert not {"trip_start_hour", "trip_miles"} & {*reading.numbers, *reading.codes}
    assert "trip_start_hour" in reading.integers
