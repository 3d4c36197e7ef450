"""TFX's entry point for the Tuner: trains with several sets of hyperparameters on the same data and keeps the best."""

from __future__ import annotations

import json
import logging
import math
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attr
import keras
import keras_tuner
import tensorflow as tf
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial
from keras_tuner.errors import FailedTrialError, FatalError
from pydantic import ValidationError
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.components.tuner.component import TunerFnResult

from trainer.distribution import replicas
from trainer.distribution.replicas import Replicas
from trainer.loop.actions import TrainingDiverged
from trainer.loop.progress import progress_logger
from trainer.models.heads import head_of
from trainer.objectives.chosen import Chosen
from trainer.parameters import CUSTOM_CONFIG_KEY, Parameters
from trainer.training import Training, checkpoint_folder
from trainer.tuning.algorithms import search_algorithm
from trainer.tuning.hyperparameters import described, with_hyperparameters
from trainer.tuning.search import SEARCH_KEY, Search, first_error

# The outcome of a trial, in its folder: the figures of the rows held back, or why it failed.
RECORD_FILE = "trial.json"
_FAILURE = "failure"
_STATE_FOLDER = "keras_tuner"


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """Make the tuner that ``custom_config`` describes.

    Args:
        fn_args: from the Tuner component; ``custom_config`` carries `Parameters` and `Search` as JSON, and the folder
            for checkpoints.
    """
    if replicas.cluster_size() > 1:
        raise ValueError("trainer.tuner: a search runs on one machine; unset TF_CONFIG or switch the tuner off.")
    parameters = Parameters.model_validate_json(fn_args.custom_config[CUSTOM_CONFIG_KEY])
    tuner = LoopTuner(
        fn_args=fn_args,
        parameters=parameters,
        search=Search.model_validate_json(fn_args.custom_config[SEARCH_KEY]),
        where=replicas.choose(parameters.loop.strategy, virtual_devices=parameters.loop.virtual_devices),
    )
    return TunerFnResult(tuner=tuner, fit_kwargs={})


class LoopTuner(BaseTuner):
    """Runs each trial with the training loop.

    The outcome of a trial is stored by its data, parameters and code. The same seed and the same results lead the
    algorithm to the same values again, so a search that was killed repeats no finished trial, and resumes the one that
    was running. KerasTuner's own files are discarded: it writes them in place, so that a kill can leave half a file,
    and it resumes some searches at another point than it left them.

    Args:
        fn_args: paths of the data and the folders.
        parameters: the configured parameters.
        search: algorithm, number of trials and space.
        where: where to train.
    """

    def __init__(self, *, fn_args: FnArgs, parameters: Parameters, search: Search, where: Replicas):
        head = head_of(parameters.label, chosen=Chosen.of(parameters))
        self._objective = search.objective or head.watched
        maximize = head.better_if_higher(self._objective)
        super().__init__(
            search_algorithm(search, keras_tuner.Objective(self._objective, "max" if maximize else "min")),
            directory=fn_args.working_dir,
            project_name=_STATE_FOLDER,
            overwrite=True,
        )
        # A trial is the same in every search. The Tuner's executor does not set transform_output as the Trainer's does.
        custom_config = {key: value for key, value in fn_args.custom_config.items() if key != SEARCH_KEY}
        self._fn_args = attr.evolve(fn_args, custom_config=custom_config, transform_output=fn_args.transform_graph_path)
        self._parameters = parameters
        self._trials = search.trials
        self._where = where
        self._failures: list[str] = []

    def search(self) -> None:
        """Run all trials on data that is read once.

        Raises:
            Preempted: SIGTERM came; the search resumes when it is run again.
            ValueError: all trials failed.
        """
        with tempfile.TemporaryDirectory(prefix="tuner-") as scratch:
            training = Training.read(self._fn_args, self._parameters, scratch=scratch)
            try:
                super().search(training=training, scratch=scratch)
            except FatalError as error:
                raise error.__cause__ or error from None
        done = len(self.oracle.trials) - len(self._failures)
        if not done:
            raise ValueError(f"all {len(self._failures)} trials failed: {'; '.join(self._failures)}")
        [best] = self.oracle.get_best_trials()
        # The last of the messages, which stays beside the node.
        progress_logger.info(
            f"trial {self._number(best)} is the best of {done}: {self._objective} {best.score:.4f} with "
            f"{described(best.hyperparameters.values)}"
        )

    def run_trial(self, trial: Trial, *, training: Training, scratch: str) -> dict[str, float]:
        """Train once.

        Args:
            trial: the trial and its values.
            training: the data.
            scratch: path of a folder on local disk.

        Returns:
            The objective's value by its name.

        Raises:
            FailedTrialError: the values do not work; the search continues with others.
            FatalError: any other error; the search ends.
        """
        name = f"trial {self._number(trial)}/{self._trials}"
        values = trial.hyperparameters.values
        try:
            with _messages_begin_with(name):
                progress_logger.info(described(values))
                figures = self._figures(values, training, str(Path(scratch, trial.trial_id)))
            if not math.isfinite(figures[self._objective]):
                raise ValueError(f"{self._objective} is {figures[self._objective]}")
        except (ValueError, tf.errors.ResourceExhaustedError) as error:
            reason = f"{name} failed: {_reason(error)}"
            progress_logger.warning(f"{reason} ({described(values)})")
            self._failures.append(reason)
            raise FailedTrialError(reason) from error
        except Exception as error:
            # KerasTuner would treat any other exception as an invalid trial.
            raise FatalError(str(error)) from error
        finally:
            # Until then Keras keeps the names of the model's layers.
            keras.utils.clear_session()
        return {self._objective: figures[self._objective]}

    def _figures(self, values: Mapping[str, Any], training: Training, scratch: str) -> Mapping[str, float]:
        parameters = with_hyperparameters(self._parameters, values)
        folder = checkpoint_folder(self._fn_args, parameters) or scratch
        record = _read(folder)
        if record is None:
            checkpoints = tf.io.gfile.join(folder, "checkpoints")
            trained = None
            try:
                trained = training.fit(
                    parameters,
                    replicas=self._where,
                    checkpoints=checkpoints,
                    report=lambda progress: progress_logger.info(progress.line()),
                    compared=True,
                )
                record = trained.evaluation
            except TrainingDiverged as error:
                record = {_FAILURE: str(error)}
                if tf.io.gfile.exists(checkpoints):
                    tf.io.gfile.rmtree(checkpoints)
            _write(folder, record)
            if trained is not None:
                trained.discard_checkpoints()
        if _FAILURE in record:
            raise TrainingDiverged(record[_FAILURE])
        return record

    @staticmethod
    def _number(trial: Trial) -> int:
        return int(trial.trial_id) + 1


def _reason(error: Exception) -> str:
    """The error in one line."""
    if isinstance(error, ValidationError):
        return first_error(error)
    return (str(error).splitlines() or [type(error).__name__])[0]


def _read(folder: str) -> Mapping[str, Any] | None:
    file = tf.io.gfile.join(folder, RECORD_FILE)
    if not tf.io.gfile.exists(file):
        return None
    with tf.io.gfile.GFile(file) as stream:
        return json.loads(stream.read())


def _write(folder: str, record: Mapping[str, Any]) -> None:
    tf.io.gfile.makedirs(folder)
    file = tf.io.gfile.join(folder, RECORD_FILE)
    with tf.io.gfile.GFile(f"{file}.part", "w") as stream:
        stream.write(json.dumps(dict(record)))
    tf.io.gfile.rename(f"{file}.part", file, overwrite=True)


@contextmanager
def _messages_begin_with(name: str) -> Iterator[None]:
    """While open, messages of a training name its trial, and its warnings do not stay on the screen."""

    def prefix(record: logging.LogRecord) -> bool:
        record.msg, record.args = f"{name}  {record.getMessage()}", ()
        record.levelno, record.levelname = logging.INFO, "INFO"
        return True

    progress_logger.addFilter(prefix)
    try:
        yield
    finally:
        progress_logger.removeFilter(prefix)
