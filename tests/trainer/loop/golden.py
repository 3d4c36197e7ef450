"""Prints the losses of a training with most options switched on, and the golden ones of this kind of machine.

``python -m tests.trainer.loop.golden FOLDER`` only prints; ``--write`` makes the losses the golden ones, after a change
that is meant to change them.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import keras
import tensorflow as tf

from tests.trainer.training import fit, make_columns

FOLDER = Path(__file__).with_name("golden_losses")


def machine() -> str:
    """Everything that the bits may depend on: the processor's instructions, its cores, and the versions."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    flags = sorted(next((line for line in lines if line.startswith(("flags", "Features"))), "").split())
    cores = sum(line.startswith("processor") for line in lines)
    text = f"{flags} {cores} {tf.__version__} {keras.__version__}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def main() -> None:
    """Train and print; write the golden file if asked to."""
    _, reports = fit(
        make_columns(200),
        Path(sys.argv[1]),
        steps_per_loop=1,
        dropout=0.2,
        accumulation=2,
        label_smoothing=0.05,
        class_weights={"1": 2.0},
        optimizer={"learning_rate": 0.02, "weight_decay": 0.01, "clip_norm": 1.0, "ema": 0.95},
    )
    losses = [report.loss.hex() for report in reports]
    file = FOLDER / f"{machine()}.json"
    golden = json.loads(file.read_text()) if file.exists() else None
    if "--write" in sys.argv:
        FOLDER.mkdir(exist_ok=True)
        file.write_text(json.dumps(losses, indent=0) + "\n")
    print(json.dumps({"losses": losses, "golden": golden}))


if __name__ == "__main__":
    main()
