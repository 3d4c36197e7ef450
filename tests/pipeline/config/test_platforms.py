"""The options of a platform: what is refused, and with which words."""

import pytest

from pipeline.config import loading
from tests.kubeflow.ir.golden_ir import PROFILES, config_of


@pytest.mark.parametrize("profile", PROFILES)
def test_the_shipped_profiles_are_valid(profile):
    assert config_of(profile).platform.kind == profile


@pytest.mark.parametrize(
    ("profile", "override", "message"),
    [
        ("kubeflow", "platform.kind=sagemaker", "platform"),
        ("kubeflow", "platform.root=/models", "platform.root: '/models' must begin with gs://"),
        ("kubeflow", "platform.serving=s3://bucket/serving", "must be a gs:// folder, or an absolute path"),
        ("kubeflow", "platform.zone=a", "unknown key"),
        ("kubeflow", "platform.default.memory=many", "'many' is not an amount of memory; write it as 16G or 512Mi"),
        ("kubeflow", "platform.default.retries=11", "less than or equal to 10"),
        ("kubeflow", "platform.parameters.rows=InfraValidator", "must be NODE.PROPERTY"),
        ("kubeflow", "platform.parameters.data=ExampleGen.input_base", "data_path and data set the same property"),
        ("kubeflow", "platform.volumes=[{claim: a, mount: /m}, {claim: b, mount: /m/}]", "two have the same mount"),
        ("kubeflow", "platform.volumes=[{claim: a, mount: /app}]", "'/app' would hide /app of the container"),
        ("kubeflow", "platform.volumes=[{claim: a, mount: /minio/x}]", "'/minio/x' would hide /minio"),
        ("kubeflow", "platform.volumes=[{claim: a, mount: /}]", "'/' would hide /app"),
        ("kubeflow", "platform.volumes=[{claim: a, mount: models}]", "'models' must be an absolute path"),
        ("kubeflow", "platform.secrets=[{name: hook, env: {}}]", "at least 1 item"),
        ("kubeflow", "platform.image=''", "platform.image: '' is empty; write a value, or leave the key out"),
        ("kubeflow", "platform.namespace=' '", "platform.namespace: ' ' is empty"),
        ("kubeflow", "platform.volumes=[{claim: '', mount: /m}]", "platform.volumes.0.claim: '' is empty"),
        ("kubeflow", "platform.secrets=[{name: hook, env: {url: ''}}]", "platform.secrets.0.env.url: '' is empty"),
    ],
)
def test_a_wrong_option_is_named(profile, override, message):
    with pytest.raises(loading.ConfigError) as error:
        config_of(profile, override)
    assert message in str(error.value)
    assert "vertex." not in str(error.value)


def test_places_lose_their_last_slash():
    assert config_of("kubeflow", "platform.root=gs://bucket/a/").platform.root == "gs://bucket/a"
