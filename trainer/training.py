"""One training as the Trainer and the Tuner run it: the decoded data, and the features that a model is built for."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from trainer import models
from trainer.data.columns import Columns, read_columns
from trainer.data.held_back import hold_back
from trainer.distribution.replicas import Replicas
from trainer.features.meaning import meanings, unlearnt_columns
from trainer.features.transformed import EXAMPLE_WEIGHT_KEY, LABEL_KEY, TransformedFeatures, pixel_scales
from trainer.labels import threshold, values
from trainer.labels.config import Label
from trainer.loop import controller, warm_start
from trainer.loop.evaluation import Evaluation
from trainer.loop.progress import TrainingProgress, progress_logger
from trainer.loop.warm_start import Meanings
from trainer.models import python_ops
from trainer.models.heads import head_of
from trainer.models.outcome import TargetScale, Threshold, followed_by
from trainer.objectives.chosen import Chosen
from trainer.options import Loop
from trainer.parameters import CHECKPOINTS_KEY, CHECKPOINTS_OF_KEY, EXECUTION, KERAS_FILE, Parameters

# The meaning of the ids, beside the Keras file.
MEANINGS_FILE = "ids.json"

_ROWS_PER_READ = 65536


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
        python_ops.refuse_in_transform(transform_output.transform_savedmodel_dir)
        features = parameters.resolved_features(transform_output.raw_feature_spec())
        read = functools.partial(
            read_columns, feature_spec=transform_output.transformed_feature_spec(), pixels=pixel_scales(features)
        )
        known = meanings(features, transform_output)
        for name in unlearnt_columns(features, known):
            progress_logger.warning(
                f"{name}: no value of train is frequent enough for its vocabulary, so that all are unknown to the "
                "network; lower min_count, choose hash, or drop the column."
            )
        # The splits share the memory roughly as they share the examples.
        memory = parameters.loop.memory_mb * 2**20
        return cls(
            features=TransformedFeatures.read(features, transform_output),
            meanings=Meanings(known),
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
        compared: bool = False,
    ) -> controller.Trained:
        """Train one model.

        Args:
            parameters: model and loop options.
            replicas: where to train.
            checkpoints: path of a folder that no other training uses.
            report: receives every report.
            base_model: folder of an earlier model's Keras file to start from; None starts afresh.
            compared: whether the figures choose between trainings.

        Returns:
            The model, and its figures on the rows of train that are held back if anything is chosen by them, else on
            the eval split.

        Raises:
            ValueError: the labels or an option do not allow a training; see also `trainer.loop.controller.fit`.
        """
        label, loop = parameters.label, parameters.loop
        for split, columns in (("train", self.train), ("eval", self.evaluation)):
            values.check(_labels(columns), label=label, split=split)
        train, evaluation = self._rows(loop, chosen_by=compared or isinstance(label.threshold, str))
        labels = _labels(train)
        outcome = _outcome(label, labels)
        chosen = Chosen.of(parameters)
        head = head_of(label, outcome, chosen=chosen)

        def build_model() -> keras.Model:
            model = models.build(parameters.model, features=self.features, units=head.units)
            python_ops.refuse_in_model(model, parameters.model.name, self.features)
            model = followed_by(model, outcome) if outcome else model
            if base_model:
                self._warm_start(model, base_model)
            return model

        trained = controller.fit(
            build_model=build_model,
            head=head,
            class_weights=values.class_weights(
                loop.class_weights, label=label, values=labels, row_weights=_weights(train)
            ),
            train=train,
            evaluation=evaluation,
            options=loop,
            replicas=replicas,
            checkpoints=checkpoints,
            report=report,
        )
        return _with_threshold(
            trained, outcome, label=label, objectives=chosen, evaluation=evaluation, eager=loop.eager
        )

    def _rows(self, loop: Loop, *, chosen_by: bool) -> tuple[Columns, Columns]:
        """The rows to train on, and those to evaluate while training."""
        if chosen_by or loop.stopping:
            return hold_back(self.train, share=loop.validation, seed=loop.seed)
        if loop.validation != Loop().validation:
            progress_logger.warning("validation has no effect: nothing is chosen by rows that are held back.")
        return self.train, self.evaluation

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


def _labels(columns: Columns) -> np.ndarray:
    """The labels, ``[rows]``."""
    return _column(columns, LABEL_KEY)


def _weights(columns: Columns) -> np.ndarray | None:
    """The example weights, ``[rows]``; None if there are none."""
    return _column(columns, EXAMPLE_WEIGHT_KEY) if EXAMPLE_WEIGHT_KEY in columns.layout.columns else None


def _column(columns: Columns, name: str) -> np.ndarray:
    place = columns.layout.columns[name]
    starts = range(0, columns.rows, _ROWS_PER_READ)
    indices = [np.arange(start, min(start + _ROWS_PER_READ, columns.rows)) for start in starts]
    return np.concatenate([columns.matrices[place.matrix].take(some)[:, place.start] for some in indices])


def _outcome(label: Label, labels: np.ndarray) -> keras.layers.Layer | None:
    """The layer at the network's end for what is learnt from the labels; None if there is no such thing."""
    if label.task == "regression":
        mean, std = values.scale(labels, log=label.log)
        return TargetScale(mean=mean, std=std, name="target_scale")
    return Threshold(name="threshold") if isinstance(label.threshold, str) else None


def _with_threshold(
    trained: controller.Trained,
    outcome: keras.layers.Layer | None,
    *,
    label: Label,
    objectives: Chosen,
    evaluation: Columns,
    eager: bool,
) -> controller.Trained:
    """The trained model with the threshold that the rows held back choose, and its figures there, if it has one."""
    if not isinstance(outcome, Threshold) or not isinstance(label.threshold, str):
        return trained
    evaluate = functools.partial(Evaluation, model=trained.model, columns=evaluation, eager=eager)
    probabilities, labels, weights = evaluate(head=head_of(label)).predictions()
    measure = label.threshold.removeprefix("best_")
    chosen = threshold.best_threshold(probabilities[:, 0], labels, weights, measure=measure)
    outcome.probability.assign(chosen)
    progress_logger.warning(f"threshold {chosen:.4f} has the best {measure} of {len(labels):,} rows held back.")
    return dataclasses.replace(trained, evaluation=evaluate(head=head_of(label, outcome, chosen=objectives)).run())


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
