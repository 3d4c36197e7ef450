import subprocess
import sys

import pytest
import yaml

from pipeline import cli
from pipeline.config.loading import ConfigError
from tests.serving.deploy.deploy_options import rendered


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": "tensorflow/serving:latest"}, "image: .*changes over time"),
        ({"image": "localhost:5000/serving"}, "image: .*name a version"),
        ({"image": "tensorflow/serving@sha256:12"}, "image: .*64 hexadecimal"),
        ({"name": "Taxi"}, "name: .*lower-case"),
        ({"models": {}}, "models: needs one of claim, host_path and uri, got none"),
        ({"models": {"claim": "a", "uri": "gs://b"}}, "models: .*got claim and uri"),
        ({"models": {"uri": "s3://bucket"}}, r"models.uri: .*serving#1963"),
        ({"models": {"uri": "gs://"}}, "models.uri: .*name a bucket"),
        ({"models": {"host_path": "models"}}, "models.host_path: .*absolute"),
        ({"versions": {"latest": 1, "specific": [2]}}, "versions: .*exclude"),
        ({"versions": {"specific": [2], "labels": {"stable": 3}}}, "versions: labels.stable: 3 is not among specific"),
        ({"batching": {"max_batch_size": 8, "allowed_batch_sizes": [4, 6]}}, "batching: .*must equal max_batch_size"),
        ({"replicas": {"min": 7}}, "replicas: max \\(6\\) is below min \\(7\\)"),
        ({"resources": {"limits": {"cpu": "1", "memory": "1Gb"}}}, "resources.limits.memory: .*512Mi"),
        ({"resources": {"limits": {"cpu": "0.5", "memory": "2Gi"}}}, "resources: requests.cpu is above"),
        ({"resources": {"limits": {"cpu": "2", "memory": "1Gi"}}}, "resources: requests.memory is above"),
        ({"user": 0}, "user: .*greater than 0"),
        ({"drain_seconds": 5}, "drain_seconds: .*60"),
        ({"replica": 3}, "replica: unknown key; did you mean replicas?"),
    ],
)
def test_what_cannot_be_deployed_is_refused_by_its_key(taxi_config, options, message):
    with pytest.raises(ConfigError, match=r"serving\.deploy\." + message):
        rendered(taxi_config, options)


def test_files_go_to_the_run_folder_and_old_ones_go_away(tmp_path, capsys):
    words = ["deploy-files", "--set", f"runs={tmp_path}"]
    assert cli.main([*words, "--set", "serving.deploy.batching={max_batch_size: 4}"]) == 0
    folder = tmp_path / "taxi" / "deploy"
    printed = capsys.readouterr().out.split()
    assert sorted(printed) == sorted(str(path) for path in folder.rglob("*") if path.is_file())
    batching, scaler = folder / "compose/config/batching.config", folder / "kubernetes/autoscaler.yaml"
    assert batching.exists()
    assert scaler.exists()
    stranger = folder / "kubernetes" / "ingress.yaml"
    stranger.write_text("mine: true\n")
    assert cli.main([*words, "--set", "serving.deploy.replicas={min: 2, max: 2}"]) == 0
    assert not batching.exists()
    assert not scaler.exists()
    assert stranger.read_text() == "mine: true\n"


def test_versions_that_were_changed_since_are_kept(tmp_path, capsys):
    words = ["deploy-files", "--output", str(tmp_path), "--set"]
    assert cli.main([*words, "serving.deploy.versions={latest: 2}"]) == 0
    words.append("serving.deploy.versions={latest: 3}")
    assert cli.main(words) == 0
    config = tmp_path / "compose" / "config" / "models.config"
    changed = config.read_text().replace("num_versions: 3", "num_versions: 4")
    config.write_text(changed)
    capsys.readouterr()
    assert cli.main(words) == 0
    assert f"{config}: was edited and stays as it is" in capsys.readouterr().out
    assert config.read_text() == changed


def test_a_name_that_kubernetes_refuses_is_a_config_error(tmp_path, capsys):
    words = ["deploy-files", "--output", str(tmp_path), "--set", "serving.model_name=_t"]
    assert cli.main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("serving.model_name: '-t' must be")
    assert error.count("\n") == 1
    assert cli.main([*words, "--set", "serving.deploy.name=trips"]) == 0
    manifest = yaml.safe_load((tmp_path / "kserve" / "inference-service.yaml").read_text())
    assert manifest["metadata"]["name"] == "trips"


def test_nothing_heavy_is_imported(tmp_path):
    code = "import sys; from pipeline.cli import main; main(sys.argv[1:]); "
    code += "sys.exit(bool({'tensorflow', 'tfx', 'grpc'} & set(sys.modules)))"
    words = ["deploy-files", "--output", str(tmp_path)]
    assert subprocess.run([sys.executable, "-c", code, *words], capture_output=True).returncode == 0
