import copy

import kubernetes_validate
import pytest

from tests.serving.deploy.deploy_options import OPTIONS, VERSIONS, assert_hardened, objects, rendered


@pytest.fixture(params=OPTIONS)
def files(request, taxi_config) -> dict[str, str]:
    return rendered(taxi_config, OPTIONS[request.param])


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_fits_its_kubernetes_schema(files, version):
    found = objects(files)
    assert {kind.split()[0] for kind in found} >= {
        "ConfigMap",
        "Deployment",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
    }
    for item in found.values():
        # Raises where it knows no schema, so that nothing passes unseen.
        assert kubernetes_validate.validate(item, version, strict=True) == version


def test_the_schemas_refuse_a_misspelt_key_and_an_unknown_kind(taxi_config):
    item = copy.deepcopy(objects(rendered(taxi_config))["Deployment taxi-serving"])
    item["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readinesProbe"):
        kubernetes_validate.validate(item, VERSIONS[0], strict=True)
    with pytest.raises(kubernetes_validate.SchemaNotFoundError):
        kubernetes_validate.validate(item | {"kind": "InferenceService"}, VERSIONS[0], strict=True)


def test_objects_find_each_other(files):
    found = objects(files)
    (deployment,) = (item for kind, item in found.items() if kind.startswith("Deployment"))
    name, pod = deployment["metadata"]["name"], deployment["spec"]["template"]
    labels = pod["metadata"]["labels"]
    (container,) = pod["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert found[f"PodDisruptionBudget {name}"]["spec"]["selector"]["matchLabels"] == labels
    assert found[f"NetworkPolicy {name}"]["spec"]["podSelector"]["matchLabels"] == labels
    for service, port, number in ((name, "grpc", 8500), (f"{name}-rest", "rest", 8501)):
        spec = found[f"Service {service}"]["spec"]
        assert spec["selector"] == labels
        assert [item["targetPort"] for item in spec["ports"]] == [port]
        assert ports[port] == spec["ports"][0]["port"] == number
    assert found[f"Service {name}"]["spec"]["clusterIP"] == "None"
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["httpGet"] == {"path": "/v1/models/taxi", "port": "rest"}
    assert container["livenessProbe"]["tcpSocket"] == {"port": "grpc"}


def test_the_autoscaler_alone_counts_the_pods_where_there_is_one(taxi_config):
    found = objects(rendered(taxi_config))
    scaler = found["HorizontalPodAutoscaler taxi-serving"]["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 6)
    assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "taxi-serving"}
    assert "replicas" not in found["Deployment taxi-serving"]["spec"]
    fixed = objects(rendered(taxi_config, {"replicas": {"min": 4, "max": 4}}))
    assert "HorizontalPodAutoscaler taxi-serving" not in fixed
    assert fixed["Deployment taxi-serving"]["spec"]["replicas"] == 4


def test_every_file_that_a_flag_names_is_mounted(files):
    found = objects(files)
    (pod,) = (item["spec"]["template"]["spec"] for kind, item in found.items() if kind.startswith("Deployment"))
    (container,) = pod["containers"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert set(volumes) == {mount["name"] for mount in mounts.values()}
    sources = volumes[mounts["/etc/tensorflow-serving"]["name"]]["projected"]["sources"]
    available = {key for source in sources for key in found[f"ConfigMap {source['configMap']['name']}"]["data"]}
    flags = dict(flag.removeprefix("--").split("=", 1) for flag in container["args"])
    named = {value for name, value in flags.items() if name.endswith("_file")}
    assert named == {f"/etc/tensorflow-serving/{name}" for name in available}
    assert {path for path in files if path.startswith("compose/config/")} == {
        f"compose/config/{name}" for name in available
    }
    assert all(mount.get("readOnly") for path, mount in mounts.items() if path != "/tmp")


def test_pods_may_do_little_and_end_after_their_clients_have_left(files):
    (pod,) = (item["spec"]["template"]["spec"] for kind, item in objects(files).items() if kind.startswith("Deploym"))
    (container,) = pod["containers"]
    assert_hardened(container["securityContext"])
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"] > 0
    assert "env" not in container
    assert pod["automountServiceAccountToken"] is False
    assert set(container["resources"]["requests"]) == set(container["resources"]["limits"]) == {"cpu", "memory"}
    command, seconds = container["lifecycle"]["preStop"]["exec"]["command"]
    assert command == "sleep"
    assert int(seconds) < pod["terminationGracePeriodSeconds"]
    (channel,) = (flag for flag in container["args"] if flag.startswith("--grpc_channel_arguments="))
    assert "grpc.max_connection_age_ms=20000" in channel


def test_only_clients_and_prometheus_come_in_and_only_a_bucket_is_reached(taxi_config):
    closed = objects(rendered(taxi_config))["NetworkPolicy taxi-serving"]["spec"]
    assert closed["policyTypes"] == ["Ingress", "Egress"]
    assert closed["egress"] == []
    (rule,) = closed["ingress"]
    assert rule["from"] == [{"podSelector": {"matchLabels": {"taxi-serving-client": "true"}}}]
    assert [port["port"] for port in rule["ports"]] == [8500, 8501]

    scraped = objects(rendered(taxi_config, OPTIONS["everything"]))
    _, rule = scraped["NetworkPolicy trips"]["spec"]["ingress"]
    assert rule["from"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "monitoring"}
    assert [port["port"] for port in rule["ports"]] == [8501]
    annotations = scraped["Deployment trips"]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/path"] == "/monitoring/prometheus/metrics"

    bucket = objects(rendered(taxi_config, OPTIONS["bucket"]))
    ports = {port["port"] for rule in bucket["NetworkPolicy taxi-serving"]["spec"]["egress"] for port in rule["ports"]}
    assert ports == {53, 80, 443, 988}
    assert bucket["Deployment taxi-serving"]["spec"]["template"]["spec"]["serviceAccountName"] == "reader"


def test_settings_replace_the_pods_and_versions_do_not(taxi_config):
    def digest(options):
        pod = objects(rendered(taxi_config, options))["Deployment taxi-serving"]["spec"]["template"]
        return pod["metadata"]["annotations"]["settings-sha256"]

    assert digest(None) == digest({"versions": {"latest": 3}})
    assert digest(None) != digest({"batching": {"max_batch_size": 8}})
