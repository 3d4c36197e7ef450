"""Cores that are stopped in the end, and real SavedModels for them."""

import pytest


@pytest.fixture
def make_core():
    from serving.inference.engine import SavedModel
    from serving.models.core import ServerCore

    cores = []

    def make(**options) -> ServerCore:
        options = {"load": lambda _, folder: SavedModel(str(folder)), "poll_seconds": 0.02, **options}
        cores.append(ServerCore(**options))
        return cores[-1]

    yield make
    for core in cores:
        core.stop()


@pytest.fixture
def base_path(tmp_path, half_plus):
    folder = tmp_path / "m"
    folder.mkdir()
    for version, constant in ((1, 2.0), (2, 3.0), (3, 4.0)):
        half_plus(folder / str(version), constant=constant)
    return folder
