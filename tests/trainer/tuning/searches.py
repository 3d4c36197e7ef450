"""A small real search that tests share; as a script it kills itself in the middle of a trial."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from tfx.components.trainer.fn_args_utils import FnArgs

from trainer.loop.progress import progress_logger
from trainer.parameters import CHECKPOINTS_KEY, CUSTOM_CONFIG_KEY, Parameters
from trainer.tuner_fn import LoopTuner, tuner_fn
from trainer.tuning.search import SEARCH_KEY, Search

RATE = "loop.optimizer.learning_rate"
PARAMETERS = Parameters(
    label={"column": "y"},
    features={"numeric": ["x"], "vocabulary": {"kind": {"top_k": 5}}},
    model={"embedding_dim": 2, "hidden_units": [4], "dropout": 0.1},
    loop={"global_batch_size": 32, "epochs": 4, "steps_per_loop": 5, "jit_compile": False},
)


def write_data(folder: Path, *, rows: int = 300) -> None:
    """Analyse and transform for real, and write everything in the layout of the Transform component."""
    import tensorflow as tf

    from tests.shared import exports

    generator = np.random.default_rng(0)
    x, kinds = generator.normal(size=rows), generator.choice(["a", "b", "c"], rows)
    noise = generator.normal(scale=0.5, size=rows)
    data = [
        {"x": float(x[i]), "kind": str(kinds[i]), "y": int(x[i] + (kinds[i] == "a") + noise[i] > 0.5)}
        for i in range(rows)
    ]
    types = {"x": tf.float32, "kind": tf.string, "y": tf.int64}
    spec = {name: tf.io.FixedLenFeature([1], kind) for name, kind in types.items()}
    exports.transform(data, spec, PARAMETERS, folder)
    records = tf.data.TFRecordDataset(str(folder / "transformed.gz"), "GZIP")
    for split, part in (("train", records.take(rows // 2)), ("eval", records.skip(rows // 2))):
        (folder / "examples" / f"Split-{split}").mkdir(parents=True)
        with tf.io.TFRecordWriter(str(folder / "examples" / f"Split-{split}" / "part.gz"), "GZIP") as writer:
            for record in part.as_numpy_iterator():
                writer.write(record)


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
