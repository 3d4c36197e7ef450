"""The model whose requests are batched, and what batches them."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="package")
def model(tmp_path_factory):
    from serving.inference.engine import SavedModel
    from tests.serving.support import small_saved_model

    model = SavedModel(str(small_saved_model.write(tmp_path_factory.mktemp("small"))))
    yield model
    model.close()


@pytest.fixture
def batched(model):
    """A function that batches the model's requests as its keywords say; one thread runs the batches."""
    from serving.batching.batched import BatchingParameters
    from tests.serving.batching.subject import Batched

    made = []

    def make(**parameters) -> Batched:
        made.append(Batched(model, BatchingParameters(**{"num_batch_threads": 1, **parameters})))
        return made[-1]

    yield make
    for each in made:
        each.model.gate.set()
        each.servable.close()
