"""A trained model of each task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.components.lite.world import World


@pytest.fixture(
    scope="package",
    params=["binary", *(pytest.param(name, marks=pytest.mark.slow) for name in ("multiclass", "regression"))],
)
def world(request, tmp_path_factory) -> World:
    from tests.components.lite.world import CASES, make

    return make(CASES[request.param], tmp_path_factory.mktemp(request.param))
