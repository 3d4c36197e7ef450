import json

import pytest

from pipeline import dag
from pipeline.config.config import Config
from pipeline.sources import source_digest
from trainer.features.columns import kind_modules
from trainer.tuning.search import SEARCH_KEY, Search

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def config(tmp_path):
    def make(**trainer):
        return Config(
            name="small",
            data={"path": "data/taxi"},
            label={"column": "tips"},
            trainer=trainer,
            gates={"evaluation": {"thresholds": [{"metric": "auc", "min": 0.5}]}},
            serving={"model_name": "small"},
            runs=tmp_path,
        )

    return make


def test_there_is_no_tuner_unless_asked_for(config):
    by_id = dag.nodes(config())
    assert "Tuner" not in by_id
    assert "hyperparameters" not in by_id["Trainer"].inputs


def test_the_tuner_feeds_the_trainer(config):
    search = {"trials": 3, "space": {"model.dropout": {"choices": [0.0, 0.5]}}}
    by_id = dag.nodes(config(tuner=search))
    order = list(by_id)
    assert order.index("Transform") < order.index("Tuner") < order.index("Trainer")
    [channel] = [by_id["Tuner"].outputs["best_hyperparameters"]]
    assert by_id["Trainer"].inputs["hyperparameters"] is channel
    carried = json.loads(by_id["Tuner"].exec_properties["custom_config"])
    assert Search.model_validate_json(carried[SEARCH_KEY]) == Search(**search)
    assert carried["source_digest"] == source_digest("trainer.tuner_fn", "trainer.models.tabm", *kind_modules(None))
