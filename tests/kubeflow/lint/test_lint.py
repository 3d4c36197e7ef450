"""Every rule finds its fault and nothing else; pipelines without faults give no findings."""

import ast
import importlib
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from kfp import compiler, dsl

from kubeflow.ir import pipeline_spec
from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint import _GROUPS, lint
from kubeflow.lint.profile import machines
from kubeflow.lint.spec import origin, references, schema
from tests.kubeflow.lint import pipelines
from tests.kubeflow.lint.faults import FAULTS, PLATFORM_SPEC_ON_VERTEX, Fault, with_endpoint

LIGHT = "import sys; from kubeflow.cli import main; code = main(sys.argv[1:]); "
LIGHT += "print('heavy' if {'tensorflow', 'tfx', 'apache_beam'} & set(sys.modules) else 'light'); sys.exit(code)"
_RULES = {
    f"{group.__name__.split('.')[-1]}.{rule.__name__}": rule
    for group in (schema, references, *_GROUPS, origin)
    for rule in group.RULES
}
RULES = set(_RULES)


@pytest.mark.parametrize("kind", ["vertex", "kubeflow"])
def test_a_clean_pipeline_has_no_findings(kind):
    assert lint(pipelines.compiled(kind), pipelines.config(kind)) == []


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_planted_fault_is_found_alone(fault: Fault):
    pipeline = pipelines.compiled(fault.kind)
    config = pipelines.config(fault.kind, *fault.overrides)
    fault.plant(pipeline)
    findings = lint(pipeline, config)
    assert [finding.where for finding in findings] == [fault.where], [str(finding) for finding in findings]
    assert fault.what in str(findings[0])
    module = fault.rule.split(".")[0]
    rule = _RULES[fault.rule]
    seen = pipeline if module == "schema" else schema.normalized(pipeline)
    assert list(rule(seen, config)) == findings


def test_a_platform_spec_does_not_go_to_vertex():
    pipeline = pipelines.compiled("vertex")
    pipeline = CompiledPipeline(spec=pipeline.spec, platform_spec=pipelines.volumes(["Transform"]))
    findings = lint(pipeline, pipelines.config("vertex"))
    assert [finding.where for finding in findings] == [PLATFORM_SPEC_ON_VERTEX.where]
    assert PLATFORM_SPEC_ON_VERTEX.what in findings[0].what


def test_every_rule_has_a_fault():
    assert {fault.rule for fault in (*FAULTS, PLATFORM_SPEC_ON_VERTEX)} == RULES


def test_every_rule_is_documented():
    rows = [line for line in Path("docs/lint.md").read_text().splitlines() if line.startswith("| `")]
    assert {row.split("`")[1] for row in rows} == RULES


def test_findings_come_in_the_order_of_the_pipeline():
    pipeline = pipelines.compiled("vertex")
    for node in ("Evaluator", "ExampleGen", "Transform"):
        pipeline.spec["deploymentSpec"]["executors"][f"{node}_executor"]["container"]["resources"] = {"cpuLimit": 97.0}
    findings = lint(pipeline, pipelines.config("vertex", "platform.project=my-project"))
    assert [finding.where.split(".")[0] for finding in findings] == ["platform", "ExampleGen", "Transform", "Evaluator"]


def test_the_documented_endpoint_has_no_findings():
    blocks = re.findall(r"```yaml\n(.*?)```", Path("docs/vertex.md").read_text(), flags=re.DOTALL)
    endpoint = next(found["endpoint"] for block in blocks if (found := yaml.safe_load(block)["platform"]))
    config = pipelines.config("vertex", f"platform.endpoint={json.dumps(endpoint)}")
    assert config.platform.endpoint.serving_image.endswith(":latest")
    assert lint(pipelines.compiled("vertex"), config) == []


@pytest.mark.parametrize("kind", ["vertex", "kubeflow"])
def test_a_value_for_a_run_is_judged_in_place_of_the_default(kind):
    pipeline, config = pipelines.compiled(kind), pipelines.config(kind)
    (finding,) = lint(pipeline, config, parameters={"data_path": "minio://acme/data"})
    assert str(finding).startswith("ExampleGen.inputs.parameters.input_base: minio://acme/data is in a store")
    assert lint(pipeline, config, parameters={"data_path": "gs://acme/data"}) == []
    pipeline.spec["root"]["inputDefinitions"]["parameters"]["data_path"]["defaultValue"] = "minio://acme/data"
    assert lint(pipeline, config, parameters={"data_path": "gs://acme/data"}) == []
    assert len(lint(pipeline, config)) == 1


def test_a_value_for_a_run_does_not_hide_a_broken_file():
    pipeline = pipelines.compiled("vertex")
    pipeline.spec["root"] = []
    findings = lint(pipeline, pipelines.config("vertex"), parameters={"data_path": "x"})
    assert findings == lint(pipeline, pipelines.config("vertex"))


@pytest.mark.parametrize("text", ["data/taxi", "gs://acme/data", "/tmp/x", "/gcs/acme/data"])
def test_paths_that_a_container_on_vertex_has(text):
    pipeline = pipelines.compiled("vertex")
    pipeline.spec["root"]["inputDefinitions"]["parameters"]["data_path"]["defaultValue"] = text
    assert lint(pipeline, pipelines.config("vertex")) == []


@pytest.mark.parametrize(
    "text",
    [
        "the password is in a secret",
        "trainer.run_fn.run_fn",
        "Visa/Mastercard",
        "8d5425a016757219" * 4,
        "https://acme.io/models",
        "//",
        "{not json",
    ],
)
def test_harmless_texts_are_left_alone(text):
    pipeline = pipelines.compiled("kubeflow")
    tasks = pipeline.spec["components"]["tfx-dag"]["dag"]["tasks"]
    tasks["Trainer"]["inputs"]["parameters"]["run_fn"] = pipelines.constant(text)
    assert lint(pipeline, pipelines.config("kubeflow")) == []


def test_numbers_become_texts_on_kubeflow():
    pipeline = pipelines.compiled("kubeflow")
    tasks = pipeline.spec["components"]["tfx-dag"]["dag"]["tasks"]
    tasks["Trainer"]["inputs"]["parameters"]["run_fn"] = pipelines.constant(3.0)
    assert lint(pipeline, pipelines.config("kubeflow")) == []


@pytest.mark.parametrize(
    ("machine", "accelerator", "count"),
    [
        ("n1-highmem-2", "NVIDIA_TESLA_V100", 8),
        ("n1-standard-96", "NVIDIA_TESLA_T4", 4),
        ("g2-standard-48", "NVIDIA_L4", 4),
        ("a3-highgpu-8g", "NVIDIA_H100_80GB", 8),
        ("cloud-tpu", "TPU_V3", 8),
        ("c2-standard-60", None, 0),
        ("n1-standard-2", None, 0),
        # Families and sizes that are not listed are the platform's to judge.
        ("ct6e-standard-4t", None, 0),
        ("ct5lp-hightpu-16t", "TPU_V5_LITEPOD", 16),
        ("c3d-standard-30", None, 0),
        ("c4-standard-8", None, 0),
        ("n4-highmem-16", None, 0),
        ("a3-highgpu-16g", "NVIDIA_H100_80GB", 16),
        ("a5-highgpu-4g", "NVIDIA_B200", 4),
        ("g4-standard-24", "NVIDIA_RTX_PRO_6000", 1),
        ("n1-custom-6-8192", "NVIDIA_TESLA_T4", 1),
    ],
)
def test_machines_that_there_are_or_may_be(machine, accelerator, count):
    assert machines.machine_problem(machine) is None
    assert machines.fit_problem(machine, accelerator, count) is None


@pytest.mark.parametrize("root", ["minio://acme/root", "gs://acme/root"])
def test_beam_in_the_task_s_container_may_have_any_root_and_flink_one_that_it_can_open(root):
    pipeline, config = pipelines.compiled("kubeflow"), pipelines.config("kubeflow", f"platform.root={root}")
    assert lint(pipeline, config) == []
    container = pipeline.spec["deploymentSpec"]["executors"]["Transform_executor"]["container"]
    container["args"] = ["--runner=PortableRunner", "--job_endpoint=flink.beam:8099"]
    assert bool(lint(pipeline, config)) == root.startswith("minio")


@pytest.mark.parametrize("machine", ["c4-standard-8", "ct6e-standard-4t"])
def test_an_unknown_family_is_the_platform_s_to_judge(machine):
    training = (f"platform.training.machine_type={machine}", "platform.training.accelerator=null")
    config = pipelines.config("vertex", *training, *with_endpoint(f"machine_type: {machine}"))
    assert lint(pipelines.compiled("vertex"), config) == []


def test_data_on_vertex_may_be_named_by_its_mount():
    config = pipelines.config("vertex", "platform.data=/gcs/acme/data")
    assert lint(pipelines.compiled("vertex"), config) == []


def everything_allowed(pipeline: CompiledPipeline) -> None:
    """What may fail, or looks wrong, and need not be."""
    tasks = pipeline.spec["components"]["tfx-dag"]["dag"]["tasks"]
    executors = pipeline.spec["deploymentSpec"]["executors"]
    # Given at submission, which asks for it.
    del pipeline.spec["root"]["inputDefinitions"]["parameters"]["data_path"]["defaultValue"]
    pipeline.spec["components"]["Spare"] = pipelines.component("Spare")
    executors["Spare_executor"] = executors["Transform_executor"]
    # Volumes and the task's own container are in reach of these workers.
    executors["ExampleGen_executor"]["container"]["args"] = ["--runner=PrismRunner"]
    executors["Transform_executor"]["container"]["env"] = [
        {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/var/run/secrets/token"},
        {"name": "app.mode", "value": "/api/v1"},
        {"name": "DB_PASSWORD", "value": "projects/acme/secrets/db/versions/1"},
        {"name": "password", "value": "DB_PASSWORD"},
        {"name": "DATABASE", "value": "postgresql://tfx:$PASSWORD@db/mlmd"},
    ]
    tasks["Trainer"]["inputs"]["parameters"]["run_fn"] = pipelines.constant("s3://acme/for-its-own-client")
    tasks["Pusher"]["triggerPolicy"]["condition"] = "[1, 2].exists(i, i > 1)"


@pytest.mark.parametrize("kind", ["vertex", "kubeflow"])
def test_what_need_not_fail_is_no_finding(kind):
    pipeline = pipelines.compiled(kind)
    everything_allowed(pipeline)
    # An accelerator of all tasks cannot be taken from the Trainer alone.
    gpu = {"vertex": "NVIDIA_TESLA_T4", "kubeflow": "nvidia.com/gpu"}[kind]
    config = pipelines.config(kind, f"platform.default.accelerator={{type: {gpu}}}")
    assert [str(finding) for finding in lint(pipeline, config)] == []


def test_what_vertex_takes_is_no_finding():
    pipeline = pipelines.compiled("vertex")
    pipeline.spec["schemaVersion"] = "2.0.0"
    box = pipeline.spec["deploymentSpec"]["executors"]["Transform_executor"]["container"]
    # Machines with accelerators are larger than those without, and some came later than this list.
    box["resources"] = {"cpuLimit": 208.0, "accelerator": {"type": "NVIDIA_NEXT", "count": 8}}
    config = pipelines.config("vertex", "platform.training.spot=true", "platform.tasks.Trainer.retries=0")
    assert [str(finding) for finding in lint(pipeline, config)] == []


def test_accelerators_are_those_of_the_sdk():
    # Read, not imported: the SDK takes seconds.
    package = Path(importlib.util.find_spec("google.cloud.aiplatform_v1").submodule_search_locations[0])
    tree = ast.parse((package / "types" / "accelerator_type.py").read_text())
    enum = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "AcceleratorType")
    names = {item.targets[0].id for item in enum.body if isinstance(item, ast.Assign)}
    assert names - {"ACCELERATOR_TYPE_UNSPECIFIED"} == machines.ACCELERATORS


@pytest.mark.parametrize("kind", ["vertex", "kubeflow"])
def test_a_stock_pipeline_is_judged(kind):
    findings = {finding.where: finding.what for finding in lint(pipelines.stock(), pipelines.config(kind))}
    assert ("latest-model-resolver" in findings) == (kind == "kubeflow")
    assert "TFX's own image" in findings["CsvExampleGen.image"]
    assert "/home/me/data" in findings["CsvExampleGen.inputs.parameters.input_base"]


@pytest.fixture(scope="module")
def kfp_pipeline(tmp_path_factory) -> CompiledPipeline:
    image = f"acme/tool{pipelines.PIN}"

    @dsl.container_component
    def make(seed: int, out: dsl.OutputPath(str)):
        return dsl.ContainerSpec(image=image, command=["make", seed, out])

    @dsl.container_component
    def ended(status: str):
        return dsl.ContainerSpec(image=image, command=["echo", status])

    @dsl.pipeline(name="tools")
    def tools(seeds: list = [1, 2], chosen: str = "1"):  # noqa: B006
        with dsl.ExitHandler(ended(status="ended")):
            with dsl.ParallelFor(seeds) as seed:
                make(seed=seed)
            first = make(seed=1)
            with dsl.If(first.output == chosen):
                make(seed=3)

    path = tmp_path_factory.mktemp("kfp") / "tools.yaml"
    compiler.Compiler().compile(tools, str(path))
    return pipeline_spec.read(path)


GS_PLACES = (
    "platform.volumes=[]",
    "platform.serving=gs://acme-models/serving",
    "platform.state=gs://acme-models/state",
    "platform.exit_handler=null",
)


@pytest.mark.parametrize("kind", ["vertex", "kubeflow"])
def test_a_pipeline_of_kfp_has_no_findings(kfp_pipeline, kind):
    others = () if kind == "vertex" else GS_PLACES
    assert [str(finding) for finding in lint(kfp_pipeline, pipelines.config(kind, "name=tools", *others))] == []


@pytest.mark.parametrize("tree", [[], "text", {"tasks": []}, {"dag": {"tasks": {"A": {"componentRef": "A"}}}}, None])
def test_a_broken_root_is_a_finding_and_no_crash(tree):
    pipeline = pipelines.compiled("vertex")
    pipeline.spec["root"] = tree
    assert lint(pipeline, pipelines.config("vertex"))


def test_lint_of_a_file_imports_nothing_heavy(tmp_path):
    file = tmp_path / "taxi.yaml"
    file.write_text(pipelines.compiled("vertex").to_yaml())
    command = [sys.executable, "-c", LIGHT, "lint", "--profile", "vertex", "--input", str(file)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (3, "light"), done.stderr
    assert "platform.project: still holds the placeholder my-project; write your own into the profile." in done.stderr
