"""What each call answers: versions, signatures, metadata, status, reloads."""

from __future__ import annotations

import threading

import pytest
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_management_pb2
from tensorflow_serving.config import model_server_config_pb2

from tests.conformance.calls import classify_request, regress_request, spec
from tests.serving.api.servers import ONE, Code, config_of, multi, predict_request, refusal, serving
from tests.serving.support import half_plus_two

pytestmark = pytest.mark.tensorflow


def spec_of(found):
    return found.name, found.version.value, found.signature_name


def test_every_answer_names_its_version_and_signature(server):
    newest = server.prediction.Predict(predict_request(), timeout=60)
    assert list(newest.outputs["y"].float_val) == [3.5]
    assert spec_of(newest.model_spec) == ("m", 2, "serving_default")
    older = server.prediction.Predict(predict_request(version=1, signature="two_outputs"))
    assert list(older.outputs["y"].float_val) == [2.5]
    assert spec_of(older.model_spec) == ("m", 1, "two_outputs")
    classified = server.prediction.Classify(classify_request(spec("m", signature="classify", version=1), ONE))
    assert classified.result.classifications[0].classes[0].score == 2.5
    assert spec_of(classified.model_spec) == ("m", 1, "classify")
    regressed = server.prediction.Regress(regress_request(spec("m", signature="regress"), ONE))
    assert regressed.result.regressions[0].value == 3.5
    assert spec_of(regressed.model_spec) == ("m", 2, "regress")
    both = server.prediction.MultiInference(multi("regress", "classify", version=1)).results
    assert [spec_of(result.model_spec) for result in both] == [("m", 1, "regress"), ("m", 1, "classify")]
    assert both[0].regression_result.regressions[0].value == 2.5


def test_metadata_holds_the_signatures(server):
    request = get_model_metadata_pb2.GetModelMetadataRequest(
        model_spec=spec("m", version=1), metadata_field=["signature_def"]
    )
    response = server.prediction.GetModelMetadata(request)
    assert spec_of(response.model_spec) == ("m", 1, "")
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert signatures.signature_def["regress"].method_name == half_plus_two.REGRESS
    assert signatures.signature_def["serving_default"].inputs["x"].dtype == tf.float32.as_datatype_enum


def test_an_unknown_metadata_field_is_named(server):
    request = get_model_metadata_pb2.GetModelMetadataRequest(
        model_spec=spec("m"), metadata_field=["signature_def", "q"]
    )
    assert refusal(lambda: server.prediction.GetModelMetadata(request)) == (
        Code.INVALID_ARGUMENT,
        "Metadata field q is not supported",
    )


def test_status_lists_versions_newest_first_and_what_failed(server):
    def status(model="m", **which):
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=spec(model, **which))
        return server.model.GetModelStatus(request).model_version_status

    state = get_model_status_pb2.ModelVersionStatus.State
    assert [(entry.version, entry.state) for entry in status()] == [(2, state.AVAILABLE), (1, state.AVAILABLE)]
    assert [entry.version for entry in status(version=1)] == [1]
    assert all(entry.HasField("status") and not entry.status.error_code for entry in status())
    (failed,) = status(model="bad")
    assert failed.version == 7
    assert failed.status.error_code != 0
    assert "SavedModel" in failed.status.error_message


def test_a_reload_serves_other_models(folders):
    with serving({"m": folders["m"]}) as server:
        reload = model_management_pb2.ReloadConfigRequest(config=config_of({"other": folders["m"]}))
        response = server.model.HandleReloadConfigRequest(reload, timeout=60)
        assert response.HasField("status")
        assert (response.status.error_code, response.status.error_message) == (0, "")
        assert server.prediction.Predict(predict_request(model="other")).model_spec.name == "other"
        assert refusal(lambda: server.prediction.Predict(predict_request()))[0] == Code.NOT_FOUND


def test_a_reload_that_is_refused_changes_nothing(server, folders):
    relative = model_management_pb2.ReloadConfigRequest(config=config_of({"m": "models/m"}))
    code, text = refusal(lambda: server.model.HandleReloadConfigRequest(relative))
    assert code == Code.INVALID_ARGUMENT
    assert text.startswith("Expected model m to have an absolute path or URI")
    for config in (
        model_server_config_pb2.ModelServerConfig(),
        model_server_config_pb2.ModelServerConfig(custom_model_config={}),
    ):
        request = model_management_pb2.ReloadConfigRequest(config=config)
        assert refusal(lambda request=request: server.model.HandleReloadConfigRequest(request)) == (
            Code.INVALID_ARGUMENT,
            "ServerModelConfig type not supported by HandleReloadConfigRequest. "
            "Only ModelConfigList is currently supported",
        )
    assert list(server.prediction.Predict(predict_request()).outputs["y"].float_val) == [3.5]


def test_requests_from_many_threads_get_their_own_answers(server):
    found = {}

    def ask(value):
        response = server.api.predict(predict_request(value=value, version=1))
        found[value] = response.outputs["y"].float_val[0]

    threads = [threading.Thread(target=ask, args=(float(value),)) for value in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {float(value): value / 2 + 2 for value in range(50)}
