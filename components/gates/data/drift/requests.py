"""The newest logged requests as statistics, to compare with the data."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from tensorflow_data_validation import StatsOptions
from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.example_gen.rows.options import TRAIN
from components.gates.data.drift.earlier import Earlier, EarlierSplit
from components.gates.data.drift.profile import Profile
from serving.request_log.reader import read
from trainer.options import Strict

_WORDS = "the requests"


class RequestLimits(Strict):
    """Where requests are logged.

    Attributes:
        folder: the server's ``--request_log_folder``.
        model: the model's name.
    """

    folder: str
    model: str


def newest_requests(given: str, *, most: int) -> Earlier | None:
    """The newest requests, in place of train; without it if none are logged; None if nothing says where they are.

    Args:
        given: a `RequestLimits` as JSON; empty for none.
        most: how many rows.
    """
    if not given:
        return None
    rows = list(itertools.islice(_rows(RequestLimits.model_validate_json(given)), most))
    if not rows:
        return Earlier(_WORDS, {})
    statistics = generate_statistics_in_memory(ExamplesToRecordBatchDecoder().DecodeBatch(rows), StatsOptions())
    return Earlier(_WORDS, {TRAIN: EarlierSplit(statistics, Profile(rows=len(rows)))})


def _rows(given: RequestLimits) -> Iterator[bytes]:
    try:
        records = read(Path(given.folder), given.model, newest_first=True)
    except FileNotFoundError:
        return
    for record in records:
        yield from record.examples
