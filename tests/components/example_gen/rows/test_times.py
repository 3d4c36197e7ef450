"""Points in time in order, and the ones from which on a share of the rows is."""

import numpy as np
import pyarrow as pa
import pytest

from components.example_gen.rows.times import TimeCounts, ordered
from components.refusal import GateRefused


def texts(*values: str) -> pa.Array:
    return pa.array([value.encode() for value in values], pa.large_binary())


IN_ORDER = [
    texts(
        "0001-01-01",
        "1969-12-31T23:59:59",
        "2024-01-31",
        "2024-01-31 00:00:00.000001",
        "2024-01-31T12:00:00.1234567891",
        "2024-01-31T12:00:00-01:00",
        "2024-01-31T14:00:00+0030",
        "2024-01-31T13:45Z",
        "2024-02-01T00:00:00+00",
        "9999-12-31",
    ),
    pa.array([-5, 0, 1706659200, 1706659201, 2**62], pa.int64()),
    pa.array([-float("inf"), -2.5, -1.0, 0.0, 1e-30, 2019.5, 1.7e9, float("inf")], pa.float32()),
]


@pytest.mark.parametrize("column", IN_ORDER, ids=str)
def test_later_is_larger(column):
    found = ordered("t", column)
    assert found.dtype == np.int64
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize("text", ["yesterday", "31.01.2024", "2024-02-30", "", "1706659200", "\udcff"])
def test_an_unreadable_time_is_shown(text):
    column = pa.array([b"2024-01-31", text.encode(errors="surrogateescape")], pa.large_binary())
    with pytest.raises(GateRefused, match=r"day is '.*', which is no ISO date") as error:
        ordered("day", column)
    assert text.encode(errors="surrogateescape").decode(errors="replace") in str(error.value)


@pytest.mark.parametrize(
    ("column", "given"),
    [
        (texts("31.12.2023", "1.2.2024", "02.10.2024"), "%d.%m.%Y"),
        (texts("02/01/2024 11:59 PM", "02/02/2024 12:01 AM"), "%m/%d/%Y %I:%M %p"),
        (pa.array([20231231, 20240101], pa.int64()), "%Y%m%d"),
    ],
)
def test_dates_of_another_format_are_in_the_order_of_time(column, given):
    found = ordered("t", column, given=given)
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize("column", [texts("31.12.2023", "31.02.2024"), pa.array([1, 20240231], pa.int64())], ids=str)
def test_a_date_of_no_such_format_is_shown(column):
    with pytest.raises(GateRefused, match=r"^day is '.+', which is no date of the format %d.%m.%Y; rows cannot be"):
        ordered("day", column, given="%d.%m.%Y")


def test_the_latest_rows_are_the_share():
    counts = TimeCounts()
    counts.add(np.array([5, 1, 4]))
    counts.add(np.array([3, 2, 10, 9, 8, 7, 6]))
    assert counts.bounds([0.3]) == [8]
    assert counts.bounds([0.5, 0.2]) == [6, 9]


def test_rows_of_the_same_time_stay_together():
    counts = TimeCounts()
    counts.add(np.array([1] * 6 + [2] * 3 + [3]))
    assert counts.bounds([0.3]) == [2]
    assert counts.bounds([0.2]) == [3]


def test_many_times_need_no_more_memory_and_come_close_in_any_order():
    times = np.random.default_rng(0).normal(size=50_000, scale=1e15).astype(np.int64)
    found = []
    for order in (times, times[::-1]):
        counts = TimeCounts(most=1000)
        for batch in np.array_split(order, 70):
            counts.add(batch)
        found.append(counts.bounds([0.3]))
        assert len(counts._times) <= 1000
    assert found[0] == found[1]
    assert (times >= found[0]).mean() == pytest.approx(0.3, abs=0.003)
