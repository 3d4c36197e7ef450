"""Which share of a training step waits for pictures: ours against plain tf.data pipelines under ``fit``.

The pipeline reads and transforms generated PNG files; the ways train the same network on the same pictures in turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from bench import report
from bench.images import data
from bench.images.ways import Turn, Ways
from pipeline.config.loading import load
from trainer.parameters import Parameters

_AUGMENTATION = {"flip": "horizontal", "shift": 0.1, "crop": 0.8}
_PEERS = {
    "decoding": "fit on tf.data: image_dataset_from_directory, prefetch",
    "cached": "fit on tf.data: image_dataset_from_directory, cache, prefetch",
}


def timed(ways: Ways, parameters: Parameters, *, repeats: int) -> dict[str, list[Turn]]:
    """The turns of every way, which alternate."""
    augmentation = parameters.loop.augmentation.model_validate(_AUGMENTATION)
    timers = {
        "ours": ways.ours(),
        "augmented": ways.ours(augmentation=augmentation),
        "decoding": ways.decoding(),
        "cached": ways.cached(),
    }
    turns: dict[str, list[Turn]] = {name: [] for name in timers}
    for repeat in range(repeats + 1):
        for name, timer in timers.items():
            turn = timer()
            print(
                f"turn {repeat}, {name}: {turn.seconds:.2f} s, waited {turn.waited:.4f} s, CPU {turn.cpu:.2f} s",
                file=sys.stderr,
            )
            # The first turn compiles.
            if repeat:
                turns[name].append(turn)
    return turns


def lines(turns: Mapping[str, Sequence[Turn]], *, examples: int) -> list[str]:
    """A line for each comparison, the headline last: the share of waiting, ours and the cached peer's."""
    rates = {name: [examples / turn.seconds for turn in some] for name, some in turns.items()}
    waits = {name: [turn.waited / turn.seconds for turn in some] for name, some in turns.items()}
    cpu = {name: [1e6 * turn.cpu / examples for turn in some] for name, some in turns.items()}
    found = []
    for name in ("ours", "augmented"):
        for peer, title in _PEERS.items():
            found += [
                report.line(f"pictures, {name}", ours=ours[name], peer=ours[peer], unit=unit, peer_name=title)
                for ours, unit in ((rates, "examples/s"), (cpu, "us of CPU an example"))
            ]
    for peer, title in _PEERS.items():
        found.append(
            report.line(
                "pictures, share of a step that waits for input",
                ours=waits["ours"],
                peer=waits[peer],
                unit="share",
                peer_name=title,
                augmented=round(statistics.median(waits["augmented"]), 4),
            )
        )
    return found


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(prog="python -m bench.images", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--side", type=int, default=64, help="height and width in pixels")
    parser.add_argument("--model", default="lenet", help="a network for pictures without required options")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=80, help="of one turn")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pictures, runs = Path(folder, "pictures"), Path(folder, "runs")
        runs.mkdir()
        data.write(pictures, count=options.pictures, side=options.side)
        start = time.perf_counter()
        examples = data.transformed(pictures, runs, side=options.side, model=options.model)
        print(f"read and transformed in {time.perf_counter() - start:.1f} s", file=sys.stderr)
        parameters = load(config=data.config_file(runs), profile="local").parameters()
        loop = parameters.loop.model_copy(update={"global_batch_size": options.batch_size, "steps_per_loop": 10})
        parameters = parameters.model_copy(update={"loop": loop})
        ways = Ways(
            parameters, examples, pictures=pictures, side=options.side, steps=options.steps, scratch=Path(folder)
        )
        turns = timed(ways, parameters, repeats=options.repeats)
    for line in lines(turns, examples=options.steps * options.batch_size):
        print(line, flush=True)


if __name__ == "__main__":
    main()
