"""A short soak; the long one is `make soak`."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.tensorflow


def test_reloads_and_label_moves_under_tls_lose_no_request(tmp_path):
    from tests.soak.soaking import CHANNELS, soak

    result = soak(tmp_path, seconds=5)
    assert result.errors == []
    assert result.requests > 10 * CHANNELS
    assert result.reloads >= 3
    assert result.memory_mb
