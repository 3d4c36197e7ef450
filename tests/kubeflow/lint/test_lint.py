"""Every rule finds its fault and nothing else; pipelines without faults give no violations."""

import subprocess
import sys
from pathlib import Path

import pytest
from kfp import compiler, dsl

from kubeflow.ir import pipeline_spec
from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint import lint, origin, rules_of
from kubeflow.lint.structure import references, schema
from kubeflow.lint.violation import Rule
from tests.kubeflow.lint import pipelines
from tests.kubeflow.lint.cluster.training_operator import FAULTS as TRAINING_OPERATOR  # part: training_operator
from tests.kubeflow.lint.dataflow import FAULTS as DATAFLOW  # part: dataflow
from tests.kubeflow.lint.faults import FAULTS
from tests.kubeflow.lint.planting import Fault
from tests.kubeflow.lint.vertex.faults import FAULTS as VERTEX  # part: vertex
from tests.kubeflow.lint.vertex.trainer import FAULTS as TRAINER  # part: vertex

LIGHT = "import sys; from kubeflow.cli import main; code = main(sys.argv[1:]); "
LIGHT += "print('heavy' if {'tensorflow', 'tfx', 'apache_beam'} & set(sys.modules) else 'light'); sys.exit(code)"
ALL_FAULTS = (
    *FAULTS,
    *TRAINING_OPERATOR,  # part: training_operator
    *VERTEX,  # part: vertex
    *TRAINER,  # part: vertex
    *DATAFLOW,  # part: dataflow
)


def name_of(rule: Rule) -> str:
    """The name in docs/lint.md: module and function, without the room unless it is a platform's."""
    module = rule.__module__.removeprefix("kubeflow.lint.")
    for room in ("structure.", "spec.", "profile."):
        module = module.removeprefix(room)
    return f"{module}.{rule.__name__}"


RULES = {
    name_of(rule): rule
    for rules in (schema.RULES, references.RULES, origin.RULES, *map(rules_of, pipelines.KINDS))
    for rule in rules
}


@pytest.mark.parametrize("kind", pipelines.KINDS)
def test_a_clean_pipeline_has_no_violations(kind):
    assert lint(pipelines.compiled(kind), pipelines.config(kind)) == []


@pytest.mark.parametrize("fault", ALL_FAULTS, ids=str)
def test_a_planted_fault_is_found_alone(fault: Fault):
    pipeline = pipelines.compiled(fault.kind)
    config = pipelines.config(fault.kind, *fault.overrides)
    fault.plant(pipeline)
    violations = lint(pipeline, config)
    assert [violation.where for violation in violations] == [fault.where], [str(violation) for violation in violations]
    assert fault.what in str(violations[0])
    seen = pipeline if fault.rule.startswith("schema.") else schema.normalized(pipeline)
    assert list(RULES[fault.rule](seen, config)) == violations


def test_every_rule_has_a_fault():
    assert {fault.rule for fault in ALL_FAULTS} == RULES.keys()


def test_every_rule_is_documented():
    rows = [line for line in Path("docs/lint.md").read_text().splitlines() if line.startswith("| `")]
    documented = {row.split("`")[1] for row in rows}
    assert documented >= RULES.keys()
    # Those of a part that was taken out stay on the page.
    rooms = ("", "structure/", "spec/", "profile/")
    removed = documented - RULES.keys()
    if not Path("kubeflow/lint/vertex").exists():
        removed.discard("origin.trainer")
    for module in {name.rpartition(".")[0] for name in removed}:
        assert not any(Path(f"kubeflow/lint/{room}{module.replace('.', '/')}.py").exists() for room in rooms), module


def test_violations_come_in_the_order_of_the_pipeline():
    pipeline = pipelines.compiled("kubeflow")
    for node in ("Evaluator", "ExampleGen", "Transform"):
        pipeline.spec["deploymentSpec"]["executors"][f"{node}_executor"]["container"]["image"] = f"acme/{node}"
    violations = lint(pipeline, pipelines.config("kubeflow", "platform.namespace=my-namespace"))
    assert [violation.where.split(".")[0] for violation in violations] == [
        "platform",
        "ExampleGen",
        "Transform",
        "Evaluator",
    ]


@pytest.mark.parametrize("kind", pipelines.KINDS)
def test_a_value_for_a_run_is_judged_in_place_of_the_default(kind):
    pipeline, config = pipelines.compiled(kind), pipelines.config(kind)
    (violation,) = lint(pipeline, config, parameters={"data_path": "minio://acme/data"})
    assert str(violation).startswith("ExampleGen.inputs.parameters.input_base: minio://acme/data is in a store")
    assert lint(pipeline, config, parameters={"data_path": "gs://acme/data"}) == []
    pipeline.spec["root"]["inputDefinitions"]["parameters"]["data_path"]["defaultValue"] = "minio://acme/data"
    assert lint(pipeline, config, parameters={"data_path": "gs://acme/data"}) == []
    assert len(lint(pipeline, config)) == 1


def test_a_value_for_a_run_does_not_hide_a_broken_file():
    pipeline, config = pipelines.compiled("kubeflow"), pipelines.config("kubeflow")
    pipeline.spec["root"] = []
    assert lint(pipeline, config, parameters={"data_path": "x"}) == lint(pipeline, config)


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


@pytest.mark.parametrize("root", ["minio://acme/root", "gs://acme/root"])
def test_beam_in_the_task_s_container_may_have_any_root_and_flink_one_that_it_can_open(root):
    pipeline, config = pipelines.compiled("kubeflow"), pipelines.config("kubeflow", f"platform.root={root}")
    assert lint(pipeline, config) == []
    container = pipeline.spec["deploymentSpec"]["executors"]["Transform_executor"]["container"]
    container["args"] = ["--runner=PortableRunner", "--job_endpoint=flink.beam:8099"]
    assert bool(lint(pipeline, config)) == root.startswith("minio")


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


@pytest.mark.parametrize("kind", pipelines.KINDS)
def test_what_need_not_fail_is_no_violation(kind):
    pipeline = pipelines.compiled(kind)
    everything_allowed(pipeline)
    # An accelerator of all tasks cannot be taken from the Trainer alone.
    gpu = pipelines.EXAMPLES[kind].accelerator
    config = pipelines.config(kind, f"platform.default.accelerator={{type: {gpu}}}")
    assert [str(violation) for violation in lint(pipeline, config)] == []


@pytest.mark.parametrize("kind", pipelines.KINDS)
def test_a_stock_pipeline_is_judged(kind):
    violations = {violation.where: violation.what for violation in lint(pipelines.stock(), pipelines.config(kind))}
    assert ("latest-model-resolver" in violations) == (kind == "kubeflow")
    assert "TFX's own image" in violations["CsvExampleGen.image"]
    assert "/home/me/data" in violations["CsvExampleGen.inputs.parameters.input_base"]


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


@pytest.mark.parametrize("kind", pipelines.KINDS)
def test_a_pipeline_of_kfp_has_no_violations(kfp_pipeline, kind):
    others = () if kind == "vertex" else GS_PLACES
    assert [str(violation) for violation in lint(kfp_pipeline, pipelines.config(kind, "name=tools", *others))] == []


@pytest.mark.parametrize("tree", [[], "text", {"tasks": []}, {"dag": {"tasks": {"A": {"componentRef": "A"}}}}, None])
def test_a_broken_root_is_a_violation_and_no_crash(tree):
    pipeline = pipelines.compiled("kubeflow")
    pipeline.spec["root"] = tree
    assert lint(pipeline, pipelines.config("kubeflow"))


def test_lint_of_a_file_imports_nothing_heavy(tmp_path):
    file = tmp_path / "taxi.yaml"
    file.write_text(pipelines.compiled("kubeflow").to_yaml())
    command = [sys.executable, "-c", LIGHT, "lint", "--profile", "kubeflow", "--input", str(file)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (3, "light"), done.stderr
    assert "platform.namespace: still holds the placeholder my-namespace; write your own into the" in done.stderr
