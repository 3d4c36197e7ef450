"""Transformed taxi examples for the benchmarks of the trainer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Transformed:
    """The output of the Transform node.

    Attributes:
        graph: folder of the transform graph.
        train: glob pattern of the training split's files.
        eval: glob pattern of the eval split's files.
    """

    graph: str
    train: str
    eval: str

    def rows(self) -> int:
        """The number of examples in the training split."""
        import tensorflow as tf

        records = tf.data.TFRecordDataset(tf.io.gfile.glob(self.train), compression_type="GZIP")
        return sum(len(batch) for batch in records.batch(8192).as_numpy_iterator())

    def repeated(self, times: int, folder: Path) -> Transformed:
        """The training split copied ``times`` times into files of its own."""
        folder.mkdir(parents=True)
        for file in sorted(Path(self.train).parent.glob("*.gz")):
            for copy in range(times):
                shutil.copy(file, folder / f"{copy:04}-{file.name}")
        return Transformed(graph=self.graph, train=str(folder / "*"), eval=self.eval)


def make(runs: Path) -> Transformed:
    """Run the taxi pipeline up to Transform."""
    command = [sys.executable, "-m", "pipeline", "run", "--set", f"runs={runs}", "--to", "Transform"]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run(command, cwd=_ROOT, check=True, stdout=sys.stderr, env=environment)
    artifacts = runs / "taxi" / "artifacts" / "Transform"
    [graph] = (artifacts / "transform_graph").iterdir()
    [examples] = (artifacts / "transformed_examples").iterdir()
    return Transformed(graph=str(graph), train=f"{examples}/Split-train/*", eval=f"{examples}/Split-eval/*")
