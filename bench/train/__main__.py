"""Training steps against the stock taxi template's way and the best of plain Keras, and the whole Trainer node.

All ways train the same network on the same transformed trips with the same batch size, in turns, in one process:

- stock: ``TFExampleRecord`` of tfx_bsl as a dataset and ``model.fit``, as TFX's template does;
- keras: ``fit`` with ``steps_per_execution`` and ``jit_compile`` on decoded columns;
- ours: the controller of `trainer.loop` with metrics, summaries, a history file and checkpoints switched on;
- streamed: ours, with the columns in a mapped file ten times the memory bound;
- floor: the compiled steps alone, on a block of batches in memory.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from bench import report
from bench.train import trainer_node, transformed
from bench.train.ways import EXAMPLES, STEPS_PER_CALL, TrainingBench
from pipeline.config.loading import load
from trainer.parameters import Parameters

_ROOT = Path(__file__).resolve().parents[2]
_STREAMED_BATCH = _HEADLINE_BATCH = 512
_PEERS = {
    "stock": "tfxio and model.fit",
    "keras": "fit, steps_per_execution and jit_compile",
    "floor": "compiled steps alone",
}


def time_steps(
    parameters: Parameters, data: transformed.Transformed, *, batch_size: int, repeats: int
) -> dict[str, list[float]]:
    """Microseconds per step of every way, timed in turns."""
    with tempfile.TemporaryDirectory() as folder:
        loop = parameters.loop.model_copy(update={"global_batch_size": batch_size, "steps_per_loop": STEPS_PER_CALL})
        bench = TrainingBench(
            parameters.model_copy(update={"loop": loop}), data, batch_size=batch_size, folder=Path(folder)
        )
        ways = [name for name in EXAMPLES if name != "streamed" or batch_size == _STREAMED_BATCH]
        timers = {name: getattr(bench, name)() for name in ways}
        times: dict[str, list[float]] = {name: [] for name in ways}
        for repeat in range(repeats + 1):
            for name, timer in timers.items():
                micros = timer() * 1e6
                # The first turn compiles.
                if repeat:
                    times[name].append(micros)
            print(
                f"batch {batch_size}, turn {repeat}: "
                + "  ".join(f"{name} {values[-1]:,.0f} us" for name, values in times.items() if values),
                file=sys.stderr,
            )
    return times


def main() -> None:
    """Print a line for each batch size and peer, the node's, and the headline: ours over stock, batch 512."""
    parser = argparse.ArgumentParser(prog="python -m bench.train", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[64, 512, 4096])
    parser.add_argument("--plot", type=Path, help="SVG file for a plot of the times")
    parser.add_argument("--skip-node", action="store_true", help="time the steps only, not the whole node")
    options = parser.parse_args()
    parameters = load(config=_ROOT / "configs" / "taxi.yaml", profile="local").parameters()
    headline, line, medians = "", "", {}
    with tempfile.TemporaryDirectory() as runs:
        data = transformed.make(Path(runs))
        if not options.skip_node:
            trainer_node.compare(data, Path(runs), repeats=3)
        for batch_size in options.batch_sizes:
            times = time_steps(parameters, data, batch_size=batch_size, repeats=options.repeats)
            medians[batch_size] = {name: statistics.median(values) for name, values in times.items()}
            for name in ("ours", "streamed"):
                for peer in ("keras", "floor", "stock") if name in times else ():
                    line = _line(name, peer, times, batch_size=batch_size)
                    headline = line if (name, peer, batch_size) == ("ours", "stock", _HEADLINE_BATCH) else headline
                    print(line, flush=True)
    if options.plot:
        plot(medians, options.plot)
    print(headline or line)


def plot(medians: Mapping[int, Mapping[str, float]], path: Path) -> None:
    """Plot microseconds per step by batch size and way, on a logarithmic scale."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    panels: Sequence = figure.subplots(1, len(medians), squeeze=False)[0]
    for axes, (batch_size, times) in zip(panels, medians.items(), strict=True):
        names = list(times)
        colors = ["#1769aa" if name in ("ours", "streamed") else "#9aa7b4" for name in names]
        axes.bar(names, list(times.values()), color=colors)
        axes.bar_label(axes.containers[0], fmt="{:,.0f}", fontsize=8)
        axes.set(yscale="log", title=f"batch {batch_size:,}")
        axes.tick_params(axis="x", rotation=45)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("microseconds per step")
    figure.savefig(path, format="svg", metadata={"Date": None})


def _line(name: str, peer: str, times: dict[str, list[float]], *, batch_size: int) -> str:
    """Time per step; the ratio is of examples per second, ours over the peer's."""
    rate = [batch_size / micros * 1e6 for micros in times[name]]
    peer_rate = [batch_size / micros * 1e6 for micros in times[peer]]
    return report.line(
        f"training steps, {name}, batch {batch_size}",
        ours=rate,
        peer=peer_rate,
        unit="examples/s",
        peer_name=_PEERS[peer],
        us_per_step=round(statistics.median(times[name]), 1),
        peer_us_per_step=round(statistics.median(times[peer]), 1),
    )


if __name__ == "__main__":
    main()
