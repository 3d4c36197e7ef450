"""Each fault of TFX's compiler: shown in what it compiles, and gone after `fix`."""

from __future__ import annotations

import json
from pathlib import Path

import celpy
import pytest
import yaml
from google.protobuf import json_format
from kfp.client.client import _extract_pipeline_yaml
from kfp.components import load_component_from_file
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineDeploymentConfig, PipelineSpec
from tfx.components.example_gen.csv_example_gen.component import CsvExampleGen
from tfx.dsl.experimental.conditionals.conditional import Cond
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.kubeflow.decorators import FinalStatusStr
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig
from tfx.orchestration.pipeline import Pipeline

from kubeflow.ir.compiler import compile_pipeline
from kubeflow.ir.fixes import fix
from pipeline.config import loading
from pipeline.config.loading import ConfigError
from tests.kubeflow.ir.golden_ir import PROFILES
from tests.kubeflow.ir.nodes import End, Make, Say, Use
from tests.kubeflow.ir.references import dangling

pytestmark = pytest.mark.tensorflow

ROOT = "gs://bucket/root"
LITE = "lite={variants: [float32, int8], thresholds: [{metric: auc, max_loss: 0.01}]}"
TUNER = "trainer.tuner={trials: 2, space: {loop.optimizer.learning_rate: {min: 0.0001, max: 0.01, sampling: log}}}"
Resources = PipelineDeploymentConfig.PipelineContainerSpec.ResourceSpec


def both(*nodes, handler=None) -> tuple[dict, dict]:
    """The stock spec of a pipeline of ``nodes``, and the fixed one."""
    pipeline = Pipeline(pipeline_name="small", pipeline_root=ROOT, components=list(nodes))
    runner = KubeflowV2DagRunner(KubeflowV2DagRunnerConfig(default_image="image", use_pipeline_spec_2_1=True))
    if handler:
        runner.set_exit_handler(handler)
    stock = runner.run(pipeline, write_out=False)["pipelineSpec"]
    before = json.dumps(stock, sort_keys=True)
    fixed = fix(stock, pipeline=pipeline, exit_handler=handler)
    assert json.dumps(stock, sort_keys=True) == before, "fix changes a copy"
    json_format.ParseDict(fixed, PipelineSpec())
    return stock, fixed


def container(spec: dict, node: str) -> dict:
    return spec["deploymentSpec"]["executors"][f"{node}_executor"]["container"]


def told_inputs(spec: dict, node: str) -> list[dict]:
    """The input definitions that the containers of ``node`` receive, the driver's last."""
    found = container(spec, node)
    lists = [found["args"], found.get("lifecycle", {}).get("preCacheCheck", {}).get("args", [])]
    flag = "--json_serialized_inputs_spec_args"
    return [json.loads(arguments[arguments.index(flag) + 1]) for arguments in lists if flag in arguments]


def definitions(component: dict) -> dict:
    return component["inputDefinitions"]["parameters"]


def test_an_example_gen_gets_the_resources_it_asks_for():
    asked = Resources(cpu_limit=3.0, memory_limit=4.0)
    nodes = [
        CsvExampleGen(input_base="data").with_platform_config(asked),
        Say(text="x").with_platform_config(asked),
        Say(text="y").with_id("Plain"),
    ]
    stock, fixed = both(*nodes)
    assert "resources" not in container(stock, "CsvExampleGen")
    assert container(fixed, "CsvExampleGen")["resources"] == container(stock, "Say")["resources"]
    assert container(fixed, "Say") == container(stock, "Say")
    assert "resources" not in container(fixed, "Plain")


def test_runtime_parameters_keep_defaults_and_descriptions():
    nodes = [
        CsvExampleGen(input_base=RuntimeParameter("data", ptype=str, default="gs://b/d", description="the rows")),
        Make(rate=RuntimeParameter("rate", ptype=float, default=0.0)),
        Say(text=RuntimeParameter("word", ptype=str)),
    ]
    stock, fixed = both(*nodes)
    assert definitions(stock["root"])["data"] == {"parameterType": "STRING"}
    assert definitions(fixed["root"]) == {
        "data": {
            "parameterType": "STRING",
            "defaultValue": "gs://b/d",
            "isOptional": True,
            "description": "the rows",
        },
        "rate": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.0, "isOptional": True},
        "word": {"parameterType": "STRING"},
    }


def test_a_runtime_parameter_with_two_defaults_is_refused():
    nodes = [Say(text=RuntimeParameter("word", ptype=str, default=text)).with_id(text) for text in ("a", "b")]
    with pytest.raises(ConfigError, match="runtime parameter word: has two defaults, 'a' and 'b'"):
        both(*nodes)


def test_runtime_parameters_reach_the_tasks_beside_an_exit_handler():
    nodes = [CsvExampleGen(input_base=RuntimeParameter("data", ptype=str, default="gs://b/d")), Say(text="x")]
    stock, fixed = both(*nodes, handler=End(final_status=FinalStatusStr(), folder="f"))
    assert dangling(stock) == ["tfx-dag: CsvExampleGen.input_base: parameter data of the DAG"]
    assert not dangling(fixed)
    assert definitions(fixed["components"]["tfx-dag"]) == {"data": {"parameterType": "STRING"}}
    assert fixed["root"]["dag"]["tasks"]["tfx-dag"]["inputs"]["parameters"] == {
        "data": {"componentInputParameter": "data"}
    }


def test_the_exit_handler_takes_a_final_status():
    stock, fixed = both(Say(text="x"), handler=End(final_status=FinalStatusStr(), folder="f"))
    assert definitions(stock["components"]["End"])["final_status"] == {"parameterType": "STRING"}
    expected = {"final_status": {"parameterType": "TASK_FINAL_STATUS"}, "folder": {"parameterType": "STRING"}}
    assert definitions(fixed["components"]["End"]) == expected
    assert told_inputs(fixed, "End") == [{"parameters": expected}]


def test_properties_that_are_outputs_name_their_task_and_type():
    make = Make()
    use = Use(model=make.outputs["model"], count=make.outputs["count"].future()[0].value)
    say = Say(text=make.outputs["text"].future()[0].value)
    stock, fixed = both(make, use, say)
    assert dangling(stock) == ["root: Say.text: parameter of Make_task", "root: Use.count: parameter of Make_task"]
    assert definitions(stock["components"]["Use"])["count"] == {"parameterType": "STRING"}
    assert not dangling(fixed)
    assert definitions(fixed["components"]["Use"])["count"] == {"parameterType": "NUMBER_INTEGER"}
    # By this type the entry point makes an int of JSON's number.
    assert told_inputs(fixed, "Use")[0]["parameters"]["count"] == {"parameterType": "NUMBER_INTEGER"}
    assert definitions(fixed["components"]["Say"])["text"] == {"parameterType": "STRING"}
    assert fixed["root"]["dag"]["tasks"]["Say"]["dependentTasks"] == ["Make"]


@pytest.mark.parametrize("text", ["it's", "back\\slash'", "two\nlines", "Zürich 🚕", '"'])
def test_conditions_hold_any_text_and_only_that(text):
    make = Make()
    model = make.outputs["model"].future()[0]
    with Cond(model.property("ready") == 1), Cond(model.custom_property("note") == text):
        use = Use(model=make.outputs["model"])
        say = Say(text="x")
    stock, fixed = both(make, use, say)
    assert not dangling(stock)
    assert not dangling(fixed)
    tasks = fixed["root"]["dag"]["tasks"]
    # A node's own input goes by its name, another's output by the name that TFX gives it.
    for task, key in ((tasks["Use"], "model"), (tasks["Say"], "_Make.model")):
        assert holds(task["triggerPolicy"]["condition"], key, {"ready": 1.0, "note": text})
        assert not holds(task["triggerPolicy"]["condition"], key, {"ready": 1.0, "note": text + "x"})
        assert not holds(task["triggerPolicy"]["condition"], key, {"ready": 0.0, "note": text})


def test_stock_conditions_break_at_a_quote_and_ours_leave_the_others_as_they_are():
    make = Make()
    model = make.outputs["model"].future()[0]
    with Cond(model.custom_property("note") == "it's"):
        broken = Use(model=make.outputs["model"])
    with Cond(model.property("ready") > 1):
        whole = Say(text="x")
    stock, fixed = both(make, broken, whole)
    tasks = stock["root"]["dag"]["tasks"]
    with pytest.raises(celpy.CELParseError):
        holds(tasks["Use"]["triggerPolicy"]["condition"], "model", {"note": "it's"})
    assert fixed["root"]["dag"]["tasks"]["Say"] == tasks["Say"]


def holds(condition: str, key: str, metadata: dict) -> bool:
    """What a backend makes of ``condition`` where the input ``key`` is one artifact with ``metadata``."""
    environment = celpy.Environment()
    program = environment.program(environment.compile(condition))
    inputs = {"artifacts": {key: {"artifacts": [{"metadata": metadata}]}}}
    return bool(program.evaluate({"inputs": celpy.json_to_cel(inputs)}))


def test_the_pipeline_root_is_in_the_spec():
    stock, fixed = both(Say(text="x"))
    assert "defaultPipelineRoot" not in stock
    assert fixed["defaultPipelineRoot"] == ROOT


def compiled(profile: str, *overrides: str):
    config = loading.load(config=Path("configs/taxi.yaml"), profile=profile, overrides=overrides)
    return compile_pipeline(config)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(
    ("override", "nodes"),
    [
        ("cache=true", {"ExampleGen", "Baseline", "Pusher"}),
        (LITE, {"LiteExport_float32", "LiteGate_int8", "LitePusher"}),
        (TUNER, {"Tuner"}),
        ("trainer.loop.warm_start=true", {"WarmStart"}),
        ("platform.exit_handler=null", {"Pusher"}),
    ],
    ids=["plain", "lite", "tuner", "warm start", "no exit handler"],
)
def test_every_form_of_the_pipeline_is_a_whole_spec(profile, override, nodes, tmp_path):
    pipeline = compiled(profile, override)
    assert nodes <= pipeline.tasks().keys()
    assert not dangling(pipeline.spec)
    json_format.ParseDict(pipeline.spec, PipelineSpec())
    for node, component in pipeline.spec["components"].items():
        if "executorLabel" in component and "container" in pipeline.executor(node):
            for told in told_inputs(pipeline.spec, node):
                assert told == component.get("inputDefinitions", {}), node
    file = tmp_path / "pipeline.yaml"
    file.write_text(pipeline.to_yaml())
    # The two ways in which KFP's SDK reads a pipeline: as a component, and for an upload.
    assert load_component_from_file(str(file)).name == "taxi"
    assert json_format.MessageToDict(_extract_pipeline_yaml(str(file)).pipeline_spec) == pipeline.spec


def test_lite_files_of_each_variant_reach_the_pusher():
    inputs = compiled("kubeflow", LITE).tasks()["LitePusher"]["inputs"]["artifacts"]
    producers = {name: source["taskOutputArtifact"]["producerTask"] for name, source in inputs.items()}
    assert producers == {"pushed_model": "Pusher", "float32": "LiteExport_float32", "int8": "LiteExport_int8"}


def test_compiling_twice_in_one_process_gives_the_same_text():
    first, second = (compiled("kubeflow", LITE).to_yaml() for _ in range(2))
    assert first == second
    assert list(yaml.safe_load_all(first))


def test_a_name_that_the_platforms_refuse_is_refused_with_one_that_they_take():
    with pytest.raises(ConfigError, match=r"name: 'My_taxi' .*for example my-taxi"):
        compiled("kubeflow", "name=My_taxi")
