"""TFX's entry point: read the transformed examples, train, export."""

from __future__ import annotations

import dataclasses
import functools
import json
import logging
from pathlib import PurePosixPath

import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from trainer import export, loop
from trainer.features import TransformedFeatures, resolve_features
from trainer.input import read_columns
from trainer.models import wide_and_deep
from trainer.parameters import CUSTOM_CONFIG_KEY, Parameters

# Inside the ModelRun artifact: the trained model before any export, TensorBoard's events, and the progress reports.
KERAS_MODEL = "model.keras"
TENSORBOARD = "tensorboard"
HISTORY = "history.jsonl"

# Whoever wants to show the training's progress listens here.
progress_logger = logging.getLogger("trainer.progress")


def run_fn(fn_args: FnArgs) -> None:
    """Train on ``fn_args.train_files`` and write the SavedModel to ``fn_args.serving_model_dir``.

    Args:
        fn_args: from the Trainer component; ``custom_config`` carries `Parameters` as JSON.
    """
    parameters = Parameters.model_validate_json(fn_args.custom_config[CUSTOM_CONFIG_KEY])
    transform_output = tft.TFTransformOutput(fn_args.transform_output)
    feature_spec = transform_output.transformed_feature_spec()
    model_run = PurePosixPath(fn_args.model_run_dir)

    history = History(str(model_run / HISTORY))
    features = TransformedFeatures.read(parameters, transform_output)
    model = loop.fit(
        build_model=functools.partial(wide_and_deep.build, features=features, options=parameters.model),
        train=read_columns(fn_args.train_files, feature_spec),
        evaluation=read_columns(fn_args.eval_files, feature_spec),
        options=parameters.loop,
        summary_dir=str(model_run / TENSORBOARD),
        report=history.append,
    )
    model.save(str(model_run / KERAS_MODEL))
    export.export(
        model=model,
        transform_output=transform_output,
        served=resolve_features(parameters, transform_output.raw_feature_spec()).names(),
        path=fn_args.serving_model_dir,
    )


class History:
    """Appends every progress report as a JSON line to a file, and logs it for whoever watches."""

    def __init__(self, path: str):
        self._path = path

    def append(self, progress: loop.Progress) -> None:
        """Record one report."""
        with tf.io.gfile.GFile(self._path, "a") as file:
            file.write(json.dumps(dataclasses.asdict(progress)) + "\n")
        text = f"epoch {progress.epoch}  step {progress.step}/{progress.steps}  loss {progress.loss:.4f}"
        if progress.eval_auc is not None:
            text += f"  eval auc {progress.eval_auc:.4f}"
        progress_logger.info("%s  %s examples/s", text, f"{progress.examples_per_second:,.0f}")
