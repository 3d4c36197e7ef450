"""What stands in rows becomes arrays: types, lists, and what is missing."""

import datetime
import decimal

import numpy as np
import pytest

from serving.client.messages.columns import array, column
from serving.client.messages.values import MISSING


def test_missing_values_have_their_spelling():
    rows = [{"f": 1, "i": "3", "s": "x"}, {"f": None, "i": ""}, {}]
    floats = column(rows, "f", np.dtype(np.float32))
    assert floats[0] == 1
    assert np.isnan(floats[1:]).all()
    assert column(rows, "i", np.dtype(np.int64)).tolist() == [3, MISSING["i"], MISSING["i"]]
    assert column(rows, "s", np.dtype(object)).tolist() == [b"x", b"", b""]


def test_big_integers_stay_exact():
    assert column([{"i": 2**60 + 1}, {"i": "17031081800"}], "i", np.dtype(np.int64)).tolist() == [
        2**60 + 1,
        17031081800,
    ]


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ("cheap", np.float32),
        (1e300, np.float32),
        (1.5, np.int64),
        ("1.5", np.int64),
        (float("inf"), np.int64),
        (2**70, np.int64),
        ({"a": 1}, object),
        (["a", "b"], object),
        ("1_000", np.float32),
        ("\ud800", object),
    ],
)
def test_wrong_values_name_row_and_key(value, dtype):
    with pytest.raises(ValueError, match=r"row 1, fare: .* is not a"):
        column([{"fare": 1}, {"fare": value}], "fare", np.dtype(dtype))


def test_a_list_may_be_flat_or_nested_and_missing_as_a_whole():
    rows = [{"p": [1, 2, 3, 4]}, {"p": [[5, 6], [7, 8]]}, {}]
    flat = column(rows, "p", np.dtype(np.float32), shape=[4])
    assert flat[:2].tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert np.isnan(flat[2]).all()
    assert column(rows[:2], "p", np.dtype(np.int64), shape=[2, 2]).tolist() == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
    assert column([], "p", np.dtype(np.float32), shape=[4]).shape == (0, 4)


def test_lists_of_any_length_are_padded_with_what_is_missing():
    rows = [{"t": ["a", "b"]}, {"t": "c"}, {}, {"t": ["d", ""]}, {"t": np.array(["e", "f"])}, {"t": []}]
    texts = column(rows, "t", np.dtype(object), shape=None)
    assert texts.tolist() == [[b"a", b"b"], [b"c", b""], [b"", b""], [b"d", b""], [b"e", b"f"], [b"", b""]]
    codes = column([{"c": [1, True]}, {"c": 0}], "c", np.dtype(np.int64), shape=None)
    assert codes.tolist() == [[1, 1], [0, MISSING["i"]]]
    assert column([{}], "t", np.dtype(object), shape=None).shape == (1, 0)
    assert column([], "t", np.dtype(object), shape=None).shape == (0, 0)
    assert column([{"n": [1, 2]}, {"n": [3, 4]}], "n", np.dtype(np.int32), shape=None).tolist() == [[1, 2], [3, 4]]
    with pytest.raises(ValueError, match="row 1, n: has 1 of 2 values, which an input of int32 cannot express"):
        column([{"n": [1, 2]}, {"n": [3]}], "n", np.dtype(np.int32), shape=None)
    with pytest.raises(ValueError, match=r"row 0, t: \[\['a'\], \['b', 'c'\]\] is not a list of texts"):
        column([{"t": [["a"], ["b", "c"]]}], "t", np.dtype(object), shape=None)


@pytest.mark.parametrize("hole", [None, float("nan")])
@pytest.mark.parametrize("shape", [(3,), None])
def test_a_list_that_lacks_a_value_is_refused_as_by_ingest(hole, shape):
    for values in ([1, hole, 3], [hole] * 3):
        with pytest.raises(ValueError, match=r"row 1, p: \[.*\] is not a list of (3 )?numbers"):
            column([{"p": [1, 2, 3]}, {"p": values}], "p", np.dtype(np.float32), shape=shape)


def test_a_vector_of_one_number_is_a_single_value_to_the_signature():
    assert column([{"p": [2.5]}, {"p": [None]}], "p", np.dtype(np.float32)).tolist()[0] == 2.5


def test_what_stands_in_a_file_is_sent_as_it_is():
    import pandas as pd

    days = [
        datetime.date(2024, 1, 31),
        datetime.datetime(2024, 1, 31, 12, 30),
        pd.Timestamp("2024-01-31T12:30:00.5Z"),
        np.datetime64("2024-01-31T12:30:00", "ns"),
        datetime.datetime(2024, 1, 31, 12, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=1))),
        pd.NaT,
        pd.NA,
        np.datetime64("NaT"),
    ]
    assert column([{"d": day} for day in days], "d", np.dtype(object)).tolist() == [
        b"2024-01-31",
        b"2024-01-31T12:30:00",
        b"2024-01-31T12:30:00.500000Z",
        b"2024-01-31T12:30:00",
        b"2024-01-31T11:30:00Z",
        b"",
        b"",
        b"",
    ]
    answers = [True, False, np.bool_(True), "true", "False", "1", 1.0]
    assert column([{"b": each} for each in answers], "b", np.dtype(np.int64)).tolist() == [1, 0, 1, 1, 0, 1, 1]
    assert column([{"b": True}], "b", np.dtype(object)).tolist() == [b"True"]
    assert column([{"n": pd.NA}, {"n": decimal.Decimal("1.5")}], "n", np.dtype(np.float32))[1] == 1.5


def test_a_row_is_counted_from_the_first_of_all_requests():
    with pytest.raises(ValueError, match=r"row 7, f: 'x' is not a number"):
        column([{"f": 1}, {"f": "x"}], "f", np.dtype(np.float32), first=6)


@pytest.mark.parametrize("value", [[1, 2, 3], 7, ["a", "b", "c", "d"], "abcd", [[1, 2], [3]]])
def test_a_list_of_another_size_or_type_is_named(value):
    with pytest.raises(ValueError, match=r"row 1, p: .* is not a list of 4 numbers"):
        column([{"p": [1, 2, 3, 4]}, {"p": value}], "p", np.dtype(np.float32), shape=[4])


def test_values_of_plain_types_are_as_all_others():
    """Those of Python's own types are converted at once."""
    for dtype, values in (
        (np.float32, [1, 2.5, None, float("inf"), 3e38]),
        (np.int64, [1, 2**60 + 1, -5]),
        (object, ["a", "", None, "ä"]),
    ):
        together = array(values, "x", np.dtype(dtype))
        alone = np.concatenate([array([value, np.float64("nan")], "x", np.dtype(dtype))[:1] for value in values])
        assert together.dtype == alone.dtype
        np.testing.assert_array_equal(together, alone)
    for dtype, value in ((np.float32, 10**400), (np.float32, 1e39), (np.int64, 2**63)):
        with pytest.raises(ValueError, match="row 1, x: "):
            array([1, value], "x", np.dtype(dtype))


def test_nan_of_a_table_is_missing_in_every_column():
    rows = [{"v": float("nan")}, {"v": np.float32("nan")}]
    assert np.isnan(column(rows, "v", np.dtype(np.float32))).all()
    assert column(rows, "v", np.dtype(np.int64)).tolist() == [MISSING["i"]] * 2
    assert column(rows, "v", np.dtype(object)).tolist() == [b""] * 2
    with pytest.raises(ValueError, match="row 0, v: is missing, which an input of int32 cannot express"):
        column(rows, "v", np.dtype(np.int32))
