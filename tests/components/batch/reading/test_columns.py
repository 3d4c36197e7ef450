"""Columns become what the client makes of the same values, and are refused where it refuses them."""

from __future__ import annotations

import datetime
import decimal

import numpy as np
import pyarrow as pa
import pytest

from components.batch.reading.columns import Unfit, inputs, with_pictures
from components.example_gen.reading import CsvOptions
from serving.client.messages import columns as client
from serving.client.messages.examples import RowFeature

FLOAT, INT, TEXT = np.dtype(np.float32), np.dtype(np.int64), np.dtype(object)
NARROW = np.dtype(np.int32)
DAY, TIME = datetime.date(2024, 3, 1), datetime.datetime(2024, 3, 1, 12, 30, tzinfo=datetime.UTC)
COLUMNS = {
    "floats": pa.array([1.5, None, float("nan"), float("inf"), 1e39, -0.0], pa.float64()),
    "halves": pa.array(np.array([1.5, np.nan, 2], np.float16)),
    "whole floats": pa.array([17031.0, None, float("nan"), 2.5, -3.0, 2.0**63], pa.float64()),
    "integers": pa.array([1, None, -(2**53) - 1, 2**62 + 1], pa.int64()),
    "bytes": pa.array([1, None, 255], pa.uint8()),
    "large": pa.array([2**63, 1, None], pa.uint64()),
    "booleans": pa.array([True, None, False]),
    "decimals": pa.array([decimal.Decimal("1.50"), None, decimal.Decimal("7.00")], pa.decimal128(9, 2)),
    "texts": pa.array(["a", None, "", "Größe", "1.5", " 7 ", "1e3", "nan", "0x1F", "1_000", "true", "17031.0"]),
    "binary": pa.array([b"\xff\0", None, b"", b"12"], pa.large_binary()),
    "words": pa.array(["x", None, "3", "x"]).dictionary_encode(),
    "dates": pa.array([DAY, None], pa.date32()),
    "times": pa.array([TIME, None], pa.timestamp("us", tz="UTC")),
    "days": pa.array([DAY, None], pa.date64()),
    "late times": pa.array([TIME, None], pa.timestamp("ns", tz="Asia/Tokyo")),
    "clocks": pa.array([datetime.time(1, 2), None], pa.time32("s")),
    "nothing": pa.nulls(3),
    "lists": pa.array([[1.0, 2.0], None, [], [3.0, None], [4.0], [5.0, 6.0, 7.0]], pa.list_(pa.float32())),
    "holes": pa.array([[1.0, np.nan], [2.0, 3.0]], pa.list_(pa.float32())),
    "half_holes": pa.array([[np.float16(1), np.float16(np.nan)], [np.float16(2)] * 2], pa.list_(pa.float16())),
    "vectors": pa.array([[1, 2], [3, 4]], pa.large_list(pa.int64())),
    "singles": pa.array([[1], [], None, [2]], pa.large_list(pa.int64())),
    "names": pa.array([["a", "b"], None, [""], ["c"]], pa.list_(pa.string())),
    "nested": pa.array([[[1, 2]], [[3, 4]]], pa.list_(pa.list_(pa.int64()))),
}
FEATURES = [
    RowFeature(FLOAT, ()),
    RowFeature(INT, ()),
    RowFeature(NARROW, ()),
    RowFeature(TEXT, ()),
    RowFeature(FLOAT, (2,)),
    RowFeature(INT, None),
    RowFeature(TEXT, None),
    RowFeature(TEXT, (), "date"),
    RowFeature(TEXT, (), 'date "%d.%m.%Y %H:%M:%S"'),
    RowFeature(INT, (), 'date "%Y%m%d"'),
    RowFeature(INT, (), 'date "%s"'),
    RowFeature(FLOAT, (), 'date "%s"'),
]


def by_client(column: pa.Array, feature: RowFeature) -> tuple[np.ndarray | None, set[int]]:
    """The client's array of the values; or None, and the rows that it refuses on their own."""
    values = column.to_pylist()
    refused = set()
    for index, value in enumerate(values):
        try:
            client.array([value], "c", feature.dtype, shape=feature.shape, holds=feature.holds)
        except ValueError:
            refused.add(index)
    if refused:
        return None, refused
    return client.array(values, "c", feature.dtype, shape=feature.shape, holds=feature.holds), refused


@pytest.mark.parametrize("feature", FEATURES, ids=lambda each: f"{each.dtype}-{each.shape}-{each.kinds}")
@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_is_what_the_client_makes_of_its_values(name, feature):
    column = COLUMNS[name]
    for part in (column, *(column.slice(index, 1) for index in range(len(column)))):
        expected, refused = by_client(part, feature)
        batch = pa.record_batch({"c": part})
        if expected is None:
            with pytest.raises(Unfit) as error:
                inputs(batch, {"c": feature}, CsvOptions())
            assert set(error.value.reasons) == refused
            assert all(reason.startswith("c: ") for reason in error.value.reasons.values())
            continue
        found = inputs(batch, {"c": feature}, CsvOptions())["c"]
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("feature", FEATURES[-5:], ids=lambda each: f"{each.dtype}-{each.kinds}")
def test_a_date_that_python_does_not_have_is_refused(feature):
    batch = pa.record_batch({"c": pa.array([0, 4_000_000], pa.int32()).cast(pa.date32())})
    with pytest.raises(Unfit) as refused:
        inputs(batch, {"c": feature}, CsvOptions())
    assert list(refused.value.reasons) == [1]
    assert refused.value.reasons[1].startswith("c: np.datetime64('12921-")


def test_a_column_that_the_model_needs_is_refused_where_it_is_missing():
    batch = pa.record_batch({"v": [[1.0, 2.0], None, []], "p": [b"", b"x", None], "q": ["a", "b", ""]})
    features = {
        "v": RowFeature(FLOAT, (2,), "vector, required"),
        "p": RowFeature(TEXT, (), "image, required"),
        "q": RowFeature(TEXT, (), "category"),
    }
    with pytest.raises(Unfit) as refused:
        inputs(batch, features, CsvOptions())
    lacks = "is missing, and the model cannot do without it"
    assert refused.value.reasons == {0: f"p: {lacks}", 1: f"v: {lacks}", 2: f"v: {lacks}"}
    assert inputs(batch.slice(0, 1), {"v": features["v"]}, CsvOptions())["v"].tolist() == [[1, 2]]


def test_numbers_in_text_are_read_as_the_config_says():
    batch = pa.record_batch({"n": ["1.234,5", None, "7", "x"], "i": ["1.000", "2", "3", "4"]})
    options = CsvOptions(decimal=",", thousands=".")
    features = {"n": RowFeature(FLOAT, ()), "i": RowFeature(INT, ())}
    with pytest.raises(Unfit) as refused:
        inputs(batch, features, options)
    assert refused.value.reasons == {3: "n: 'x' is not a number"}
    found = inputs(batch.slice(0, 3), features, options)
    np.testing.assert_array_equal(found["n"], np.array([1234.5, np.nan, 7], np.float32))
    np.testing.assert_array_equal(found["i"], [1000, 2, 3])


@pytest.mark.tensorflow
def test_pictures_are_read_from_where_the_table_is_and_bad_ones_told(tmp_path):
    from tests.shared.models.every_type import COLUMNS as EVERY

    png = EVERY["photo"].value(1)
    (tmp_path / "a.png").write_bytes(png)
    (tmp_path / "b.png").write_bytes(b"text")
    batch = pa.record_batch({"p": pa.array([b"a.png", None, b"b.png", b"c.png", png]), "q": [1, 2, 3, 4, 5]})
    folders = [str(tmp_path)] * 5
    with pytest.raises(Unfit) as refused:
        with_pictures(batch, ["p"], folders)
    assert sorted(refused.value.reasons) == [2, 3]
    assert refused.value.reasons[3].startswith("p is 'c.png', which does not exist")
    found = with_pictures(batch.take([0, 1, 4]), ["p"], folders[:3])
    assert found.to_pydict() == {"p": [png, None, png], "q": [1, 2, 5]}
