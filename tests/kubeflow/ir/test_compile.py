"""The shipped profiles, compiled by the real compiler, against the golden files."""

import pytest

from tests.kubeflow.ir.golden_ir import PROFILES, config_of, golden_file, without_digests

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def compile_pipeline():
    from kubeflow.ir.compiler import compile_pipeline

    return compile_pipeline


@pytest.mark.parametrize("profile", PROFILES)
def test_the_golden_file_is_what_the_profile_compiles_to(profile, compile_pipeline):
    compiled = without_digests(compile_pipeline(config_of(profile)))
    assert compiled == golden_file(profile).read_text(), "python -m tests.kubeflow.ir.golden_ir rewrites it"


@pytest.mark.parametrize("profile", PROFILES)
def test_a_second_compilation_gives_the_same(profile, compile_pipeline):
    assert compile_pipeline(config_of(profile)) == compile_pipeline(config_of(profile))


def test_without_an_exit_handler_the_tasks_are_the_roots(compile_pipeline):
    compiled = compile_pipeline(config_of("kubeflow", "platform.exit_handler=null"))
    assert compiled.exit_handler() is None
    assert list(compiled.tasks()) == list(compiled.spec["root"]["dag"]["tasks"])
    assert compiled.tasks()["ExampleGen"]["inputs"]["parameters"]["input_base"] == {
        "componentInputParameter": "data_path"
    }


def test_the_reference_and_its_gate_are_tasks_in_their_order(compile_pipeline):
    words = ("gates.evaluation.reference=hist_gradient_boosting", "gates.evaluation.reference_refuse=0.5")
    tasks = compile_pipeline(config_of("kubeflow", *words)).tasks()
    assert {"DataGate", "ExampleGen"} <= set(tasks["Reference"]["dependentTasks"])
    assert "Reference" in tasks["ModelGate"]["dependentTasks"]
    assert {"ModelGate", "Reference", "Evaluator"} <= set(tasks["ReferenceGate"]["dependentTasks"])
    assert "ReferenceGate" in tasks["Pusher"]["dependentTasks"]


def test_compiling_writes_nothing_below_the_run_folder(compile_pipeline, tmp_path):
    compile_pipeline(config_of("kubeflow", f"runs={tmp_path}/runs"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("profile", "beam"),
    [
        ("kubeflow", "{runner: FlinkRunner, job_endpoint: 'flink-jobs.beam:8099', parallelism: 4, limit_minutes: 90}"),
        ("vertex", "{runner: DataflowRunner, project: acme, region: europe-west4, temp_location: 'gs://acme/tmp'}"),
    ],
)
def test_every_container_gets_the_runner_s_arguments(profile, beam, compile_pipeline):
    config = config_of(profile, f"beam={beam}")
    expected = config.beam.arguments()
    compiled = compile_pipeline(config)
    nodes = [node for node in compiled.tasks() if node != compiled.exit_handler()]
    boxes = {node: compiled.executor(node)["container"] for node in nodes if "container" in compiled.executor(node)}
    assert {"ExampleGen", "StatisticsGen", "Transform", "Evaluator"} <= set(boxes)
    for node, box in boxes.items():
        assert box["args"][-len(expected) :] == expected, node
        assert sum(word.startswith("--runner") for word in box["args"]) == 1, node
        assert ("--beam_limit_minutes=90.0" in box["args"]) == (profile == "kubeflow"), node
