"""Dates are sent as their column writes them; what is no date, or cannot be written so, is refused."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

from serving.client.messages import dates
from serving.client.messages.columns import column
from serving.client.messages.examples import RowFeature, columns, serialize
from serving.client.messages.holds import Holds, parse
from serving.client.messages.protos import message

FLOAT, INT, TEXT = (np.dtype(kind) for kind in (np.float32, np.int64, object))
TIME = datetime.datetime(2024, 2, 3, 16, 5, 6)
EAST = datetime.timezone(datetime.timedelta(hours=9))
SAME = [
    TIME,
    TIME.replace(tzinfo=datetime.UTC),
    (TIME + datetime.timedelta(hours=9)).replace(tzinfo=EAST),
    pd.Timestamp(TIME),
    pd.Timestamp(TIME, tz="UTC").tz_convert("America/New_York"),
    np.datetime64(TIME, "us"),
    np.datetime64(TIME, "ns"),
    np.datetime64(TIME, "s"),
]
FORMATS = [
    ("%d.%m.%Y", "03.02.2024"),
    ("%m/%d/%y %I:%M %p", "02/03/24 04:05 PM"),
    ("%B %d, %Y", "February 03, 2024"),
    ("%d %b %Y %H:%M:%S%z", "03 Feb 2024 16:05:06+0000"),
]


@pytest.mark.parametrize(("given", "text"), FORMATS)
@pytest.mark.parametrize("value", SAME, ids=repr)
def test_an_instant_has_one_text_in_a_format(value, given, text):
    assert dates.written(value, given) == text
    assert datetime.datetime.strptime(text, given).date() == TIME.date()


@pytest.mark.parametrize(
    ("value", "hour"), [(datetime.datetime(2024, 5, 1), "12 AM"), (datetime.datetime(2024, 5, 1, 12), "12 PM")]
)
def test_noon_and_midnight_of_twelve_hours(value, hour):
    assert dates.written(value, "%b %I %p") == f"May {hour}"


@pytest.mark.parametrize("day", [datetime.date(2024, 2, 3), np.datetime64("2024-02-03"), pd.Timestamp("2024-02-03")])
def test_a_day_is_its_midnight(day):
    assert dates.written(day, "%d.%m.%Y %H:%M:%S") == "03.02.2024 00:00:00"
    assert dates.seconds(day) == 1706918400


def test_fractions_of_seconds_stay_where_a_column_has_them():
    value = datetime.datetime(1969, 12, 31, 23, 59, 59, 250000)
    assert dates.written(value, "%Y-%m-%d %H:%M:%S") == "1969-12-31 23:59:59.25"
    feature = {"f": RowFeature(FLOAT, (), 'date "%s"'), "i": RowFeature(INT, (), 'date "%s"')}
    found = columns([{"f": value, "i": value}], feature)
    assert (found["f"].tolist(), found["i"].tolist()) == ([-0.75], [-1])
    whole = {"n": RowFeature(INT, (), 'date "%Y%m%d%H%M%S"')}
    assert columns([{"n": value}], whole)["n"].tolist() == [19691231235959]


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("", Holds()),
        ("date", Holds(kinds=("date",))),
        ('date "%B %d, %Y", category, required', Holds(("date", "category"), "%B %d, %Y", required=True)),
        ('cross, date "\\"%Y, image\\" %m %d"', Holds(("cross", "date"), '"%Y, image" %m %d')),
        ("vector, required", Holds(("vector",), required=True)),
    ],
)
def test_what_the_exporter_says_is_read(name, holds):
    assert parse(name) == holds


COLUMNS = {
    "text": RowFeature(TEXT, (), "date"),
    "dmy": RowFeature(TEXT, (), 'date "%d.%m.%Y", category'),
    "mdy": RowFeature(TEXT, (), 'date "%m/%d/%y"'),
    "whole": RowFeature(INT, (), 'date "%Y%m%d"'),
    "short": RowFeature(INT, (), 'date "%y%m%d"'),
    "narrow": RowFeature(FLOAT, (), 'date "%Y%m%d"'),
    "epoch": RowFeature(INT, (), 'date "%s"'),
    "old": RowFeature(INT, (), "date"),
    "fare": RowFeature(FLOAT, (), "number"),
    "kind": RowFeature(TEXT, (), "category"),
    "tags": RowFeature(TEXT, None, "list"),
    "visits": RowFeature(INT, None, "list"),
}


def test_a_column_of_dates_takes_what_stands_in_the_file_and_dates():
    rows = [
        {"text": TIME, "dmy": TIME, "whole": TIME, "epoch": TIME},
        {"text": "2024-02-03", "dmy": b"03.02.2024", "whole": "20240203", "epoch": 1706976306},
        {"text": np.datetime64("2024-02"), "dmy": pd.NaT, "whole": None, "epoch": np.datetime64("NaT")},
        {"text": np.datetime64("2024-02-03T16")},
    ]
    found = columns(rows, {name: COLUMNS[name] for name in ("text", "dmy", "whole", "epoch")})
    assert found["text"].tolist() == [b"2024-02-03T16:05:06", b"2024-02-03", b"2024-02-01", b"2024-02-03T16:00"]
    assert found["dmy"].tolist() == [b"03.02.2024", b"03.02.2024", b"", b""]
    least = np.iinfo(np.int64).min
    assert found["whole"].tolist() == [20240203, 20240203, least, least]
    assert found["epoch"].tolist() == [1706976306, 1706976306, least, least]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"text": 1706851635}, "text: 1706851635 is not a date"),
        ({"text": True}, "text: True is not a date"),
        ({"text": 3.7}, "text: 3.7 is not a date"),
        ({"text": np.datetime64("12000-01-01")}, "text: np.datetime64('12000-01-01') is not a date"),
        ({"dmy": -1}, "dmy: -1 is not a date of the format %d.%m.%Y"),
        ({"dmy": ["a", "b"]}, "dmy: ['a', 'b'] is not a date of the format %d.%m.%Y"),
        ({"dmy": datetime.time(1)}, "dmy: datetime.time(1, 0) is not a date of the format %d.%m.%Y"),
        ({"mdy": datetime.date(1950, 1, 2)}, "mdy: datetime.date(1950, 1, 2) is not a date of the format %m/%d/%y"),
        ({"whole": "03.02.2024"}, "whole: '03.02.2024' is not a whole number"),
        ({"short": datetime.date(2005, 1, 2)}, "short: datetime.date(2005, 1, 2) is not a date of the format %y%m%d"),
        ({"narrow": datetime.date(2024, 2, 3)}, "narrow: datetime.date(2024, 2, 3) is not a date of the format %Y%m%d"),
        ({"epoch": datetime.date(6000, 1, 2)}, "epoch: datetime.date(6000, 1, 2) is not a date of the format %s"),
        ({"old": datetime.date(2024, 2, 3)}, "old: datetime.date(2024, 2, 3) is not a date"),
        ({"fare": np.datetime64(5, "ns")}, "fare: np.datetime64('1970-01-01T00:00:00.000000005') is not a number"),
        ({"kind": ["a", "b"]}, "kind: ['a', 'b'] is not a text"),
        ({"kind": [["a"]]}, "kind: [['a']] is not a text"),
        ({"kind": {"a"}}, "kind: {'a'} is not a text"),
        ({"tags": [["a", "b"], ["c", "d"]]}, "tags: [['a', 'b'], ['c', 'd']] is not a list of texts"),
        ({"visits": [[1, 2]]}, "visits: [[1, 2]] is not a list of whole numbers"),
    ],
)
def test_what_does_not_fit_is_refused_in_both_kinds_of_requests(row, text):
    ((name, _),) = row.items()
    for make in (columns, serialize):
        with pytest.raises(ValueError, match="row 1") as caught:
            make([{}, row], {name: COLUMNS[name]})
        assert str(caught.value) == f"row 1, {text}"


def test_tf_examples_hold_the_same():
    features = {name: COLUMNS[name] for name in ("text", "dmy", "whole", "epoch")}
    [record] = serialize([dict.fromkeys(features, TIME)], features)
    found = message("tensorflow.Example").FromString(record).features.feature
    assert found["text"].bytes_list.value == [b"2024-02-03T16:05:06"]
    assert found["dmy"].bytes_list.value == [b"03.02.2024"]
    assert found["whole"].int64_list.value == [20240203]
    assert found["epoch"].int64_list.value == [1706976306]


@pytest.mark.parametrize(
    "value", ["9007199254740993.0", b"9007199254740993", " 9007199254740993.00 ", "9007199254740993"]
)
def test_whole_numbers_as_text_are_exact(value):
    assert column([{"i": value}], "i", INT).tolist() == [2**53 + 1]


@pytest.mark.parametrize("value", ["1e999999999", "nan", "inf", "1.5", "x", "9223372036854775808", b"1_0", b"\xff"])
def test_texts_that_are_no_whole_numbers_are_refused(value):
    with pytest.raises(ValueError, match="row 0, i: .* is not a whole number"):
        column([{"i": value}], "i", INT)
