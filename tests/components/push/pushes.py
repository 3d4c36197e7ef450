"""Models to push, and pushes that are killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from components.push.bucket_push import push
from components.storage.buckets import BucketFolder
from components.storage.files import files_below

LAST = "saved_model.pb"
WARMUP = "assets.extra/requests"
LEASE_SECONDS = 1.0


def write_model(folder: Path, *, seed: int = 0, size: int = 10) -> Path:
    """A Model artifact of three files; without the last one it is incomplete."""
    generator = random.Random(seed)
    for name in ("Format-Keras/model.keras", "Format-Serving/variables/data", f"Format-Serving/{LAST}"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(generator.randbytes(size))
    return folder


def push_to_bucket(
    model: Path,
    base: str,
    *,
    judged: str | None = None,
    then=lambda version, check: None,
    lease_seconds: float = LEASE_SECONDS,
) -> tuple[int, bool]:
    """As the Pusher does, with a shorter wait."""
    return push(
        files=files_below(model / "Format-Serving"),
        folder=BucketFolder(base, retry_seconds=2),
        last=LAST,
        uncounted=[WARMUP],
        judged=judged,
        then=then,
        lease_seconds=lease_seconds,
    )


def below(contents: dict[str, bytes], prefix: str) -> dict[str, bytes]:
    """The part of a bucket's objects."""
    return {name: content for name, content in contents.items() if name.startswith(prefix)}


def start(code: str, **environment: str) -> subprocess.Popen:
    """Run Python code in a process of its own, to be killed."""
    return subprocess.Popen([sys.executable, "-c", code], env={**os.environ, **environment})


def killed(process: subprocess.Popen) -> bool:
    """Whether it was, once it has ended."""
    return process.wait(timeout=60) == -signal.SIGKILL
