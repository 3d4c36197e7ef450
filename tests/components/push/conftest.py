from pathlib import Path

import pytest

from tests.components.push.champions import InBucket, InVolume
from tests.components.push.pushes import write_model
from tests.shared.services.buckets import emulator


@pytest.fixture
def store(monkeypatch):
    with emulator(monkeypatch) as store:
        yield store


@pytest.fixture(params=["bucket", "volume"])
def champion(request, tmp_path):
    if request.param == "volume":
        return InVolume(tmp_path / "state" / "champion")
    return InBucket(request.getfixturevalue("store"))


@pytest.fixture
def models(tmp_path) -> dict[int, Path]:
    """By version."""
    return {version: write_model(tmp_path / str(version), seed=version) for version in (5, 6, 7)}
