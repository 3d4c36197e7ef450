"""The warm-up requests of a blessed export: answered before its first caller comes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2
from tfx.types import standard_artifacts

from components.gates import infra_blessing
from components.push.pusher import push
from serving.inference import warmup
from serving.inference.engine import SavedModel
from serving.inference.probe import ProbeFailed, WarmUp, probing
from tests.components.gates.infra.validation import rows_of, validate
from tests.shared import stand_ins
from tests.shared.models.small_model import PARAMETERS, serialize
from trainer.parameters import KERAS_MODEL

pytestmark = pytest.mark.tensorflow


class Counted:
    """A model that tells what was run: the inputs' names and the rows."""

    def __init__(self, path):
        self._model = SavedModel(str(path))
        self.signatures = self._model.signatures
        self.runs: list[tuple[set[str], int]] = []

    def run(self, signature, inputs, **options):
        self.runs.append((set(inputs), len(next(iter(inputs.values())))))
        return self._model.run(signature, inputs, **options)


def test_a_pushed_model_has_answered_real_requests_before_its_first_caller_comes(small_model, tmp_path):
    saved_model, keras_model = tmp_path / "model" / "Format-Serving", tmp_path / "model" / KERAS_MODEL
    shutil.copytree(small_model.saved_model, saved_model)
    keras_model.parent.mkdir(exist_ok=True)
    shutil.copyfile(small_model.keras_model, keras_model)
    blessing = stand_ins.artifact(standard_artifacts.InfraBlessing, tmp_path / "blessing")
    validate(
        PARAMETERS.label,
        model=stand_ins.artifact(standard_artifacts.Model, tmp_path / "model", identity=7),
        transform_graph=stand_ins.artifact(standard_artifacts.TransformGraph, small_model.transform_graph),
        examples=stand_ins.write_examples(tmp_path / "examples", small_model.rows[:20]),
        blessing=blessing,
    )
    assert infra_blessing.is_blessed(blessing), infra_blessing.reason(blessing)
    file = Path(blessing.uri) / warmup.WARMUP_FILE
    version, _ = push(source=saved_model, base_directory=str(tmp_path / "serving"), warmup=file)
    pushed = tmp_path / "serving" / str(version)
    model = Counted(pushed)
    assert warmup.replay(model, pushed) == 3
    columns = set(model.signatures["columnar"].inputs)
    assert model.runs == [(names, 1) for names in ({"inputs"}, columns, {"examples"})]
    logs = map(prediction_log_pb2.PredictionLog.FromString, tf.data.TFRecordDataset(str(file)).as_numpy_iterator())
    kinds = [log.WhichOneof("log_type") for log in logs]
    assert kinds == ["classify_log"] + ["predict_log"] * 2
    # The same model and the same examples again: nothing new to serve.
    assert push(source=saved_model, base_directory=str(tmp_path / "serving"), warmup=file) == (version, False)


def test_warm_up_requests_that_fail_are_found_before_the_push(tmp_path):
    model = Path(stand_ins.write_model(tmp_path / "model", stand_ins.LABELS["binary"]).uri) / "Format-Serving"
    # The graph answers as before, but a Regress call, and so the warm-up, wants an output of another name.
    saved = saved_model_pb2.SavedModel.FromString((model / "saved_model.pb").read_bytes())
    signature = saved.meta_graphs[0].signature_def["classify"]
    signature.method_name = tf.saved_model.REGRESS_METHOD_NAME
    (model / "saved_model.pb").write_bytes(saved.SerializeToString())
    records = [serialize(row) for row in rows_of("binary")]
    with probing(str(model), records, timeout_seconds=60) as probed:
        assert "classify" in probed().answers
    warm_up = WarmUp(signatures=["classify"], folder=tmp_path / "blessing")
    with (
        probing(str(model), records, timeout_seconds=60, warm_up=warm_up) as probed,
        pytest.raises(ProbeFailed, match="the export fails as TF Serving would load it: StatusError: "),
    ):
        probed()
