"""Endpoints that Vertex takes are no violation; see tests/kubeflow/lint/vertex/endpoint.py for the faults."""

import json
import re
from pathlib import Path

import pytest
import yaml

from kubeflow.lint import lint
from tests.kubeflow.lint import pipelines
from tests.kubeflow.lint.vertex.endpoint import with_endpoint


def test_the_documented_endpoint_has_no_violations():
    blocks = re.findall(r"```yaml\n(.*?)```", Path("docs/vertex.md").read_text(), flags=re.DOTALL)
    endpoint = next(found["endpoint"] for block in blocks if (found := yaml.safe_load(block)["platform"]))
    config = pipelines.config("vertex", f"platform.endpoint={json.dumps(endpoint)}")
    assert config.platform.endpoint.serving_image.endswith(":latest")
    assert lint(pipelines.compiled("vertex"), config) == []


@pytest.mark.parametrize("machine", ["c4-standard-8", "ct6e-standard-4t"])
def test_an_unknown_family_is_the_platform_s_to_judge(machine):
    config = pipelines.config("vertex", *with_endpoint(f"machine_type: {machine}"))
    assert lint(pipelines.compiled("vertex"), config) == []
