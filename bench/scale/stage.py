"""One stage of the taxi pipeline in this process: the executor of the real TFX component, ours or stock.

``python -m bench.scale.stage WAY STAGE ...`` is what `bench.scale` measures. Both ways read the same files, run the
same ``preprocessing_fn`` and compute the same metrics; they differ in the component and its options, and ours runs
inside the contexts that ``python -m pipeline`` opens around Beam. Metadata, drivers and the cache are left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import trainer  # noqa: F401 (pins Keras 3)
from bench.scale.plan import NODES, ROOT
from pipeline.config.config import Config
from pipeline.config.loading import load
from pipeline.running import garbage_collection

if TYPE_CHECKING:
    from tfx.dsl.components.base.base_component import BaseComponent
    from tfx.types import Artifact

_EXAMPLES = "examples.json"


def main() -> None:
    """Run the stage; an ingest also writes a description of its examples."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale.stage", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("way", choices=("ours", "stock"))
    parser.add_argument("stage", choices=NODES)
    parser.add_argument("--profile", required=True)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--examples", type=Path, help="output folder of an ingest")
    parser.add_argument("--model", help="folder of the model to evaluate")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()

    config = load(config=ROOT / "configs" / "taxi.yaml", profile=options.profile, overrides=options.set)
    with garbage_collection.importing():
        from pipeline import dag  # noqa: F401
    node = NODES[options.stage]
    if not node:
        return
    inputs = _inputs(config, examples=options.examples, model=options.model)
    with ExitStack() as around:
        if options.way == "ours":
            _enter_pipeline(config, around)
            component = _ours(config, node)
        else:
            component = _stock(config, node)
        outputs = _run(component, config=config, inputs=inputs, folder=options.output)
    if node == "ExampleGen":
        from tfx.utils import json_utils

        (options.output / _EXAMPLES).write_text(json_utils.dumps(outputs["examples"]))
    garbage_collection.before_exit()


def _enter_pipeline(config: Config, around: ExitStack) -> None:
    """Enter the contexts that `pipeline.job` opens while nodes run."""
    from pipeline.beam import guard
    from pipeline.beam.quick_nodes import quick_nodes

    around.enter_context(quick_nodes())
    around.enter_context(guard.guarded(config.beam.limit_minutes))


def _inputs(config: Config, *, examples: Path | None, model: str | None) -> dict[str, list[Artifact]]:
    from tfx.types import standard_artifacts
    from tfx.utils import json_utils

    schema = standard_artifacts.Schema()
    schema.uri = str(ROOT / config.schema_path.parent)
    inputs = {"schema": [schema]}
    if examples:
        inputs["examples"] = json_utils.loads((examples / _EXAMPLES).read_text())
    if model:
        evaluated = standard_artifacts.Model()
        evaluated.uri = model
        inputs["model"] = [evaluated]
    return inputs


def _ours(config: Config, node: str) -> BaseComponent:
    from pipeline import dag

    return dag.nodes(config)[node]


def _stock(config: Config, node: str) -> BaseComponent:
    """The component with the options that TFX's taxi template gives it."""
    from tfx.components import CsvExampleGen, Evaluator, StatisticsGen, Transform
    from tfx.types import channel_utils, standard_artifacts

    from pipeline.nodes.gates.eval_config import eval_config
    from pipeline.nodes.training.trainer import custom_config

    examples, schema, model = (
        channel_utils.as_channel([kind()])
        for kind in (standard_artifacts.Examples, standard_artifacts.Schema, standard_artifacts.Model)
    )
    if node == "ExampleGen":
        return CsvExampleGen(input_base=str(config.data.path))
    if node == "StatisticsGen":
        return StatisticsGen(examples=examples)
    if node == "Transform":
        preprocessing_fn = config.trainer.preprocessing_fn
        return Transform(
            examples=examples,
            schema=schema,
            preprocessing_fn=preprocessing_fn,
            custom_config=custom_config(config.preprocessing_parameters(), preprocessing_fn),
        )
    questions = eval_config(config.gates.evaluation, parameters=config.parameters())
    return Evaluator(examples=examples, model=model, eval_config=questions)


def _run(
    component: BaseComponent, *, config: Config, inputs: Mapping[str, list[Artifact]], folder: Path
) -> dict[str, list[Artifact]]:
    """Call the component's executor as TFX's launcher does."""
    outputs = {}
    for key, channel in component.outputs.items():
        artifact = channel.type()
        artifact.uri = str(folder / key)
        Path(artifact.uri).mkdir(parents=True)
        outputs[key] = [artifact]
    executor = component.executor_spec.executor_class
    context = executor.Context(
        beam_pipeline_args=config.beam.arguments(),
        tmp_dir=str(folder / "tmp"),
        unique_id="1",
        executor_output_uri=str(folder / "executor_output.pb"),
    )
    executor(context).Do(
        {key: inputs[key] for key in component.inputs if key in inputs}, outputs, dict(component.exec_properties)
    )
    return outputs


if __name__ == "__main__":
    main()
