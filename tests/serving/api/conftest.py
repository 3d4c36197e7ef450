"""Models, and one server of them for all modules of a worker."""

import pytest


@pytest.fixture(scope="package")
def folders(tmp_path_factory):
    """Base paths by model name: ``m`` has two versions, ``bad`` one that is not a SavedModel."""
    from tests.serving.support import half_plus_two

    root = tmp_path_factory.mktemp("models")
    half_plus_two.save(root / "m" / "1")
    half_plus_two.save(root / "m" / "2", intercept=3.0)
    (root / "bad" / "7").mkdir(parents=True)
    return {"m": root / "m", "bad": root / "bad"}


@pytest.fixture(scope="package")
def server(folders):
    from tests.serving.api.servers import RecordedLog, serving

    with serving(folders, log=RecordedLog(True)) as server:
        yield server
