"""TFX's entry point: read the transformed examples, train, export."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from trainer.distribution import replicas
from trainer.export import saved_model
from trainer.export.model_artifact import is_empty
from trainer.loop.precision import in_float32
from trainer.loop.progress import Journal, progress_logger
from trainer.parameters import CUSTOM_CONFIG_KEY, KERAS_FOLDER, Parameters
from trainer.training import Training, checkpoint_folder
from trainer.tuning import hyperparameters  # part: tuner

# Inside the ModelRun artifact: TensorBoard's events, and the progress reports.
TENSORBOARD = "tensorboard"
HISTORY = "history.jsonl"


def run_fn(fn_args: FnArgs) -> None:
    """Train on ``fn_args.train_files`` and write the SavedModel to ``fn_args.serving_model_dir``.

    A killed training resumes from its last checkpoint when it is run again on the same data with the same parameters
    and code.

    Args:
        fn_args: from the Trainer component; ``custom_config`` carries `Parameters` as JSON, and the folder for
            checkpoints.
    """
    parameters = Parameters.model_validate_json(fn_args.custom_config[CUSTOM_CONFIG_KEY])
    tuned = fn_args.hyperparameters or {}  # part: tuner
    parameters = hyperparameters.with_hyperparameters(parameters, tuned.get("values", {}))  # part: tuner
    loop = parameters.loop
    where = replicas.choose(
        loop.strategy, worker_start_seconds=loop.worker_start_seconds, virtual_devices=loop.virtual_devices
    )
    transform_output = tft.TFTransformOutput(fn_args.transform_output)
    with tempfile.TemporaryDirectory(prefix="trainer-") as scratch:
        training = Training.read(fn_args, parameters, scratch=scratch)
        # Only the chief's files are kept.
        model_dir = fn_args.serving_model_dir if where.chief else str(Path(scratch, "export"))
        model_run = fn_args.model_run_dir if where.chief else str(Path(scratch, "run"))
        journal = Journal(
            history=tf.io.gfile.join(model_run, HISTORY), tensorboard=tf.io.gfile.join(model_run, TENSORBOARD)
        )
        with journal:
            trained = training.fit(
                parameters,
                replicas=where,
                checkpoints=checkpoint_folder(fn_args, parameters) or str(Path(scratch, "checkpoints")),
                report=journal.report,
                base_model=base_model(fn_args, parameters),
            )
        # Half precision is for training only; serving computes in float32.
        model = in_float32(trained.model)
        training.save(model, keras_folder(model_dir))
        saved_model.export(
            model=model,
            transform_output=transform_output,
            label=parameters.label,
            features=parameters.resolved_features(transform_output.raw_feature_spec()),
            path=model_dir,
        )
        trained.discard_checkpoints()


def keras_folder(serving_model_dir: str) -> str:
    """The folder of the Keras file, given the export's folder in the same Model artifact."""
    return tf.io.gfile.join(_artifact(serving_model_dir), KERAS_FOLDER)


def base_model(fn_args: FnArgs, parameters: Parameters) -> str | None:
    """The folder of the Keras file to start from; None without a warm start."""
    if not parameters.loop.warm_start:
        return None
    if fn_args.base_model is None or is_empty(_artifact(fn_args.base_model)):
        progress_logger.warning("warm_start has no effect: no model has been pushed yet.")
        return None
    return keras_folder(fn_args.base_model)


def _artifact(serving_model_dir: str) -> str:
    """The Model artifact's folder, given the export's folder in it; both may be ``gs://``."""
    return os.path.dirname(serving_model_dir.rstrip("/"))  # noqa: PTH120
