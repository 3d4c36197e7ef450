"""A training outside of a pipeline: its inputs, outputs and parameters in one file. No TensorFlow here.

The workers of a Kubernetes job and plain hosts train this way; see ``python -m trainer --help``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from trainer.options import Strict
from trainer.parameters import CHECKPOINTS_KEY, CUSTOM_CONFIG_KEY, Parameters

if TYPE_CHECKING:
    from tfx.components.trainer.fn_args_utils import FnArgs


class JobError(ValueError):
    """An unusable job file; one line with the file, the key and the reason."""


class TrainingJob(Strict):
    """A training, the same for all its processes. Paths are local or start with ``gs://``.

    Attributes:
        train: folders with the transformed examples of the training split, gzipped TFRecord files.
        eval: folders with those of the eval split.
        transform_graph: folder with the Transform component's output.
        model: the model's folder, which gets ``Format-Serving`` and ``Format-Keras``.
        model_run: folder of the history and TensorBoard's summaries.
        parameters: the trainer's parameters.
        checkpoints: a folder that all processes share; None means that a killed training starts over.
        base_model: folder of an earlier model, for ``loop.warm_start``.
        schema_file: the raw examples' schema, for a ``run_fn`` that needs it.
        hyperparameters: the result of a Tuner.
        custom_config: further entries for ``run_fn``.
        run_fn: dotted path of the function that trains.
    """

    train: tuple[str, ...] = Field(min_length=1)
    eval: tuple[str, ...] = Field(min_length=1)
    transform_graph: str
    model: str
    model_run: str
    parameters: Parameters
    checkpoints: str | None = None
    base_model: str | None = None
    schema_file: str | None = None
    hyperparameters: Mapping[str, Any] | None = None
    custom_config: Mapping[str, Any] = {}
    run_fn: str = "trainer.run_fn.run_fn"

    def fn_args(self) -> FnArgs:
        """The arguments that TFX's Trainer would pass to ``run_fn``, except ``data_accessor``."""
        import attr
        from tfx.components.trainer.fn_args_utils import FnArgs
        from tfx.utils import path_utils

        return attr.evolve(
            FnArgs(),
            train_files=[_all_files(folder) for folder in self.train],
            eval_files=[_all_files(folder) for folder in self.eval],
            transform_graph_path=self.transform_graph,
            transform_output=self.transform_graph,
            schema_path=self.schema_file,
            schema_file=self.schema_file,
            serving_model_dir=path_utils.serving_model_dir(self.model),
            eval_model_dir=path_utils.eval_model_dir(self.model),
            model_run_dir=self.model_run,
            base_model=path_utils.serving_model_path(self.base_model) if self.base_model else None,
            hyperparameters=self.hyperparameters,
            custom_config={
                **self.custom_config,
                CUSTOM_CONFIG_KEY: self.parameters.model_dump_json(),
                **({CHECKPOINTS_KEY: self.checkpoints} if self.checkpoints else {}),
            },
        )


def read(path: Path) -> TrainingJob:
    """Read a job from a JSON file.

    Raises:
        JobError: the file cannot be read or is not valid.
    """
    try:
        return TrainingJob.model_validate(json.loads(path.read_text()))
    except OSError as error:
        raise JobError(f"--job {path}: cannot be read ({error.strerror}).") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise JobError(f"--job {path}: {where}: {first['msg'].removeprefix('Value error, ')}") from None
    except ValueError as error:
        raise JobError(f"--job {path}: is not JSON ({error}).") from None


def check_inputs(job: TrainingJob) -> None:
    """Check before TensorFlow starts that the inputs exist, except those on ``gs://``.

    Raises:
        JobError: one does not exist; the message names its key and folder.
    """
    folders = [("train", each) for each in job.train] + [("eval", each) for each in job.eval]
    folders += [("transform_graph", job.transform_graph), ("base_model", job.base_model)]
    for key, folder in folders:
        if folder and "://" not in folder and not Path(folder).is_dir():
            raise JobError(f"{key}: there is no folder {folder}; is it mounted on this host?")


def _all_files(folder: str) -> str:
    return f"{folder.rstrip('/')}/*"
