"""GetModelStatus, and which versions a policy serves (model_servers/get_model_status_impl_test.cc)."""

from __future__ import annotations

import pytest
from grpc import StatusCode
from tensorflow_serving.apis import get_model_status_pb2

from tests.conformance.calls import SECONDS, predict_request, refused, spec, tensor, values_of
from tests.conformance.models import HALF_PLUS_TWO, NEWEST_TWO, ONLY_FIRST, STABLE, VERSIONED, VERSIONS

pytestmark = [pytest.mark.tensorflow, pytest.mark.source("model_servers/get_model_status_impl_test.cc")]

AVAILABLE = get_model_status_pb2.ModelVersionStatus.AVAILABLE
X = tensor([2.0])


def ask(management, model):
    request = get_model_status_pb2.GetModelStatusRequest(model_spec=model)
    return management.GetModelStatus(request, SECONDS).model_version_status


@pytest.mark.parametrize("model", [spec(HALF_PLUS_TWO), spec(HALF_PLUS_TWO, version=123)], ids=["all", "one"])
def test_a_folder_with_zeros_before_its_number(management, model):
    (status,) = ask(management, model)
    assert (status.version, status.state) == (123, AVAILABLE)
    assert (status.status.error_code, status.status.error_message) == (0, "")


@pytest.mark.parametrize(
    ("model", "versions"),
    [(VERSIONED, [3, 2, 1]), (NEWEST_TWO, [3, 2]), (ONLY_FIRST, [1])],
    ids=["all", "latest 2", "specific"],
)
def test_the_versions_of_a_policy_newest_first(management, model, versions):
    """Only children with integer names are versions; a missing version in the policy is none either."""
    assert [status.version for status in ask(management, spec(model)) if status.state == AVAILABLE] == versions


def test_of_one_version(management):
    assert [status.version for status in ask(management, spec(VERSIONED, version=2))] == [2]


@pytest.mark.deviation("status_label")
def test_of_a_label(management):
    found = [status.version for status in ask(management, spec(VERSIONED, label="stable"))]
    assert found in ([3, 2, 1], [STABLE])


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_answers_for_itself(prediction, version):
    answer = prediction.Predict(predict_request(spec(VERSIONED, version=version), x=X), SECONDS)
    assert values_of(answer.outputs["y"]) == [1.0 + VERSIONS[version]]
    assert answer.model_spec.version.value == version


@pytest.mark.parametrize(("model", "version"), [(VERSIONED, 3), (NEWEST_TWO, 3), (ONLY_FIRST, 1)])
def test_the_latest_is_the_default(prediction, model, version):
    answer = prediction.Predict(predict_request(spec(model), x=X), SECONDS)
    assert (answer.model_spec.version.value, values_of(answer.outputs["y"])) == (version, [1.0 + VERSIONS[version]])


@pytest.mark.parametrize(("model", "version"), [(NEWEST_TWO, 1), (ONLY_FIRST, 3), (ONLY_FIRST, 77)])
def test_a_version_that_the_policy_leaves_out(prediction, model, version):
    with refused(StatusCode.NOT_FOUND, f"Servable not found for request: Specific({model}, {version})"):
        prediction.Predict(predict_request(spec(model, version=version), x=X), SECONDS)


@pytest.mark.parametrize(
    ("model", "code", "text"),
    [
        (None, StatusCode.INVALID_ARGUMENT, "Missing ModelSpec"),
        (spec("nobody"), StatusCode.NOT_FOUND, "Could not find any versions of model nobody"),
        (spec("nobody", version=1), StatusCode.NOT_FOUND, "Could not find version 1 of model nobody"),
        (spec(HALF_PLUS_TWO, version=1), StatusCode.NOT_FOUND, "Could not find version 1 of model half_plus_two"),
    ],
    ids=["no spec", "unknown", "unknown by version", "unknown version"],
)
def test_refused_models(management, model, code, text):
    with refused(code, text):
        ask(management, model)
