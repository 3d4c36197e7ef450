"""EndpointPusher: what is sent, who gets the traffic, what is refused, and its place in the pipeline."""

from __future__ import annotations

import json
import socket
from contextlib import closing

import pytest

from components.refusal import GateRefused
from components.vertex.api import ENDPOINT_VARIABLE
from components.vertex.endpoint.calls import DeploymentFailed
from components.vertex.endpoint.traffic import traffic_split
from pipeline.config.loading import ConfigError
from tests.components.vertex.endpoint.pushing import FIRST, KEY, PARENT, deployed, endpoint_of, push
from tests.kubeflow.fakes.vertex import refusal
from tests.kubeflow.submit.submissions import config

pytestmark = pytest.mark.tensorflow


def test_the_first_version_gets_a_model_an_endpoint_and_all_the_traffic(service):
    target = push(
        key=KEY,
        machine_type="n1-standard-8",
        accelerator={"type": "NVIDIA_TESLA_T4", "count": 2},
        min_replicas=2,
        max_replicas=5,
        traffic_percent=10,
    )
    (upload,) = service.requests("models:upload")
    assert upload.body["modelId"] == "taxi"
    assert upload.body["model"] == {
        "displayName": "Taxi",
        "artifactUri": f"gs://b/serving/taxi/{FIRST}",
        "containerSpec": {"imageUri": "image:1"},
        "versionAliases": [f"v{FIRST}", "default"],
        "encryptionSpec": {"kmsKeyName": KEY},
    }
    (create,) = service.requests("POST .*/endpoints$")
    assert create.body == {"displayName": "Taxi tips", "encryptionSpec": {"kmsKeyName": KEY}}
    (deploy,) = service.requests("deployModel")
    assert deploy.body["deployedModel"] == {
        "id": str(FIRST),
        "model": f"{PARENT}/models/taxi@1",
        "displayName": f"Taxi-{FIRST}",
        "dedicatedResources": {
            "machineSpec": {"machineType": "n1-standard-8", "acceleratorType": 5, "acceleratorCount": 2},
            "minReplicaCount": 2,
            "maxReplicaCount": 5,
        },
    }
    assert endpoint_of(service)["trafficSplit"] == {str(FIRST): 100}
    assert target.get_string_custom_property("model") == f"{PARENT}/models/taxi@1"
    assert target.get_string_custom_property("endpoint") == endpoint_of(service)["name"]
    assert target.get_string_custom_property("deployed_model_id") == str(FIRST)
    assert target.get_int_custom_property("newly_deployed") == 1


def test_a_key_that_is_not_given_is_not_sent(service):
    push()
    assert "encryptionSpec" not in service.requests("models:upload")[0].body["model"]
    assert "encryptionSpec" not in service.requests("POST .*/endpoints$")[0].body


def test_what_was_not_pushed_is_refused_before_anything_is_asked(service):
    with pytest.raises(GateRefused, match="did not push"):
        push(pushed=0)
    assert not service.asked


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("GET .*/models/", "cannot register version"),
        ("models:upload", "cannot register version"),
        ("GET .*/endpoints", "cannot get or create endpoint 'Taxi tips'"),
        ("POST .*/endpoints$", "cannot get or create endpoint 'Taxi tips'"),
        ("deployModel", "cannot deploy version"),
        ("GET .*/operations/", "cannot register version"),
    ],
)
def test_a_missing_permission_says_where_and_which(service, pattern, said):
    service.plant(pattern, refusal(403, "Permission 'aiplatform.some.thing' denied."))
    with pytest.raises(DeploymentFailed) as caught:
        push()
    text = str(caught.value)
    assert said in text
    assert "grant roles/aiplatform.user, which holds aiplatform.some.thing, in project my-project" in text
    assert len(text.splitlines()) <= 2


def test_two_endpoints_of_one_name_are_not_guessed_at(service):
    push()
    service.endpoints["other"] = {**endpoint_of(service), "name": f"{PARENT}/endpoints/other"}
    with pytest.raises(DeploymentFailed, match="this name has 2 endpoints .*rename all but one"):
        push(FIRST + 1)


def test_a_version_that_came_from_elsewhere_is_not_taken_for_this_one(service):
    push()
    with pytest.raises(DeploymentFailed, match="was registered from gs://b/serving/taxi"):
        push(folder="gs://other/serving/taxi")


def test_an_accelerator_that_vertex_does_not_know(service):
    with pytest.raises(DeploymentFailed, match="Vertex has no 'nvidia.com/gpu'; it has NVIDIA_TESLA_K80"):
        push(accelerator={"type": "nvidia.com/gpu"})
    assert not service.asked


def test_a_port_where_nothing_listens(monkeypatch):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv(ENDPOINT_VARIABLE, f"http://127.0.0.1:{port}")
    with pytest.raises(DeploymentFailed, match="connection refused"):
        push()


def test_the_node_stands_after_the_pusher_with_the_profiles_options():
    from pipeline import dag

    options = 'platform.endpoint={"display_name": "Taxi tips", "serving_image": "image:1", "keep": 3}'
    nodes = dag.nodes(config("vertex", options, f"platform.encryption_key={KEY}"))
    node = nodes["EndpointPusher"]
    assert node.inputs["pushed_model"] is nodes["Pusher"].outputs["pushed_model"]
    properties = node.exec_properties
    assert json.loads(properties["options"])["keep"] == 3
    assert properties["encryption_key"] == KEY
    assert properties["region"] == "europe-west4"
    assert "EndpointPusher" in nodes.uncached


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ['platform.endpoint={"display_name": "x", "serving_image": "i", "min_replicas": 3}'],
            "min_replicas: 3 is above",
        ),
        (
            ['platform.endpoint={"display_name": "x", "serving_image": "i"}', "platform.serving=/models"],
            "must be a gs:// folder, since an endpoint reads it",
        ),
    ],
)
def test_an_endpoint_that_cannot_work_is_refused_with_the_configuration(words, said):
    with pytest.raises(ConfigError, match=said):
        config("vertex", *words)


def test_the_compiled_node_runs_after_the_pusher_and_is_never_cached():
    from kubeflow.ir.compiler import compile_pipeline

    endpoint = "platform.endpoint={display_name: taxi, serving_image: image}"
    task = compile_pipeline(config("vertex", endpoint)).tasks()["EndpointPusher"]
    assert (task["dependentTasks"], task["cachingOptions"]) == (["Pusher"], {})


def test_the_next_version_joins_the_model_and_takes_its_share(service):
    push()
    push(FIRST + 1, traffic_percent=20)
    uploads = service.requests("models:upload")
    assert uploads[1].body["parentModel"] == f"{PARENT}/models/taxi"
    assert "modelId" not in uploads[1].body
    assert [version["versionId"] for version in service.models[f"{PARENT}/models/taxi"]] == ["1", "2"]
    assert endpoint_of(service)["trafficSplit"] == {str(FIRST): 80, str(FIRST + 1): 20}


@pytest.mark.parametrize(("keep", "left"), [(0, [3]), (1, [2, 3]), (2, [1, 2, 3])])
def test_former_versions_beyond_keep_are_undeployed_the_oldest_first(service, keep, left):
    for number in range(4):
        push(FIRST + number, keep=keep)
    assert deployed(service) == [str(FIRST + number) for number in left]
    assert endpoint_of(service)["trafficSplit"] == {str(FIRST + 3): 100}


def test_a_version_with_traffic_and_another_model_are_never_undeployed(service):
    push()
    stranger = {"id": "7", "model": "projects/1/locations/europe-west4/models/other", "modelVersionId": "1"}
    endpoint_of(service)["deployedModels"].append({**stranger, "createTime": "2020-01-01T00:00:00Z"})
    push(FIRST + 1, traffic_percent=50, keep=0)
    assert deployed(service) == [str(FIRST), "7", str(FIRST + 1)]


@pytest.mark.parametrize(
    ("before", "percent", "after"),
    [
        ({}, 10, {"0": 100}),
        ({"1": 0}, 10, {"0": 100}),
        ({"1": 100}, 100, {"0": 100}),
        ({"1": 100}, 10, {"0": 10, "1": 90}),
        ({"1": 90, "2": 10}, 10, {"0": 10, "1": 90}),
        ({"1": 10, "2": 90, "3": 0}, 20, {"0": 20, "2": 80}),
        ({"9": 50, "10": 50}, 50, {"0": 50, "10": 50}),
    ],
)
def test_the_rest_of_the_traffic_goes_to_the_one_with_the_largest_share(before, percent, after):
    assert traffic_split(before, percent=percent) == after


def test_canaries_do_not_pile_up(service):
    for number in range(6):
        push(FIRST + number, traffic_percent=10)
    assert endpoint_of(service)["trafficSplit"] == {str(FIRST): 90, str(FIRST + 5): 10}
    assert deployed(service) == [str(FIRST), str(FIRST + 4), str(FIRST + 5)]


def test_of_equal_shares_the_last_deployed_gets_the_rest(service):
    push(FIRST + 2)
    push(FIRST + 1, traffic_percent=50)
    endpoint_of(service)["deployedModels"].reverse()
    push(FIRST + 3, traffic_percent=50)
    assert endpoint_of(service)["trafficSplit"] == {str(FIRST + 1): 50, str(FIRST + 3): 50}


def test_traffic_that_somebody_rolled_back_stays_so(service):
    push()
    push(FIRST + 1)
    endpoint_of(service)["trafficSplit"] = {str(FIRST): 100}
    push(FIRST + 1)
    assert endpoint_of(service)["trafficSplit"] == {str(FIRST): 100}
