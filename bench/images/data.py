"""Generated pictures in a folder for each class, and the pipeline's transformed examples of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from bench.train.transformed import Transformed

_ROOT = Path(__file__).resolve().parents[2]
CLASSES = ("blobs", "checks", "columns", "noise", "rings", "rows")
_CONFIG = """\
name: images
data: {{path: {pictures}, format: pictures}}
label: {{column: pattern, task: multiclass, classes: [{classes}]}}
features: {{picture: {{kind: image, height: {side}, width: {side}, channels: 3}}}}
trainer: {{model: {{name: {model}}}}}
gates: {{evaluation: {{thresholds: [{{metric: accuracy, min: 0.5}}]}}}}
serving: {{model_name: images}}
"""


def write(folder: Path, *, count: int, side: int) -> None:
    """Write PNG files, as many of each class."""
    generator = np.random.default_rng(0)
    for number in range(count):
        name = CLASSES[number % len(CLASSES)]
        path = folder / name / f"{number:06}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(_picture(name, side, generator)).save(path)


def transformed(pictures: Path, runs: Path, *, side: int, model: str) -> Transformed:
    """Run the pipeline up to Transform."""
    config = config_file(runs)
    # A profile is looked for beside the config.
    shutil.copytree(_ROOT / "configs" / "profiles", config.parent / "profiles")
    config.write_text(_CONFIG.format(pictures=pictures, classes=", ".join(CLASSES), side=side, model=model))
    command = [sys.executable, "-m", "pipeline", "run", "--config", str(config), "--set", f"runs={runs}"]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([*command, "--to", "Transform"], cwd=_ROOT, check=True, stdout=sys.stderr, env=environment)
    artifacts = runs / "images" / "artifacts" / "Transform"
    [graph] = (artifacts / "transform_graph").iterdir()
    [examples] = (artifacts / "transformed_examples").iterdir()
    return Transformed(graph=str(graph), train=f"{examples}/Split-train/*", eval=f"{examples}/Split-eval/*")


def config_file(runs: Path) -> Path:
    """The config that `transformed` wrote."""
    return runs / "images.yaml"


def _picture(name: str, side: int, generator: np.random.Generator) -> np.ndarray:
    """A pattern in two colours with noise, uint8 ``[side, side, 3]``."""
    rows, columns = np.mgrid[:side, :side] / side
    frequency, phase = generator.uniform(3, 8), generator.uniform(0, 2 * np.pi)
    centre = generator.uniform(0.2, 0.8, 2)
    distance = np.hypot(rows - centre[0], columns - centre[1])
    wave = {
        "blobs": np.exp(-((distance * frequency) ** 2)),
        "checks": np.sin(2 * np.pi * frequency * rows + phase) * np.sin(2 * np.pi * frequency * columns + phase),
        "columns": np.sin(2 * np.pi * frequency * columns + phase),
        "noise": generator.uniform(-1, 1, (side, side)),
        "rings": np.sin(2 * np.pi * frequency * distance + phase),
        "rows": np.sin(2 * np.pi * frequency * rows + phase),
    }[name]
    first, second = generator.uniform(0, 255, (2, 3))
    share = (wave[:, :, np.newaxis] + 1) / 2
    coloured = share * first + (1 - share) * second + generator.normal(0, 20, (side, side, 3))
    return np.clip(coloured, 0, 255).astype(np.uint8)
