"""Dates as the graph reads them, against Python's own calendar."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
import tensorflow as tf

from trainer.features.dates import calendar

pytestmark = pytest.mark.tensorflow

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def days(*texts: str) -> list[float]:
    return calendar.days_of_text(tf.constant([texts]))[0].numpy().tolist()


def test_a_day_every_month_of_five_centuries():
    moments = [
        datetime(1600, 1, 1, tzinfo=UTC) + timedelta(days=29 * index, minutes=37 * index) for index in range(6300)
    ]
    found = calendar.days_of_text(tf.constant([[moment.strftime("%Y-%m-%d %H:%M:%S") for moment in moments]]))
    np.testing.assert_allclose(found[0], [(moment - EPOCH) / DAY for moment in moments], atol=1e-9)
    parts = calendar.parts(tf.transpose(found)).numpy()
    expected = [(moment.month - 1, moment.weekday(), moment.hour) for moment in moments]
    np.testing.assert_array_equal(parts, expected)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
        ("2024-02-29T12:30", datetime(2024, 2, 29, 12, 30, tzinfo=UTC)),
        (" 2024-02-29 12:30:15.25Z ", datetime(2024, 2, 29, 12, 30, 15, 250_000, tzinfo=UTC)),
        ("2024-02-29T12:30:00+05:30", datetime(2024, 2, 29, 12, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))),
        ("2024-02-29T23:30:00-0800", datetime(2024, 2, 29, 23, 30, tzinfo=timezone(timedelta(hours=-8)))),
    ],
)
def test_forms_of_a_date(text, moment):
    assert days(text) == pytest.approx([(moment - EPOCH) / DAY], abs=1e-9)


def test_what_is_no_date_is_missing():
    assert np.isnan(days("", "yesterday", "2024-13-01", "2024-00-10", "2024-01-32", "29.2.2024", "2024-1-1")).all()


def test_epoch_numbers_are_read_by_their_size():
    seconds = 1_700_000_000
    numbers = tf.constant([[seconds, seconds * 1e3, seconds * 1e6, seconds * 1e9, np.nan]], tf.float64)
    found = calendar.days_of_epoch(numbers)[0].numpy()
    np.testing.assert_allclose(found[:4], seconds / 86400)
    assert np.isnan(found[4])


def test_cycles_close_and_are_zero_where_missing():
    waves = calendar.cycles(tf.constant([[0.0], [7.0], [np.nan]], tf.float64)).numpy()
    np.testing.assert_allclose(waves[0, [1, 2, 4, 5]], waves[1, [1, 2, 4, 5]], atol=1e-5)
    assert not waves[2].any()
