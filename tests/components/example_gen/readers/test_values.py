import datetime
import decimal
import re

import numpy as np
import pyarrow as pa
import pytest

from components.example_gen.readers.values import BadValue, cleaned


def clean(column: pa.Array, *, code: bool = False) -> list:
    return cleaned(pa.record_batch({"x": column}), ["x"] if code else []).column(0).to_pylist()


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
def test_nan_is_null_and_other_numbers_stay(kind):
    values = np.array([1.5, np.nan, 0.0], kind.to_pandas_dtype())
    assert clean(pa.array(values, kind)) == [1.5, None, 0.0]
    assert clean(pa.array([], kind)) == []


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
def test_a_weight_is_never_nan_but_may_be_missing(kind):
    weights = np.array([1.5, 2.0, np.nan], kind.to_pandas_dtype())
    batch = pa.record_batch({"w": pa.array(weights, kind), "x": pa.array(weights, kind)})
    with pytest.raises(BadValue, match="is NaN, which no example weight can be") as bad:
        cleaned(batch, [], weight="w")
    assert (bad.value.column, bad.value.index) == ("w", 2)
    missing = pa.record_batch({"w": pa.array(weights, kind, from_pandas=True)})
    assert cleaned(missing, [], weight="w").column(0).to_pylist() == [1.5, 2.0, None]


@pytest.mark.parametrize("value", [1e39, -1e39, float("inf"), float("-inf"), 3.4028235677973366e38])
def test_what_is_infinite_as_a_float32_is_refused(value):
    with pytest.raises(BadValue) as bad:
        clean(pa.array([None, 1.0, value]))
    assert (bad.value.column, bad.value.index) == ("x", 2)
    assert repr(value) in bad.value.reason


def test_codes_in_floats_become_integers():
    assert clean(pa.array([17031.0, None, float("nan"), 2.0**53]), code=True) == [17031, None, None, 2**53]
    assert clean(pa.array([decimal.Decimal("17031.00"), None]), code=True) == [17031, None]
    assert clean(pa.array([16777217, None]), code=True) == [16777217, None]
    assert clean(pa.array(["17031.0"]), code=True) == ["17031.0"]


@pytest.mark.parametrize("value", [1.5, 2.0**63, decimal.Decimal("1.50"), decimal.Decimal(2**63)])
def test_a_code_that_is_no_integer_is_refused(value):
    with pytest.raises(BadValue, match=f"is '{re.escape(str(value))}', which is no integer of 64 bits") as bad:
        clean(pa.array([value]), code=True)
    assert bad.value.index == 0


def test_decimals_are_numbers():
    assert clean(pa.array([decimal.Decimal("1.50"), None])) == [1.5, None]


@pytest.mark.parametrize("kind", [pa.list_(pa.float64()), pa.large_list(pa.float64()), pa.list_(pa.float64(), 2)])
def test_lists_stay_and_a_hole_in_one_is_refused_with_its_row(kind):
    assert clean(pa.array([[1.0, 2.0], None, [3.0, 4.0]], kind)) == [[1.0, 2.0], None, [3.0, 4.0]]
    for value, reason in ((None, "missing value inside a list"), (float("nan"), "missing value"), (1e39, "1e[+]39")):
        with pytest.raises(BadValue, match=reason) as bad:
            clean(pa.array([[1.0, 2.0], None, [3.0, value]], kind))
        assert bad.value.index == 2


def test_dates_and_timestamps_become_iso_text():
    noon = datetime.datetime(2024, 1, 31, 12)
    assert clean(pa.array([noon.date(), None])) == ["2024-01-31", None]
    assert clean(pa.array([noon.date()], pa.date64())) == ["2024-01-31"]
    assert clean(pa.array([[noon.date()], None])) == [["2024-01-31"], None]
    for unit in ("s", "ms", "us", "ns"):
        assert clean(pa.array([noon, None], pa.timestamp(unit))) == ["2024-01-31T12:00:00", None]
        assert clean(pa.array([noon], pa.timestamp(unit, tz="Europe/Berlin"))) == ["2024-01-31T12:00:00Z"]
    half = noon.replace(microsecond=500_000)
    assert clean(pa.array([half, noon], pa.timestamp("ms"))) == ["2024-01-31T12:00:00.500", "2024-01-31T12:00:00"]


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        (pa.array([19_000, 2_000_000_000], pa.date32()), "2000000000 (days since 1970)"),
        (pa.array([0, -(2**62)], pa.timestamp("us", tz="UTC")), f"{-(2**62)} (us since 1970)"),
        (pa.array([0, -70_000_000_000], pa.timestamp("s")), "-70000000000 (s since 1970)"),
    ],
)
def test_a_date_of_no_year_that_can_be_written_is_refused(column, shown):
    with pytest.raises(BadValue, match=re.escape(f"is {shown}, which is in no year from 0 to 9999")) as bad:
        clean(column)
    assert bad.value.index == 1


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_text_that_is_none_is_refused_and_bytes_stay(kind):
    raw = pa.array([None, b"\xc3\xbc", b"\xff"])
    text = raw.view(pa.string()) if kind == pa.string() else raw.cast(kind, safe=False)
    with pytest.raises(BadValue) as bad:
        clean(text)
    assert bad.value.index == 2
    assert r"is b'\xff', which is no UTF-8 text" in bad.value.reason
    assert clean(text.slice(0, 2)) == [None, "ü"]
    assert clean(raw) == [None, b"\xc3\xbc", b"\xff"]


def test_integers_beyond_int64_are_refused():
    assert clean(pa.array([2**63 - 1, None], pa.uint64())) == [2**63 - 1, None]
    with pytest.raises(BadValue, match=r"is 9223372036854775808, beyond the integers of 64 bits") as bad:
        clean(pa.array([1, 2**63], pa.uint64()))
    assert bad.value.index == 1


def test_dictionaries_are_what_they_stand_for():
    """What pandas makes of its categories."""
    assert clean(pa.array(["card", None, "card"]).dictionary_encode()) == ["card", None, "card"]
