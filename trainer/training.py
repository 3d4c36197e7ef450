"""One training as the Trainer and the Tuner run it: the decoded data, and the features that a model is built for."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from trainer import models
from trainer.data.columns import Columns, read_columns
from trainer.distribution.replicas import Replicas
from trainer.features.meaning import meanings
from trainer.features.transformed import TransformedFeatures
from trainer.loop import controller, warm_start
from trainer.loop.progress import TrainingProgress, progress_logger
from trainer.loop.warm_start import Meanings
from trainer.models.heads import class_weight_table, head_of
from trainer.parameters import CHECKPOINTS_KEY, CHECKPOINTS_OF_KEY, EXECUTION, Parameters

# The trained model before any export, and the meaning of its ids, in the same folder.
KERAS_FILE = "model.keras"
MEANINGS_FILE = "ids.json"


@dataclass(frozen=True, kw_only=True)
class Training:
    """The data, which all trainings on it share.

    Attributes:
        features: names and sizes of the transformed features.
        meanings: what the ids stand for.
        train: the training split.
        evaluation: the eval split.
    """

    features: TransformedFeatures
    meanings: Meanings
    train: Columns
    evaluation: Columns

    @classmethod
    def read(cls, fn_args: FnArgs, parameters: Parameters, *, scratch: str) -> Training:
        """Decode the splits.

        Args:
            fn_args: from the component.
            parameters: name the features and the memory limit of the splits.
            scratch: path of a folder on local disk, for splits above the limit.
        """
        transform_output = tft.TFTransformOutput(fn_args.transform_output)
        features = parameters.resolved_features(transform_output.raw_feature_spec())
        read = functools.partial(read_columns, feature_spec=transform_output.transformed_feature_spec())
        # The splits share the memory roughly as they share the examples.
        memory = parameters.loop.memory_mb * 2**20
        return cls(
            features=TransformedFeatures.read(features, transform_output),
            meanings=Meanings(meanings(features, transform_output)),
            train=read(fn_args.train_files, memory_bytes=memory * 3 // 4, scratch=str(Path(scratch, "train"))),
            evaluation=read(fn_args.eval_files, memory_bytes=memory // 4, scratch=str(Path(scratch, "eval"))),
        )

    def fit(
        self,
        parameters: Parameters,
        *,
        replicas: Replicas,
        checkpoints: str,
        report: Callable[[TrainingProgress], None],
        base_model: str | None = None,
    ) -> controller.Trained:
        """Train one model.

        Args:
            parameters: model and loop options.
            replicas: where to train.
            checkpoints: path of a folder that no other training uses.
            report: receives every report.
            base_model: folder of an earlier model's Keras file to start from; None starts afresh.
        """
        head = head_of(parameters.label)

        def build_model() -> keras.Model:
            model = models.build(parameters.model, features=self.features, units=head.units)
            if base_model:
                self._warm_start(model, base_model)
            return model

        return controller.fit(
            build_model=build_model,
            head=head,
            class_weights=class_weight_table(parameters.label, parameters.loop.class_weights),
            train=self.train,
            evaluation=self.evaluation,
            options=parameters.loop,
            replicas=replicas,
            checkpoints=checkpoints,
            report=report,
        )

    def save(self, model: keras.Model, folder: str) -> None:
        """Write the Keras file and what its ids mean."""
        tf.io.gfile.makedirs(folder)
        model.save(tf.io.gfile.join(folder, KERAS_FILE))
        self.meanings.write(tf.io.gfile.join(folder, MEANINGS_FILE))

    def _warm_start(self, model: keras.Model, base_model: str) -> None:
        taken, count = warm_start.transfer(
            model,
            keras_file=tf.io.gfile.join(base_model, KERAS_FILE),
            old=Meanings.read(tf.io.gfile.join(base_model, MEANINGS_FILE)),
            new=self.meanings,
        )
        progress_logger.warning(f"warm start: {taken} of {count} variables come from the model pushed last.")


def checkpoint_folder(fn_args: FnArgs, parameters: Parameters) -> str | None:
    """A folder for the checkpoints of this training: the same for the same data, parameters, code and initial weights.

    Where two such executions may run at the same time, each has its own, which its attempts share.

    Args:
        fn_args: from the component.
        parameters: the training's parameters.

    Returns:
        The path, or None if the component names no folder for checkpoints: then a killed training starts over.
    """
    root = fn_args.custom_config.get(CHECKPOINTS_KEY)
    if root is None:
        return None
    identity = [
        parameters.model_dump_json(),
        {key: value for key, value in sorted(fn_args.custom_config.items()) if key != CHECKPOINTS_KEY},
        fn_args.train_files,
        fn_args.eval_files,
        fn_args.transform_output,
        fn_args.base_model,
    ]
    if fn_args.custom_config.get(CHECKPOINTS_OF_KEY) == EXECUTION:
        # All attempts of an execution write to the same folder, and no other execution does. A Tuner writes no model.
        identity.append(fn_args.serving_model_dir or fn_args.working_dir)
    return tf.io.gfile.join(root, hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16])
