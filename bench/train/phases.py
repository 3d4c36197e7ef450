"""Our ``run_fn`` with a clock on its phases."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tfx.components.trainer.fn_args_utils import FnArgs

from trainer import run_fn
from trainer.export import saved_model
from trainer.parameters import Parameters
from trainer.training import Training


def timed_run_fn(fn_args: FnArgs, parameters: Parameters) -> dict[str, float]:
    """Run the node and return seconds by phase; training includes building and compiling."""
    del parameters
    seconds: dict[str, float] = {}

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - start

        return run

    Training.read = timed("read", Training.read)
    Training.fit = timed("train", Training.fit)
    Training.save = timed("save", Training.save)
    saved_model.export = timed("export", saved_model.export)
    run_fn.run_fn(fn_args)
    return seconds
