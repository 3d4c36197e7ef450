import json

from ml_metadata.proto import metadata_store_pb2

from pipeline.report.hyperparameters import tuned


def test_chosen_values_are_read_from_the_artifact(tmp_path):
    values = {"model.hidden_units": "[64, 32]", "loop.optimizer.learning_rate": 0.002}
    (tmp_path / "best_hyperparameters.txt").write_text(json.dumps({"space": [], "values": values}))
    outputs = {("Tuner", "best_hyperparameters"): metadata_store_pb2.Artifact(uri=str(tmp_path))}
    assert tuned(outputs) == ("tuned", "loop.optimizer.learning_rate=0.002  model.hidden_units=[64, 32]")


def test_without_a_search_nothing_was_chosen():
    assert tuned({("Trainer", "model"): metadata_store_pb2.Artifact()}) is None
