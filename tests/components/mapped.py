"""Takes batches from a large mapped file and prints by how much this process' memory grew."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import psutil

from trainer.columns import Column, Columns, Layout, MappedMatrix
from trainer.input import Batches, plan

ROWS, WIDTH, MEMORY = 1_000_000, 50, 16 * 2**20


def main() -> None:
    """Write the file in pieces, map it, and visit every row once."""
    file = Path(sys.argv[1], "float32.bin")
    with file.open("wb") as stream:
        for start in range(0, ROWS, 10_000):
            np.full((10_000, WIDTH), start, np.float32).tofile(stream)
    layout = Layout({"x": Column(matrix="float32", start=0, shape=(WIDTH,))})
    matrix = MappedMatrix(file, dtype="float32", width=WIDTH, resident_bytes=MEMORY)
    batches = Batches(
        Columns(layout=layout, matrices={"float32": matrix}, rows=ROWS), batch_size=512, replicas=1, seed=0
    )
    calls = plan(start=0, total=batches.steps_per_epoch, per_call=8, stops=[])
    batches.block(calls[0], replica=0, steps=8)
    process, most = psutil.Process(), 0
    before = process.memory_info().rss
    for call in calls:
        batches.block(call, replica=0, steps=8)
        most = max(most, process.memory_info().rss)
    print(json.dumps({"resident_mb": (most - before) / 2**20, "file_mb": file.stat().st_size / 2**20}))


if __name__ == "__main__":
    main()
