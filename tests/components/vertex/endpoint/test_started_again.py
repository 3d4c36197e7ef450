"""A push that is started again: uploads and deployments that are done, under way or have failed."""

from __future__ import annotations

import pytest

from components.vertex.endpoint import calls
from components.vertex.endpoint.calls import DeploymentFailed
from tests.components.vertex.endpoint.pushing import FIRST, PARENT, deployed, endpoint_of, push
from tests.kubeflow.fakes.vertex import FakeVertex, refusal

pytestmark = pytest.mark.tensorflow


def test_the_same_version_is_not_deployed_twice(service):
    push()
    target = push()
    assert len(service.requests("models:upload")) == 1
    assert len(service.requests("deployModel")) == 1
    assert target.get_int_custom_property("newly_deployed") == 0
    assert target.get_string_custom_property("deployed_model_id") == str(FIRST)


def _die_in(service: FakeVertex, call: str, kind: str, *, requests: int) -> None:
    """Push the next version with a task that ends after ``call``, whose operation continues."""
    service.lasts[kind] = requests
    service.plant(call, refusal(503, "the answer is lost"), after=True)
    with pytest.raises(DeploymentFailed, match="503 the answer is lost"):
        push(FIRST + 1, traffic_percent=10)
    service.lasts.clear()


def test_a_deployment_that_is_under_way_is_waited_for(service, monkeypatch):
    monkeypatch.setattr(calls, "_POLL_SECONDS", 0.01)
    push()
    _die_in(service, "deployModel", "deployModel", requests=12)
    target = push(FIRST + 1, traffic_percent=10)
    assert deployed(service) == [str(FIRST), str(FIRST + 1)]
    assert endpoint_of(service)["trafficSplit"] == {str(FIRST): 90, str(FIRST + 1): 10}
    assert len(service.requests("models:upload")) == 2
    assert target.get_string_custom_property("deployed_model_id") == str(FIRST + 1)


def test_a_deployment_under_way_that_fails_is_made_again(service, monkeypatch):
    monkeypatch.setattr(calls, "_POLL_SECONDS", 0.01)
    push()
    _die_in(service, "deployModel", "deployModel", requests=12)
    service.operation_errors["deployModel"] = [{"code": 8, "message": "No n1-standard-4 left."}]
    push(FIRST + 1, traffic_percent=10)
    assert endpoint_of(service)["trafficSplit"] == {str(FIRST): 90, str(FIRST + 1): 10}


def test_a_deployment_that_never_ends_is_given_up(service, monkeypatch):
    monkeypatch.setattr(calls, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(calls, "DEPLOY_SECONDS", 0.1)
    push()
    service.plant("deployModel", refusal(409, f"deployed model {FIRST + 1} already exists"), times=1000)
    with pytest.raises(DeploymentFailed, match="409 deployed model .* already exists"):
        push(FIRST + 1)
    assert deployed(service) == [str(FIRST)]


def test_an_id_that_another_model_has_is_not_waited_for(service):
    push()
    stranger = {"id": str(FIRST + 1), "model": "projects/1/locations/europe-west4/models/other"}
    endpoint_of(service)["deployedModels"].append({**stranger, "modelVersionId": "1"})
    with pytest.raises(DeploymentFailed, match=f"another model is deployed there with the id {FIRST + 1}"):
        push(FIRST + 1)


@pytest.mark.parametrize("first", [True, False], ids=["first", "next"])
def test_an_upload_that_is_under_way_is_waited_for(service, monkeypatch, first):
    monkeypatch.setattr(calls, "_POLL_SECONDS", 0.01)
    if not first:
        push()
    _die_in(service, "models:upload", "uploadModel", requests=12)
    push(FIRST + 1)
    versions = [each["versionAliases"][0] for each in service.models[f"{PARENT}/models/taxi"]]
    assert versions == ([] if first else [f"v{FIRST}"]) + [f"v{FIRST + 1}"]
    assert len(service.requests("models:upload")) == len(versions)
    assert str(FIRST + 1) in deployed(service)


def test_a_first_upload_that_is_refused_for_one_under_way_is_waited_for(service, monkeypatch):
    monkeypatch.setattr(calls, "_POLL_SECONDS", 0.01)
    _die_in(service, "models:upload", "uploadModel", requests=12)
    service.plant("GET .*/models/taxi/operations", refusal(404, "not found yet"))
    push(FIRST + 1)
    assert len(service.models[f"{PARENT}/models/taxi"]) == 1
    assert deployed(service) == [str(FIRST + 1)]


def test_an_upload_that_never_ends_is_given_up(service, monkeypatch):
    monkeypatch.setattr(calls, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(calls, "UPLOAD_SECONDS", 0.1)
    _die_in(service, "models:upload", "uploadModel", requests=1_000_000)
    with pytest.raises(DeploymentFailed, match="models/taxi: an upload: still under way"):
        push(FIRST + 1)
    assert len(service.requests("models:upload")) == 1


def test_a_failed_deployment_leaves_the_traffic_and_the_second_try_uses_the_upload(service):
    push()
    service.operation_errors["deployModel"] = [{"code": 8, "message": "No n1-standard-4 left in europe-west4."}]
    with pytest.raises(DeploymentFailed) as caught:
        push(FIRST + 1)
    text = str(caught.value)
    assert "No n1-standard-4 left in europe-west4" in text
    assert "its traffic is unchanged" in text
    assert "quota" in text
    assert endpoint_of(service)["trafficSplit"] == {str(FIRST): 100}
    push(FIRST + 1)
    assert len(service.requests("models:upload")) == 2
    assert endpoint_of(service)["trafficSplit"] == {str(FIRST + 1): 100}
