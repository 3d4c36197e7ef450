"""Trains once undisturbed, and once killed several times at random moments; prints what each ended with.

``python -m tests.trainer.loop.kills FOLDER KILLS``. Importing TensorFlow takes longer than these trainings, so they are
forked from a process that has imported it and has not begun to use it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.trainer.training import fit, make_columns
from trainer.loop.checkpoints import Checkpoints, TrainingState

OPTIONS = {
    "epochs": None,
    "steps": 240,
    "steps_per_loop": 4,
    "evaluate_every_steps": 40,
    "dropout": 0.3,
    "jit_compile": False,
    "checkpoints": {"every_steps": 4},
    "early_stopping": {"metric": "auc", "patience": 100},
    "optimizer": {"learning_rate": 0.01, "ema": 0.9, "weight_decay": 0.01},
}


@dataclass(frozen=True)
class Kill:
    """When to die: so many seconds after a save has begun, the first, second, ... of a process."""

    save: int
    seconds: float


def train(folder: Path, steps: int, kill: Kill | None) -> None:
    """Train, and die as ``kill`` says."""
    save, begun = Checkpoints.save, []

    def save_and_die(self: Checkpoints, state: TrainingState) -> None:
        begun.append(state.step)
        if kill is not None and len(begun) == kill.save:
            threading.Timer(kill.seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
        save(self, state)

    Checkpoints.save = save_and_die
    trained, reports = fit(make_columns(100), folder, **{**OPTIONS, "steps": steps})
    np.savez(folder / "weights.npz", *trained.model.get_weights())
    (folder / "end.json").write_text(
        json.dumps({"first_report": reports[0].step, "evaluation": dict(trained.evaluation)})
    )


def in_a_child(folder: Path, steps: int, kill: Kill | None = None) -> int:
    """Train in a forked process; returns its exit code, which is -9 if it was killed."""
    folder.mkdir(exist_ok=True)
    child = os.fork()
    if child == 0:
        try:
            train(folder, steps, kill)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    """Run both and print the number of steps and the newest checkpoint before the last kill."""
    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    # At most 5 saves of 4 steps and what fits into 30 ms happen before each kill.
    steps = 30 * kills
    assert in_a_child(folder / "whole", steps) == 0
    generator, begun = random.Random(1), 0
    for _ in range(kills):
        kill = Kill(save=generator.randint(1, 5), seconds=generator.uniform(0, 0.03))
        code = in_a_child(folder / "killed", steps, kill)
        assert code == -signal.SIGKILL, code
        begun = max(begun, *(int(path.stem[5:]) for path in folder.glob("killed/checkpoints/last/*.index")), 0)
    assert in_a_child(folder / "killed", steps) == 0
    print(json.dumps({"steps": steps, "checkpoint_before_the_last": begun}))


if __name__ == "__main__":
    main()
