"""Batches of rows by their size in bytes, for the time of a run.

By default Beam makes batches that take about a second, from what the earlier ones took. A batch of a wide table costs
more than that however few its rows are, so that Beam makes them smaller and smaller, down to single rows, and the time
grows with the square of the columns. tfx_bsl can cut batches at 20 MiB instead, which are the same in every run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tfx_bsl.coders import batch_util

from pipeline.patches import replaced


@contextmanager
def batches_by_size() -> Iterator[None]:
    """While open, pipelines that are built read rows in batches of 20 MiB, or of 8,192 small rows."""
    # Its flag would do, if absl had parsed the command's own flags.
    with replaced(batch_util, "_UseByteSizeBatching", lambda: True, parameters=()):
        yield
