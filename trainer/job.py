"""A training that no pipeline runs: its inputs, outputs and parameters in one file. No TensorFlow here.

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
    """A job file that cannot be used; one line: which file, which key, what is wrong."""


class Job(Strict):
    """What a process is told; all processes of a training get the same. Every path is a local one or ``gs://``.

    Attributes:
        train: folders of transformed examples to learn from, gzipped TFRecord files.
        eval: the same to evaluate on.
        transform_graph: the Transform component's output.
        model: the folder to write the model to: ``Format-Serving`` and ``Format-Keras`` below it.
        model_run: the folder for the history and TensorBoard's summaries.
        parameters: of the trainer.
        checkpoints: a folder that all processes share; None means that a killed training starts over.
        base_model: the folder of an earlier model, for ``loop.warm_start``.
        schema_file: of the raw examples; for a ``run_fn`` that asks for it.
        hyperparameters: what a Tuner found.
        custom_config: what else ``run_fn`` gets.
        run_fn: the dotted path of the function that trains.
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
        """What TFX's Trainer would call ``run_fn`` with, but for ``data_accessor``."""
        from tfx.components.trainer.fn_args_utils import FnArgs
        from tfx.utils import path_utils

        return FnArgs(
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


def read(path: Path) -> Job:
    """Read a job from JSON.

    Raises:
        JobError: the file cannot be read or does not fit.
    """
    try:
        return Job.model_validate(json.loads(path.read_text()))
    except OSError as error:
        raise JobError(f"--job {path}: cannot be read ({error.strerror}).") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise JobError(f"--job {path}: {where}: {first['msg'].removeprefix('Value error, ')}") from None
    except ValueError as error:
        raise JobError(f"--job {path}: is not JSON ({error}).") from None


def check_inputs(job: Job) -> None:
    """Find out before TensorFlow starts that an input is not there; ``gs://`` is left to it.

    Raises:
        JobError: names the key and the folder.
    """
    folders = [("train", each) for each in job.train] + [("eval", each) for each in job.eval]
    folders += [("transform_graph", job.transform_graph), ("base_model", job.base_model)]
    for key, folder in folders:
        if folder and "://" not in folder and not Path(folder).is_dir():
            raise JobError(f"{key}: there is no folder {folder}; is it mounted on this host?")


def _all_files(folder: str) -> str:
    return f"{folder.rstrip('/')}/*"
