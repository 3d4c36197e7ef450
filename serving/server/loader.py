"""From a version's folder to something that can be asked: load, put a batch queue before it, warm it up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tensorflow.core.protobuf import config_pb2

from serving.batching.batched import BatchedServable
from serving.batching.parameters import BatchingParameters, read_parameters
from serving.inference import warmup
from serving.inference.engine import SavedModel
from serving.inference.servable import Servable
from serving.metrics import Metrics

# Beside saved_model.pb; read where the server is told to (servables/tensorflow/saved_model_bundle_factory.cc).
PER_MODEL_BATCHING_FILE = "batching_params.pbtxt"


@dataclass(frozen=True, kw_only=True)
class Loader:
    """Loads versions; call it with a model's name and a version's folder.

    Attributes:
        metrics: where batches and warm-ups are counted.
        tags: of the meta graph to load.
        intra_op_threads: of one op; 0: TensorFlow decides.
        inter_op_threads: for ops at the same time, where a run can be cancelled; 0: TensorFlow decides.
        batching: for every model; None: requests run one by one.
        per_model_batching: whether a model's own `PER_MODEL_BATCHING_FILE` goes first, and decides alone: without
            the file the model is not batched.
        warmup_iterations: of each warm-up request; 0: no warm-up.
    """

    metrics: Metrics
    tags: Sequence[str] = ("serve",)
    intra_op_threads: int = 0
    inter_op_threads: int = 0
    batching: BatchingParameters | None = None
    per_model_batching: bool = False
    warmup_iterations: int = 1

    def __call__(self, name: str, folder: Path) -> Servable:
        """Load one version, ready to be served.

        Raises:
            Exception: whatever goes wrong; nothing is left open.
        """
        parameters = self._parameters(folder)
        session_config = config_pb2.ConfigProto(
            intra_op_parallelism_threads=self.intra_op_threads, inter_op_parallelism_threads=self.inter_op_threads
        )
        servable: Servable = SavedModel(str(folder), tags=self.tags, session_config=session_config)
        try:
            if parameters:
                servable = BatchedServable(servable, parameters=parameters, metrics=self.metrics, name=name)
            if self.warmup_iterations:
                warmup.replay(servable, folder, iterations=self.warmup_iterations, metrics=self.metrics)
        except BaseException:
            servable.close()
            raise
        return servable

    def _parameters(self, folder: Path) -> BatchingParameters | None:
        if self.batching is None or not self.per_model_batching:
            return self.batching
        own = folder / PER_MODEL_BATCHING_FILE
        return read_parameters(own) if own.exists() else None
