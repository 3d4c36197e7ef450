"""The embedded server over a real port, called by TF Serving's own stubs and by our client."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from pipeline.running.live.model_server import ModelServer
from serving.client import Client, ServingError
from serving.client.messages import descriptors
from serving.client.messages.protos import DESCRIPTOR_SET
from tests.serving.support.hammer import wait_for

pytestmark = pytest.mark.tensorflow

Status = get_model_status_pb2.ModelVersionStatus


@pytest.fixture
def base_path(small_model, tmp_path):
    shutil.copytree(small_model.saved_model, tmp_path / "small" / "1")
    return tmp_path / "small"


@pytest.fixture(scope="module")
def target(small_model, tmp_path_factory):
    """A server for the tests that change nothing."""
    folder = tmp_path_factory.mktemp("served") / "small"
    shutil.copytree(small_model.saved_model, folder / "1")
    with ModelServer(model_name="small", base_path=folder) as server:
        yield server.target()


@pytest.fixture
def changing(base_path):
    """A server of ``base_path``."""
    with ModelServer(model_name="small", base_path=base_path) as server:
        yield server.target()


def test_rows_are_answered_as_examples_are(small_model, target):
    rows = [{key: value for key, value in row.items() if key != "tips"} for row in small_model.rows[:20]]
    with Client(target) as client:
        columnar = client.predict("small", rows)["probability"]
        examples = client.predict_arrays(
            "small", {"examples": np.array(small_model.records()[:20], object)}, signature="serving_default"
        )["probability"]
        by_schema = client.predict("small", rows, schema=small_model.transform_graph / "metadata" / "schema.pbtxt")
        classes = client.classify("small", rows)
    assert columnar.shape == (20, 1)
    np.testing.assert_allclose(columnar, examples, atol=1e-6)
    np.testing.assert_allclose(by_schema["probability"], examples, atol=1e-6)
    np.testing.assert_allclose(
        [[score for _, score in row] for row in classes], np.hstack([1 - examples, examples]), atol=1e-6
    )


def test_stock_stubs_understand_the_server(small_model, target):
    with grpc.insecure_channel(target) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "small"
        request.inputs["examples"].dtype = 7
        request.inputs["examples"].tensor_shape.dim.add().size = 2
        request.inputs["examples"].string_val.extend(small_model.records()[:2])
        response = stub.Predict(request, timeout=30)
        assert response.model_spec.version.value == 1
        assert response.model_spec.signature_name == "serving_default"
        assert [dim.size for dim in response.outputs["probability"].tensor_shape.dim] == [2, 1]
        metadata = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        metadata.model_spec.name = "small"
        signatures = get_model_metadata_pb2.SignatureDefMap()
        assert stub.GetModelMetadata(metadata, timeout=30).metadata["signature_def"].Unpack(signatures)
        assert set(signatures.signature_def) == {"serving_default", "columnar", "transform_features", "classify"}
        status = get_model_status_pb2.GetModelStatusRequest()
        status.model_spec.name = "small"
        answer = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(status, timeout=30)
        assert [(entry.version, entry.state) for entry in answer.model_version_status] == [(1, Status.AVAILABLE)]


@pytest.mark.parametrize(
    ("call", "code", "text"),
    [
        (lambda c: c.predict("large", [{}]), "NOT_FOUND", "Servable not found for request: Latest(large)"),
        (lambda c: c.signatures("small", version=7), "NOT_FOUND", "Servable not found for request: Specific(small, 7)"),
        (lambda c: c.status("large"), "NOT_FOUND", "Could not find any versions of model large"),
        (lambda c: c.predict_arrays("", {}, signature="x"), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        (
            lambda c: c.predict_arrays("small", {}, signature="nothing"),
            "FAILED_PRECONDITION",
            'Serving signature key "nothing" not found.',
        ),
        (
            lambda c: c.predict_arrays("small", {"examples": np.zeros(1, np.int64)}, signature="serving_default"),
            "INVALID_ARGUMENT",
            "Expects arg[0] to be string but int64 is provided",
        ),
        (
            lambda c: c.predict_arrays(
                "small", {"examples": np.array([b"no example"], object)}, signature="serving_default"
            ),
            "INVALID_ARGUMENT",
            "Could not parse example input",
        ),
    ],
)
def test_errors_carry_tf_serving_s_codes_and_words(target, call, code, text):
    with Client(target) as client, pytest.raises(ServingError) as error:
        call(client)
    assert error.value.code.name == code
    assert text in error.value.details
    assert len(error.value.details) <= 1024


def test_an_unassigned_label_is_refused(target):
    with grpc.insecure_channel(target) as channel:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "small"
        request.model_spec.version_label = "stable"
        with pytest.raises(grpc.RpcError) as error:
            prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=30)
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert error.value.details() == "Unrecognized servable version label: stable"


def test_an_empty_batch_is_answered(target):
    with Client(target) as client:
        assert client.predict("small", [])["probability"].shape == (0, 1)


def test_a_new_version_takes_over_and_a_broken_one_does_not(small_model, base_path, changing):
    with Client(changing) as client:
        wait_for(lambda: client.status("small") == {1: "AVAILABLE"})
        (base_path / "3").mkdir()
        wait_for(lambda: client.status("small").get(3) == "END")
        assert client.status("small")[1] == "AVAILABLE"
        assert client.predict("small", [{"fare": 1.0}])["probability"].shape == (1, 1)
        (base_path / ".stage-x").mkdir()
        shutil.copytree(small_model.saved_model, base_path / ".stage-x" / "4")
        (base_path / ".stage-x" / "4").rename(base_path / "4")
        wait_for(lambda: client.status("small").get(4) == "AVAILABLE")
        wait_for(lambda: client.status("small")[1] == "END")
        with pytest.raises(ServingError, match="NOT_FOUND"):
            client.predict("small", [{"fare": 1.0}], version=1)
        assert client.predict("small", [{"fare": 1.0}], version=4)["probability"].shape == (1, 1)


@pytest.mark.slow
def test_no_request_fails_while_versions_change(small_model, base_path, changing):
    failures, answered, stop = [], [], threading.Event()

    def ask():
        with Client(changing) as client:
            while not stop.is_set():
                try:
                    answered.append(client.predict("small", [{"fare": 1.0}])["probability"])
                except ServingError as error:
                    failures.append(error)

    with Client(changing) as client:
        wait_for(lambda: client.status("small") == {1: "AVAILABLE"})
        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for version in (2, 3):
            shutil.copytree(small_model.saved_model, base_path / f".stage-{version}")
            (base_path / f".stage-{version}").rename(base_path / str(version))
            wait_for(lambda version=version: client.status("small").get(version) == "AVAILABLE")
            wanted = len(answered) + 20
            wait_for(lambda wanted=wanted: len(answered) >= wanted or failures)
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures


def start_server(base_path, *flags):
    command = [sys.executable, "-m", "serving.server", "--model_name", "small", "--model_base_path", str(base_path)]
    return subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_command_line_server_prints_its_address_and_drains_on_sigterm(base_path):
    wrong = start_server(base_path, "--port", "99999")
    assert "--port: must be at least 0 and at most 65535" in wrong.communicate(timeout=60)[1]
    assert wrong.returncode == 2
    process = start_server(base_path, "--port", "0")
    line = process.stdout.readline()
    assert line.startswith("serving small at 127.0.0.1:")
    port = line.rsplit(":", 1)[1].strip()
    with Client(f"127.0.0.1:{port}") as client:
        assert client.predict("small", [{"fare": 1.0}])["probability"].shape == (1, 1)
    taken = start_server(base_path, "--port", port)
    _, error = taken.communicate(timeout=60)
    assert taken.returncode == 1
    assert f"127.0.0.1:{port} cannot be bound; is another server running?" in error
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    assert process.stderr.read() == ""


def test_the_client_s_messages_are_those_of_the_installed_package():
    assert descriptors.build() == DESCRIPTOR_SET.read_bytes(), "run `python -m serving.client.messages.descriptors`"
