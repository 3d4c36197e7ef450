"""Is it a pipeline, and does every name lead somewhere?"""

from tests.kubeflow.lint.pipelines import artifact
from tests.kubeflow.lint.planting import (
    Fault,
    executor,
    given,
    in_box,
    in_component,
    in_spec,
    in_task,
    parameter,
    platform_executors,
)

SCHEMA = (
    Fault("schema.root", "root", "is empty", plant=in_spec(root={})),
    Fault("schema.schema_version", "schemaVersion", "is 2.0.0", plant=in_spec(schemaVersion="2.0.0")),
    Fault("schema.schema_version", "schemaVersion", "is missing", plant=in_spec(schemaVersion="")),
    Fault("schema.pipeline_spec", "pipeline", 'no field named "stages"', plant=in_spec(stages=[])),
    Fault(
        "schema.deployment_spec",
        "deploymentSpec",
        'no field named "imagePolicy"',
        plant=in_box("Transform", imagePolicy="Always"),
    ),
    Fault(
        "schema.platform_spec",
        "platforms.kubernetes.Transform_executor",
        'no field named "pvcMounts"',
        plant=lambda pipeline: platform_executors(pipeline).update(Transform_executor={"pvcMounts": []}),
    ),
)

REFERENCES = (
    Fault(
        "references.component_refs",
        "Transform.componentRef",
        "there is no component 'Trans'",
        plant=in_task("Transform", componentRef={"name": "Trans"}),
    ),
    Fault(
        "references.executor_labels",
        "Transform.executorLabel",
        "there is no executor 'gone'",
        plant=in_component("Transform", executorLabel="gone"),
    ),
    Fault(
        "references.executor_kinds",
        "deploymentSpec.Transform_executor",
        "does not say how to run it",
        plant=executor("Transform", {}),
    ),
    Fault(
        "references.sources",
        "Transform.inputs.artifacts.examples",
        "comes from nowhere",
        plant=given("Transform", "examples", {}),
    ),
    Fault(
        "references.sources",
        "Trainer.inputs.parameters.run_fn",
        "comes from nowhere",
        plant=parameter("Trainer", "run_fn", {"runtimeValue": {}}),
    ),
    Fault(
        "references.producers",
        "Trainer.inputs.artifacts.examples",
        "comes from 'Transform_task', which is not a task",
        plant=given("Trainer", "examples", artifact("Transform_task", "transformed_examples")),
    ),
    Fault(
        "references.producers",
        "ExitNotice.inputs.parameters.final_status",
        "comes from 'dag', which is not a task",
        plant=lambda pipeline: pipeline.spec["root"]["dag"]["tasks"]["ExitNotice"]["inputs"]["parameters"].update(
            final_status={"taskFinalStatus": {"producerTask": "dag"}}
        ),
    ),
    Fault(
        "references.output_keys",
        "Trainer.inputs.artifacts.examples",
        "Transform has no output 'examples'; there is transformed_examples",
        plant=given("Trainer", "examples", artifact("Transform", "examples")),
    ),
    Fault(
        "references.output_keys",
        "Trainer.inputs.parameters.run_fn",
        "Transform has no output 'run_fn'; there is none",
        plant=parameter(
            "Trainer", "run_fn", {"taskOutputParameter": {"producerTask": "Transform", "outputParameterKey": "run_fn"}}
        ),
    ),
    Fault(
        "references.component_inputs",
        "ExampleGen.inputs.parameters.input_base",
        "the input 'data', which tfx-dag does not have; there is data_path",
        plant=lambda pipeline: (
            parameter("ExampleGen", "input_base", {"componentInputParameter": "data"})(pipeline),
            parameter("ExampleGen", "input_config", {"componentInputParameter": "data_path"})(pipeline),
        ),
    ),
    Fault(
        "references.component_inputs",
        "Transform.inputs.artifacts.examples",
        "the input 'examples', which tfx-dag does not have",
        plant=given("Transform", "examples", {"componentInputArtifact": "examples"}),
    ),
    Fault(
        "references.dependent_tasks",
        "Transform.dependentTasks",
        "waits for 'SchemaGen', which is not a task",
        plant=in_task("Transform", dependentTasks=["ExampleGen", "SchemaGen"]),
    ),
    Fault(
        "references.dag_outputs",
        "tfx-dag.outputs.artifacts.model",
        "comes from 'Tuner', which is not a task",
        plant=lambda pipeline: pipeline.spec["components"]["tfx-dag"]["dag"].update(
            outputs={
                "artifacts": {"model": {"artifactSelectors": [{"producerSubtask": "Tuner", "outputArtifactKey": "m"}]}}
            }
        ),
    ),
    Fault(
        "references.cycles",
        "Evaluator",
        "tasks wait for each other: Evaluator -> Trainer -> Evaluator",
        plant=in_task("Trainer", dependentTasks=["Evaluator"]),
    ),
    Fault(
        "references.platform_executors",
        "platforms.kubernetes.exec-Transform",
        "is for an unknown executor",
        plant=lambda pipeline: platform_executors(pipeline).update({"exec-Transform": {}}),
    ),
)

FAULTS = (*SCHEMA, *REFERENCES)
