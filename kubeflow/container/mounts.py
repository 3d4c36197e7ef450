"""Where a container sees the object store: folders that the orchestrator mounts or fills.

Vertex mounts buckets with FUSE; the launcher of Kubeflow Pipelines copies inputs to such folders before the container's
command runs, and outputs from them afterwards. Both use the same names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_FOLDERS = {"gs://": "gcs", "minio://": "minio", "s3://": "s3"}
# The parent of these folders; "/" by default.
ROOT_VARIABLE = "MOUNTS_ROOT"


@dataclass(frozen=True)
class Mounts:
    """The mounts of this container.

    Attributes:
        root: folder of the mounts.
    """

    root: Path

    @classmethod
    def of_environment(cls) -> Mounts:
        """The mounts below ``MOUNTS_ROOT``."""
        return cls(Path(os.environ.get(ROOT_VARIABLE, "/")))

    def local(self, uri: str) -> str | None:
        """The local path of ``uri``; None if it is not in an object store."""
        for scheme, folder in _FOLDERS.items():
            if uri.startswith(scheme):
                return str(self.root / folder / uri.removeprefix(scheme))
        return None


def back(text: str, uris: Mapping[str, str]) -> str:
    """``text`` with a leading local path replaced by its URI; any other text unchanged.

    Args:
        text: property of an artifact, such as the path of the evaluated model.
        uris: URIs by local path.
    """
    for path, uri in uris.items():
        if text == path or text.startswith(f"{path}/"):
            return uri + text.removeprefix(path)
    return text
