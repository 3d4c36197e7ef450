"""What the project itself compiles has no violations, once the profile's placeholders are replaced."""

import pytest

from kubeflow.ir.compiler import compile_pipeline
from kubeflow.lint import lint
from tests.kubeflow.lint import pipelines

pytestmark = pytest.mark.tensorflow

BUCKETS = (
    "platform.serving=gs://acme-models/serving",
    "platform.state=gs://acme-models/state",
    "platform.exit_handler.folder=gs://acme-models/state/ended",
)


@pytest.mark.parametrize("kind", pipelines.KINDS)
def test_the_compiled_pipeline_has_no_violations(kind):
    # Spans among it, which DataFingerprint finds on every platform.
    config = pipelines.config(kind, *BUCKETS, "data.files=day-{SPAN}/*.csv", "data.window=2")
    assert [str(violation) for violation in lint(compile_pipeline(config), config)] == []


def test_what_the_compiled_pipeline_lacks_is_found():
    config = pipelines.config("kubeflow", *BUCKETS, "platform.data=/home/me/trips")
    compiled = compile_pipeline(config)
    label = compiled.spec["components"]["Trainer"]["executorLabel"]
    compiled.spec["deploymentSpec"]["executors"][label]["container"]["image"] = "acme/tfx:latest"
    assert [violation.where for violation in lint(compiled, config)] == ["platform.data", "Trainer.image"]
    violations = lint(compiled, config, parameters={"data_path": "minio://acme/trips"})
    assert "ExampleGen.inputs.parameters.input_base" in [violation.where for violation in violations]
    assert len(violations) == 3
