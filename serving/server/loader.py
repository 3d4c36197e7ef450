"""From a version's folder to a servable: load it, wrap it, warm it up."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tensorflow.core.protobuf import config_pb2

from serving.inference import warmup
from serving.inference.engine import SavedModel
from serving.inference.servable import Servable
from serving.metrics import Metrics
from serving.models.folders import Folder
from serving.part import Wrap


class _Copied:
    """A `Servable` whose files are deleted when it is closed."""

    def __init__(self, servable: Servable, files: ExitStack):
        self.signatures = servable.signatures
        self.run = servable.run
        self._servable, self._files = servable, files

    def close(self) -> None:
        """Free the memory and the files."""
        self._servable.close()
        self._files.close()


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

    def __call__(self, name: str, folder: Folder) -> Servable:
        """Load one version so that it can be served.

        Raises:
            Exception: copying, loading or warm-up failed; nothing is left open.
        """
        if isinstance(folder, Path):
            return self._load(name, folder)
        with ExitStack() as stack:
            copies = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"{name.replace('/', '_')}-")))
            copy = copies / folder.uri.rpartition("/")[2]
            folder.copy_to(copy)
            servable = self._load(name, copy)
            return _Copied(servable, stack.pop_all())

    def _load(self, name: str, folder: Path) -> Servable:
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
