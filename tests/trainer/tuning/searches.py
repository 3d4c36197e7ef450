"""A small real search that tests share; as a script it kills itself in the middle of a trial."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from tfx.components.trainer.fn_args_utils import FnArgs

from tests.shared.models.transformed import PARAMETERS
from trainer.loop.progress import progress_logger
from trainer.parameters import CHECKPOINTS_KEY, CUSTOM_CONFIG_KEY, Parameters
from trainer.tuner_fn import LoopTuner, tuner_fn
from trainer.tuning.search import SEARCH_KEY, Search

RATE = "loop.optimizer.learning_rate"


def custom_config(search: Mapping, *, checkpoints: Path | None, parameters: Parameters = PARAMETERS) -> dict[str, str]:
    """The custom_config that the pipeline passes to the Tuner."""
    return {
        CUSTOM_CONFIG_KEY: parameters.model_dump_json(),
        SEARCH_KEY: Search(**search).model_dump_json(),
        **({CHECKPOINTS_KEY: str(checkpoints)} if checkpoints else {}),
    }


def make_fn_args(data: Path, folder: Path, config: Mapping[str, str]) -> FnArgs:
    """The arguments that the component passes."""
    (folder / "work").mkdir(parents=True, exist_ok=True)
    return FnArgs(
        working_dir=str(folder / "work"),
        train_files=[str(data / "examples" / "Split-train" / "*")],
        eval_files=[str(data / "examples" / "Split-eval" / "*")],
        transform_graph_path=str(data / "transform"),
        custom_config=dict(config),
    )


def run(data: Path, folder: Path, search: Mapping, *, parameters: Parameters = PARAMETERS) -> LoopTuner:
    """Search as TFX's executor does, with checkpoints in ``folder``."""
    config = custom_config(search, checkpoints=folder / "checkpoints", parameters=parameters)
    result = tuner_fn(make_fn_args(data, folder, config))
    result.tuner.search(**result.fit_kwargs)
    return result.tuner


class KillAt(logging.Handler):
    """Kills this process at the second message that contains all texts."""

    def __init__(self, *texts: str):
        super().__init__(logging.INFO)
        self._texts = texts
        self._left = 2

    def emit(self, record: logging.LogRecord) -> None:
        self._left -= all(text in record.getMessage() for text in self._texts)
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    progress_logger.setLevel(logging.INFO)
    progress_logger.addHandler(KillAt("trial 2/3", "eval auc"))
    run(Path(sys.argv[1]), Path(sys.argv[2]), Search.model_validate_json(sys.argv[3]).model_dump())
