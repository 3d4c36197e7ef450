"""Reads a split far larger than its memory limit, and every row of it; prints by how much this process grew, not
counting pages of files, which the system reclaims whenever it needs them."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import psutil
import tensorflow as tf

from tests.shared.models.small_model import serialize
from trainer.data.batches import Batches, plan
from trainer.data.columns import read_columns

ROWS, COPIES, WIDTH, MEMORY = 20_000, 20, 200, 16 * 2**20


def main() -> None:
    """Write one file, copy it, read all copies, and visit every row once."""
    folder = Path(sys.argv[1])
    with tf.io.TFRecordWriter(str(folder / "00.gz"), "GZIP") as writer:
        for row in range(ROWS):
            writer.write(serialize({"x": [float(row)] * WIDTH}))
    # The fixed cost of reading is not counted.
    spec = {"x": tf.io.FixedLenFeature([WIDTH], tf.float32)}
    visit(folder / "00.gz", spec, folder / "warm-up")
    for copy in range(1, COPIES):
        shutil.copy(folder / "00.gz", folder / f"{copy:02}.gz")
    before = own_memory()
    most = max(visit(folder / "*.gz", spec, folder / "scratch"))
    decoded = ROWS * COPIES * WIDTH * 4
    print(json.dumps({"grown_mb": (most - before) / 2**20, "decoded_mb": decoded / 2**20}))


def visit(files: Path, spec: dict[str, tf.io.FixedLenFeature], scratch: Path) -> list[int]:
    """`own_memory` after reading, and after each call's batches."""
    columns = read_columns([str(files)], spec, memory_bytes=MEMORY, scratch=str(scratch))
    grown = [own_memory()]
    batches = Batches(columns, batch_size=512, replicas=1, seed=0)
    for call in plan(start=0, total=batches.steps_per_epoch, per_call=8, stops=[]):
        batches.block(call, replica=0, steps=8)
        grown.append(own_memory())
    return grown


def own_memory() -> int:
    """Resident bytes that do not belong to a file."""
    memory = psutil.Process().memory_info()
    return memory.rss - memory.shared


if __name__ == "__main__":
    main()
