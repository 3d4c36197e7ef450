"""Inputs, names, and what the platform runs."""

import json

from tests.kubeflow.lint.pipelines import constant
from tests.kubeflow.lint.planting import (
    Fault,
    add_importer,
    component_root,
    executor,
    handler_artifact,
    in_box,
    in_spec,
    in_task,
    iterates,
    parameter,
    rename,
    required_input,
    unused_parameter,
)

INPUTS = (
    Fault("inputs.missing", "Transform.inputs.artifacts.schema", "the task does not give it", plant=required_input),
    Fault(
        "inputs.undeclared",
        "Transform.inputs.parameters.splits",
        "the component does not declare it",
        plant=parameter("Transform", "splits", constant("train")),
    ),
    Fault(
        "inputs.constant_types",
        "ExampleGen.inputs.parameters.output_data_format",
        'is declared as NUMBER_INTEGER, and "6" is given',
        plant=parameter("ExampleGen", "output_data_format", constant("6")),
    ),
    Fault(
        "inputs.default_types",
        "tfx-dag.parameters.rows",
        'is declared as NUMBER_INTEGER, and its default is "many"',
        plant=lambda pipeline: pipeline.spec["components"]["tfx-dag"]["inputDefinitions"]["parameters"].update(
            rows={"parameterType": "NUMBER_INTEGER", "defaultValue": "many"}
        ),
    ),
    Fault(
        "inputs.parameter_links",
        "ExampleGen.inputs.parameters.output_data_format",
        "is declared as NUMBER_INTEGER, and what it is given is STRING",
        plant=parameter("ExampleGen", "output_data_format", {"componentInputParameter": "data_path"}),
    ),
    Fault("inputs.unused_parameters", "root.parameters.epochs", "is taken by no task", plant=unused_parameter),
)

NAMES = (
    Fault(
        "names.pipeline_name",
        "pipelineInfo.name",
        "'taxi_trips' does not match",
        plant=in_spec(pipelineInfo={"name": "taxi_trips"}),
    ),
    Fault("names.task_names", "My_Pusher", "is not a valid name in Argo", plant=rename("Pusher", "My_Pusher")),
    Fault("names.task_names", "2ndPusher", "a letter first", plant=rename("Pusher", "2ndPusher")),
    Fault("names.reserved_component", "root", "the pipeline's own DAG", plant=component_root),
    Fault(
        "names.kubernetes_names",
        "platform.volumes.0.claim",
        "'My_Models' is not a valid name",
        overrides=("platform.volumes=[{claim: My_Models, mount: /models}]",),
    ),
)

BACKEND = (
    Fault(
        "backend.final_status",
        "ExitNotice.inputs.parameters.final_status",
        "only an exit handler gets",
        plant=lambda pipeline: pipeline.spec["root"]["dag"]["tasks"]["ExitNotice"].pop("triggerPolicy"),
    ),
    Fault(
        "backend.resolvers",
        "Transform",
        "is a resolver",
        plant=executor("Transform", {"resolver": {"outputArtifactQueries": {"model": {"filter": "x"}}}}),
    ),
    Fault(
        "backend.custom_jobs",
        "Trainer",
        "is a Vertex custom job",
        plant=executor("Trainer", {"customJob": {"customJob": {"workerPoolSpecs": []}}}),
    ),
    Fault(
        "backend.conditional_importers",
        "Import.triggerPolicy",
        "is an importer with a condition",
        plant=add_importer("gs://acme/schema", triggerPolicy={"condition": "1 == 1"}),
    ),
    Fault(
        "backend.artifact_iterators", "Transform.artifactIterator", "once for each of several artifacts", plant=iterates
    ),
    Fault(
        "backend.conditions",
        "Pusher.triggerPolicy.condition",
        "is not a CEL expression",
        plant=in_task("Pusher", triggerPolicy={"condition": "inputs.artifacts['model'] === 1"}),
    ),
    Fault(
        "backend.conditions",
        "Pusher.triggerPolicy.condition",
        "asks for the input 'blessing', which the task does not get; there is model, model_blessing",
        plant=in_task(
            "Pusher", triggerPolicy={"condition": "inputs.artifacts['blessing'].artifacts[0].uri != 'nothing.here'"}
        ),
    ),
    Fault(
        "backend.conditions",
        "Pusher.triggerPolicy.condition",
        "asks for 'blessed'",
        plant=in_task("Pusher", triggerPolicy={"condition": "blessed == 1"}),
    ),
    Fault(
        "backend.spans",
        "ExampleGen.inputs.parameters.input_config.splits.0.pattern",
        "span-{SPAN}/*.csv",
        plant=parameter(
            "ExampleGen", "input_config", constant(json.dumps({"splits": [{"pattern": "span-{SPAN}/*.csv"}]}))
        ),
    ),
    Fault(
        "backend.stock_infra_validator",
        "Transform",
        "needs docker",
        plant=in_box("Transform", args=["--executor_class_path", "tfx.components.infra_validator.executor.Executor"]),
    ),
    Fault(
        "backend.entry_points",
        "Transform.command",
        "TFX's own entry point",
        plant=in_box("Transform", command=["python", "-m", "tfx.orchestration.kubeflow.v2.container.entrypoint"]),
    ),
    Fault(
        "backend.exit_handler_artifacts",
        "ExitNotice.inputs.artifacts.model",
        "may not exist when the exit handler runs",
        plant=handler_artifact,
    ),
)

FAULTS = (*INPUTS, *NAMES, *BACKEND)
