"""Formats of dates: what they read, in the graph and in Arrow, against Python's own; and formats that are none."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from components.example_gen.rows.times import iso_of
from trainer.features.dates import calendar, formats

pytestmark = pytest.mark.tensorflow

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Two-digit years are those of 1969 to 2068.
MOMENTS = [datetime(1969, 1, 1, tzinfo=UTC) + timedelta(days=61, minutes=37, seconds=7) * index for index in range(590)]


@pytest.mark.parametrize(
    ("given", "unit"),
    [
        ("%d.%m.%Y", timedelta(days=1)),
        ("%m/%d/%y", timedelta(days=1)),
        ("%Y%m%d", timedelta(days=1)),
        ("%d%m%y%H%M%S", timedelta(seconds=1)),
        ("%d %b %Y", timedelta(days=1)),
        ("%B %d, %Y", timedelta(days=1)),
        ("%m/%d/%Y %I:%M %p", timedelta(minutes=1)),
        ("%I:%M:%S%p on %d-%m-%Y", timedelta(seconds=1)),
        ("%Y/%m/%d %H", timedelta(hours=1)),
        ("%d.%m.%Y %H:%M:%S %z", timedelta(seconds=1)),
    ],
)
def test_the_graph_and_arrow_read_what_python_writes(given, unit):
    assert formats.check(given) == given
    expected = [EPOCH + (moment - EPOCH) // unit * unit for moment in MOMENTS]
    texts = [moment.strftime(given) for moment in expected]
    days = calendar.days_of_text(calendar.iso_of_text(tf.constant(texts), given)).numpy()
    np.testing.assert_allclose(days, [(moment - EPOCH) / timedelta(days=1) for moment in expected], atol=1e-9)
    in_arrow = iso_of(pa.array(texts), given).to_pylist()
    assert in_arrow == [text.decode() for text in calendar.iso_of_text(tf.constant(texts), given).numpy()]
    parsed = [datetime.fromisoformat(text) for text in in_arrow]
    assert [one.replace(tzinfo=UTC) for one in parsed] == expected


@pytest.mark.parametrize(
    ("given", "text", "iso"),
    [
        ("%d.%m.%Y", "1.2.2024", "2024-02-01"),
        ("%d.%m.%Y", "  01.02.2024\n", "2024-02-01"),
        ("%d %b %Y", "3 SEPT. 2024", "2024-09-03"),
        ("%m/%d/%Y %I:%M %p", "1/5/2024 12:30 a.m.", "2024-01-05 00:30"),
        ("%m/%d/%Y %I:%M %p", "1/5/2024 12:30 PM", "2024-01-05 12:30"),
        ("%d.%m.%Y", "", ""),
        ("%d.%m.%Y", "2024-02-01", "?"),
        ("%d.%m.%Y", "=2024-02-01", "?"),
        ("%d.%m.%Y", "1.2.2024 12:00", "?"),
        ("%m/%d/%Y %I:%M %p", "1/5/2024 13:30 PM", "?"),
        ("%Y%m%d", "2024131", "?"),
    ],
)
def test_what_is_read_and_what_is_not(given, text, iso):
    assert iso_of(pa.array([text]), given).to_pylist() == [iso]
    assert calendar.iso_of_text(tf.constant([text]), given).numpy().tolist() == [iso.encode()]


@pytest.mark.parametrize("text", ["32.1.2024", "30.2.2024", "1.13.2024", "0.1.2024"])
def test_days_that_no_calendar_has_are_missing(text):
    assert np.isnan(calendar.days_of_text(calendar.iso_of_text(tf.constant([text]), "%d.%m.%Y"))).all()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("%d.%m", "needs one of %Y %y for the year"),
        ("%d.%d.%m.%Y", "needs one of %d for the day"),
        ("%d.%j.%Y", "%j is not known; %Y %y %m %d"),
        ("%d.%m.%Y %", "% is not known"),
        ("%d.%m.%Y %H %I %p", "says the hour twice"),
        ("%d.%m.%Y %I:%M", "%I and %p belong together"),
        ("%d.%m.%Y :%M", "needs %H or %I before minutes"),
        ("%d.%m.%Y %H:%S", "needs %M before %S"),
    ],
)
def test_a_format_that_is_none_says_why(given, reason):
    with pytest.raises(ValueError) as error:  # noqa: PT011 (the text is compared as it is)
        formats.check(given)
    assert str(error.value).startswith(reason)
