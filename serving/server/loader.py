"""From a version's folder to a servable: load it, wrap it, warm it up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tensorflow.core.protobuf import config_pb2

from serving.inference import warmup
from serving.inference.engine import SavedModel
from serving.inference.servable import Servable
from serving.metrics import Metrics
from serving.part import Wrap


@dataclass(frozen=True, kw_only=True)
class Loader:
    """Loads versions; call it with a model's name and a version's folder.

    Attributes:
        metrics: where warm-ups are counted.
        tags: tags of the meta graph to load.
        intra_op_threads: int, threads of one op; 0: TensorFlow decides.
        inter_op_threads: int, ops at a time in runs that can be cancelled; 0: TensorFlow decides.
        wraps: what to put before a loaded version, the innermost first.
        warmup_iterations: int, runs of each warm-up request; 0: no warm-up.
    """

    metrics: Metrics
    tags: Sequence[str] = ("serve",)
    intra_op_threads: int = 0
    inter_op_threads: int = 0
    wraps: Sequence[Wrap] = ()
    warmup_iterations: int = 1

    def __call__(self, name: str, folder: Path) -> Servable:
        """Load one version so that it can be served.

        Raises:
            Exception: loading or warm-up failed; nothing is left open.
        """
        session_config = config_pb2.ConfigProto(
            intra_op_parallelism_threads=self.intra_op_threads, inter_op_parallelism_threads=self.inter_op_threads
        )
        servable: Servable = SavedModel(str(folder), tags=self.tags, session_config=session_config)
        try:
            for wrap in self.wraps:
                servable = wrap(servable, name, folder)
            if self.warmup_iterations:
                warmup.replay(servable, folder, iterations=self.warmup_iterations, metrics=self.metrics)
        except BaseException:
            servable.close()
            raise
        return servable
