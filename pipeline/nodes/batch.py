"""The node that scores files with the model that the run has pushed."""

from __future__ import annotations

import json
from pathlib import Path

from components.batch.component import BatchInference
from pipeline.checks.columns import schema_features
from pipeline.checks.reading import reading_of
from pipeline.config.config import Config
from pipeline.nodes.graph import Graph


def add_batch(graph: Graph) -> None:
    """BatchInference, where ``batch`` asks for it; it runs after the Pusher, in every run: the files may be others."""
    config = graph.config
    batch = config.batch
    if batch is None:
        return
    reading = reading_of(config, schema_features(config.schema_path) if config.schema_path else {})
    node = BatchInference(
        model=graph.output("Trainer.model"),
        pushed_model=graph.output("Pusher.pushed_model"),
        input=json.dumps([_place(word, config) for word in batch.input]),
        reading=reading.model_dump_json(),
        model_name=config.serving.model_name,
        keys=json.dumps(batch.keys),
        inputs=int(batch.inputs),
        format=batch.format,
        max_bad=batch.max_bad,
    )
    graph.add(node, uncached=True)


def _place(word: str, config: Config) -> str:
    """The path for any working directory here; on a platform it is one in the image."""
    return word if "://" in word or config.platform else str(Path(word).absolute())
