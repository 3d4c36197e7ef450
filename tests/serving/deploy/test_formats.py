from typing import Any, Literal

import kubernetes_validate
import pytest
import yaml
from compose_spec import PyCompose
from google.protobuf import text_format
from pydantic import BaseModel, ConfigDict, Field
from tensorflow_serving.config import model_server_config_pb2

from serving.config_protos import batching_parameters, monitoring_config
from tests.serving.deploy.deploy_options import OPTIONS, VERSIONS, assert_hardened, objects, rendered


@pytest.fixture(params=OPTIONS)
def files(request, taxi_config) -> dict[str, str]:
    return rendered(taxi_config, OPTIONS[request.param])


@pytest.mark.parametrize(
    ("options", "base_path", "policy", "labels"),
    [
        ({}, "/models/taxi", "latest { num_versions: 1 }", {}),
        ({"versions": {"latest": 2}}, "/models/taxi", "latest { num_versions: 2 }", {}),
        (OPTIONS["everything"], "/models/taxi", "specific { versions: 3 versions: 7 }", {"stable": 3, "canary": 7}),
        (OPTIONS["bucket"], "gs://bucket/models/taxi", "latest { num_versions: 2 }", {}),
    ],
)
def test_models_config_is_a_model_server_config_without_logging(taxi_config, options, base_path, policy, labels):
    files = rendered(taxi_config, options)
    (text,) = (
        item["data"]["models.config"] for item in objects(files).values() if "models.config" in item.get("data", {})
    )
    local = files["compose/config/models.config"]
    for content, path in ((text, base_path), (local, "/models/taxi")):
        config = text_format.Parse(content, model_server_config_pb2.ModelServerConfig())
        (model,) = config.model_config_list.config
        assert (model.name, model.base_path, model.model_platform) == ("taxi", path, "tensorflow")
        assert text_format.MessageToString(model.model_version_policy, as_one_line=True) == policy
        assert dict(model.version_labels) == labels
        assert not model.HasField("logging_config")


def test_settings_are_what_the_server_reads(taxi_config):
    files = rendered(taxi_config, OPTIONS["everything"])
    for folder in (
        files,
        next(item for item in objects(files).values() if "monitoring.config" in item.get("data", {})),
    ):
        texts = folder.get("data") or {path.rpartition("/")[2]: text for path, text in folder.items()}
        monitoring = text_format.Parse(texts["monitoring.config"], monitoring_config()())
        assert monitoring.prometheus_config.enable
        batching = text_format.Parse(texts["batching.config"], batching_parameters()())
        assert (batching.max_batch_size.value, list(batching.allowed_batch_sizes)) == (32, [8, 32])
        assert batching.batch_timeout_micros.value == 1000
        assert batching.pad_variable_length_inputs


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Model(Strict):
    """What of ModelSpec we use; the rest of it is a container (kserve, pkg/apis/serving/v1beta1/predictor_model.go)."""

    modelFormat: dict[Literal["name", "version"], str]
    runtime: str
    storageUri: str = Field(pattern=r"^(pvc|gs|s3)://[^/]+/.*taxi$")


class Predictor(Strict):
    """What of ComponentExtensionSpec we use; the rest of a predictor is a pod's spec (component.go, predictor.go)."""

    minReplicas: int = Field(ge=0)
    maxReplicas: int = Field(ge=0)
    scaleTarget: int
    timeout: int


class InferenceService(Strict):
    apiVersion: Literal["serving.kserve.io/v1beta1"]
    kind: Literal["InferenceService"]
    metadata: dict[Literal["name", "annotations"], Any]
    spec: dict[Literal["predictor"], dict[str, Any]]


def split(keys: type[BaseModel], tree: dict[str, Any]) -> dict[str, Any]:
    """Check the keys that ``keys`` knows, and return the others."""
    keys.model_validate({key: value for key, value in tree.items() if key in keys.model_fields})
    return {key: value for key, value in tree.items() if key not in keys.model_fields}


def test_inference_service_is_kserves_fields_around_a_valid_pod(files):
    (service,) = objects(files, "kserve").values()
    pod = split(Predictor, InferenceService.model_validate(service).spec["predictor"])
    container = split(Model, pod.pop("model")) | {"name": "kserve-container"}
    manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": pod | {"containers": [container]}}
    for version in VERSIONS:
        kubernetes_validate.validate(manifest, version, strict=True)
    assert_hardened(container["securityContext"])
    assert "env" not in container
    assert container["ports"] == [{"name": "h2c", "containerPort": 9000, "protocol": "TCP"}]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def test_kserve_scales_deployments_on_cpu(files):
    """Without the annotations a cluster with Knative takes its own mode, which knows no CPU."""
    (service,) = objects(files, "kserve").values()
    annotations = service["metadata"]["annotations"]
    assert annotations["serving.kserve.io/deploymentMode"] == "RawDeployment"
    assert annotations["serving.kserve.io/autoscalerClass"] == "hpa"
    predictor = service["spec"]["predictor"]
    assert 1 <= predictor["scaleTarget"] <= 100
    # KServe 0.16 refuses scaleMetric: cpu under this name of the mode; every version uses the CPU by default.
    assert "scaleMetric" not in predictor


@pytest.mark.parametrize(
    ("options", "uri"),
    [
        ({}, "pvc://models/taxi"),
        (OPTIONS["bucket"], "gs://bucket/models/taxi"),
        (OPTIONS["everything"], "s3://bucket/models/taxi"),
        ({"models": {"host_path": "/srv"}}, None),
    ],
)
def test_kserve_gets_the_models_from_where_it_can_reach_them(taxi_config, options, uri):
    found = [item["spec"]["predictor"]["model"] for item in objects(rendered(taxi_config, options), "kserve").values()]
    assert [model["storageUri"] for model in found] == ([uri] if uri else [])


def test_compose_file_fits_the_specification(files):
    text = files["compose/compose.yaml"]
    assert PyCompose.from_yaml(text).service_names() == ["server"]
    with pytest.raises(ValueError, match="readonly"):
        PyCompose.from_yaml(text.replace("\n    read_only:", "\n    readonly:"))
    server = yaml.safe_load(text)["services"]["server"]
    user, group = server["user"].split(":")
    assert int(user) == int(group) > 0
    assert server["read_only"] is True
    # No log level is set: loaded versions are logged at the lowest one.
    assert "environment" not in server
    assert (server["cap_drop"], server["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert all(volume["read_only"] for volume in server["volumes"])
    assert set(server["deploy"]["resources"]["limits"]) == {"cpus", "memory"}


def test_compose_mounts_the_runs_own_folder_and_publishes_to_this_machine(taxi_config, tmp_path):
    folder = tmp_path / "a$b"
    server = yaml.safe_load(rendered(taxi_config, runs=folder)["compose/compose.yaml"])["services"]["server"]
    assert server["volumes"][0]["source"] == f"{tmp_path}/a$$b/taxi/serving"
    assert server["ports"] == ["127.0.0.1:8500:8500", "127.0.0.1:8501:8501"]
    limits = rendered(taxi_config, OPTIONS["everything"])["compose/compose.yaml"]
    limits = yaml.safe_load(limits)["services"]["server"]["deploy"]["resources"]["limits"]
    assert limits == {"cpus": "1.5", "memory": "1g"}
