"""The whole Trainer node, ours against the stock taxi template's way, each run in a fresh process.

``python -m bench.train.trainer_node ours|stock ...`` is such a process: it imports TFX, reads, trains the same
network for the same number of examples, evaluates, exports, and prints its seconds by phase.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import report
from bench.train.transformed import Transformed

_ROOT = Path(__file__).resolve().parents[2]
_BATCH = 512
# Copies of the training split, epochs and maximum repeats.
_SIZES = {"15k rows": (1, 3, 5), "1.5M rows": (150, 1, 2)}


def compare(data: Transformed, folder: Path, *, repeats: int) -> None:
    """Print wall and CPU ratios for both sizes, with our seconds by phase."""
    rows = data.rows()
    for size, (copies, epochs, most) in _SIZES.items():
        some = data if copies == 1 else data.repeated(copies, folder / "large")
        runs: dict[str, list[dict]] = {"ours": [], "stock": []}
        for repeat in range(min(repeats, most)):
            for way in runs:
                runs[way].append(_run(way, some, epochs=epochs, examples=rows * copies * epochs))
                seconds = {name: round(value, 1) for name, value in runs[way][-1].items()}
                print(f"{size}, repeat {repeat + 1}, {way}: {json.dumps(seconds)}", file=sys.stderr)
        phases = {name: round(statistics.median(run[name] for run in runs["ours"]), 2) for name in runs["ours"][0]}
        for what in ("cpu", "wall"):
            ours, stock = ([run[what] for run in runs[way]] for way in ("ours", "stock"))
            line = report.line(
                f"Trainer node, {size}, {what}",
                ours=ours,
                peer=stock,
                unit="s",
                peer_name="tfxio, model.fit and tf.saved_model.save",
                seconds_by_phase=phases,
            )
            print(line, flush=True)


def _run(way: str, data: Transformed, *, epochs: int, examples: int) -> dict[str, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "bench.train.trainer_node",
            way,
            data.graph,
            data.train,
            data.eval,
            str(epochs),
            str(examples),
        ],
        cwd=_ROOT,
        capture_output=True,
        text=True,
    )
    wall = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"the {way} node failed:\n{done.stderr[-3000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**json.loads(done.stdout.splitlines()[-1]), "cpu": cpu, "wall": wall}


def main() -> None:
    """Run one node in this process."""
    begin = time.perf_counter()
    parser = argparse.ArgumentParser(
        prog="python -m bench.train.trainer_node", description=(__doc__ or "").partition("\n")[0]
    )
    for name in ("way", "graph", "train", "eval"):
        parser.add_argument(name)
    parser.add_argument("epochs", type=int)
    parser.add_argument("examples", type=int, help="total number of examples, for the steps of the stock way")
    options = parser.parse_args()

    from tfx.components.trainer.fn_args_utils import FnArgs

    import trainer  # noqa: F401 (pins Keras 3)
    from pipeline.config.loading import load
    from trainer.parameters import CUSTOM_CONFIG_KEY

    loop = [f"trainer.loop.global_batch_size={_BATCH}", f"trainer.loop.epochs={options.epochs}"]
    parameters = load(config=_ROOT / "configs" / "taxi.yaml", profile="local", overrides=loop).parameters()
    with tempfile.TemporaryDirectory() as folder:
        fn_args = FnArgs(
            train_files=[options.train],
            eval_files=[options.eval],
            train_steps=options.examples // _BATCH,
            transform_graph_path=options.graph,
            transform_output=options.graph,
            serving_model_dir=f"{folder}/model/Format-Serving",
            model_run_dir=f"{folder}/run",
            custom_config={CUSTOM_CONFIG_KEY: parameters.model_dump_json(), "checkpoints": f"{folder}/checkpoints"},
        )
        Path(fn_args.model_run_dir).mkdir()
        if options.way == "ours":
            from bench.train.phases import timed_run_fn as run_fn
        else:
            from bench.train.stock import run_fn
        imported = time.perf_counter()
        phases = run_fn(fn_args, parameters)
    end = time.perf_counter()
    print(json.dumps({"import": imported - begin, **phases, "rest": end - imported - sum(phases.values())}))


if __name__ == "__main__":
    main()
