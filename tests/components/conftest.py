"""What the components' tests share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext

import pytest


@pytest.fixture(scope="module", autouse=True)
def _lean_beam() -> Iterator[None]:
    """Beam as a run has it: on a few rows, the signatures that it computes again take half of the time."""
    beam = nullcontext()
    if "apache_beam" in sys.modules:
        from pipeline.beam.memoization import lean_beam

        beam = lean_beam()
    with beam:
        yield
