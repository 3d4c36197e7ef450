"""Trains on so many virtual devices or as one of several workers, in a process of its own; writes weights and losses.

``python -m tests.trainer.distribution.strategies OUT DEVICES OPTIONS``; TF_CONFIG makes it a worker.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np


def main() -> None:
    """Train on the shared small data and save what came out."""
    out, devices, options = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
    from tests.trainer.training import build_for_pictures, fit, make_columns, make_pictures
    from trainer.distribution import replicas
    from trainer.distribution.preemption import RESUMABLE_EXIT_CODE, Preempted

    where = replicas.choose(options.get("strategy", "auto"), virtual_devices=devices if devices > 1 else None)
    rows = options.pop("rows", 100)
    columns, build = make_columns, None
    if options.pop("pictures", False):
        columns, build = make_pictures, build_for_pictures
    try:
        trained, reports = fit(
            columns(rows), out.parent / options.pop("folder", f"{out.stem}-run"), build=build, where=where, **options
        )
    except Preempted:
        sys.exit(RESUMABLE_EXIT_CODE)
    np.savez(out, *trained.model.get_weights())
    losses = [report.loss for report in reports if report.eval is None]
    out.with_suffix(".json").write_text(json.dumps({"losses": losses, "eval": dict(trained.evaluation)}))


if __name__ == "__main__":
    main()
