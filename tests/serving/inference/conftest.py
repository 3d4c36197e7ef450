"""One model for all modules of a worker."""

import pytest


@pytest.fixture(scope="package")
def model(tmp_path_factory):
    from serving.inference.engine import SavedModel
    from tests.serving.support import half_plus_two

    path = tmp_path_factory.mktemp("half_plus_two") / "1"
    half_plus_two.save(path)
    model = SavedModel(str(path))
    yield model
    model.close()
