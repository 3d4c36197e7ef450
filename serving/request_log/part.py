"""The request log as a part of the server."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from serving.metrics import Metrics
from serving.options import ServerOptions, out_of_range
from serving.part import AddFlag, Part

if TYPE_CHECKING:
    from serving.request_log.writer import RequestLog

_RANGES = (
    ("request_log_sampling_rate", 0, 1),
    ("request_log_rotate_bytes", 1, math.inf),
    ("request_log_rotate_seconds", 1, math.inf),
    ("request_log_max_files", 1, math.inf),
)


@dataclass(frozen=True, kw_only=True)
class RequestLogPart(Part):
    """Logs requests where ``request_log_folder`` is given; every field is the flag of the same name."""

    title: ClassVar[str] = "request log"
    request_log_folder: Path | None
    request_log_sampling_rate: float
    request_log_rotate_bytes: int
    request_log_rotate_seconds: float
    request_log_max_files: int

    @classmethod
    def add_flags(cls, add: AddFlag) -> None:
        """See `Part.add_flags`."""
        add("--request_log_folder", type=Path, help="gets a sample of requests and responses as TFRecord files")
        add("--request_log_sampling_rate", type=float, default=0.01, help="share of the requests (default: 0.01)")
        add("--request_log_rotate_bytes", type=int, default=64 * 2**20, help="size of a file (default: 64 MiB)")
        add("--request_log_rotate_seconds", type=float, default=3600.0, help="age of a file (default: 3600)")
        add(
            "--request_log_max_files",
            type=int,
            default=100,
            help="of each model; the oldest are removed (default: 100)",
        )

    def problem(self, options: ServerOptions) -> str | None:
        """See `Part.problem`."""
        return out_of_range(self, _RANGES)

    def request_logger(self, metrics: Metrics) -> RequestLog | None:
        """See `Part.request_logger`."""
        folder = self.request_log_folder
        if folder is None:
            return None
        from serving.request_log.writer import RequestLog

        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise ValueError(f"--request_log_folder: {error.strerror}: {folder}") from None
        return RequestLog(
            folder=folder,
            sampling_rate=self.request_log_sampling_rate,
            rotate_bytes=self.request_log_rotate_bytes,
            rotate_seconds=self.request_log_rotate_seconds,
            max_files=self.request_log_max_files,
            metrics=metrics,
        )
