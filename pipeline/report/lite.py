"""The TF Lite files of a run: their sizes and metrics, in one line and as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from components.gates import metrics_file
from pipeline.config.config import Config
from pipeline.config.gates.metrics import SHOWN
from pipeline.records import printing
from pipeline.records.runs import Outputs
from pipeline.report.html.plots import table

if TYPE_CHECKING:
    from pipeline.report.run import ReportedRun

_EXPORT, _EVALUATION = "LiteExport_", "LiteEval_"
_PUSH = ("LitePusher", "pushed_lite")


@dataclass(frozen=True, kw_only=True)
class LiteFile:
    """A TF Lite file.

    Attributes:
        variant: float32, float16, dynamic_range or int8.
        size: in bytes.
        metrics: of all eval examples; empty if it was not evaluated.
    """

    variant: str
    size: int
    metrics: Mapping[str, float]


def files(outputs: Outputs) -> list[LiteFile]:
    """The files of a run, in the order in which they were made.

    Args:
        outputs: the run's artifacts.
    """
    found = []
    for (node, key), artifact in outputs.items():
        if node.startswith(_EXPORT) and key == "lite_model" and Path(artifact.uri).exists():
            variant = node.removeprefix(_EXPORT)
            evaluation = outputs.get((_EVALUATION + variant, "evaluation"))
            metrics = metrics_file.read(evaluation.uri)[metrics_file.CANDIDATE].get("", {}) if evaluation else {}
            size = sum(path.stat().st_size for path in Path(artifact.uri).rglob("*tflite"))
            found.append(LiteFile(variant=variant, size=size, metrics=metrics))
    return found


def note(config: Config, outputs: Outputs) -> tuple[str, str] | None:
    """The summary's line on the files: its label, and each file with its size and first metric; None without any.

    Args:
        config: the pipeline.
        outputs: the run's artifacts.
    """
    name = SHOWN[config.label.task][0]
    words = [
        f"{one.variant} {printing.size(one.size)}"
        + (f", {name} {one.metrics[name]:.4f}" if name in one.metrics else "")
        for one in files(outputs)
    ]
    if not words:
        return None
    push = outputs.get(_PUSH)
    place = f"  in {printing.path(push.custom_properties['pushed_destination'].string_value)}" if push else ""
    return "TF Lite", "; ".join(words) + place


def shown(run: ReportedRun) -> Markup | None:
    """Each file with its size and metrics; None without any."""
    names = SHOWN[run.config.label.task]
    rows = [
        [one.variant, printing.size(one.size), *(f"{one.metrics[n]:.4f}" if n in one.metrics else "" for n in names)]
        for one in files(run.outputs)
    ]
    head = ("variant", "size", *(name.replace("_", " ") for name in names))
    return table(head, rows, words="TF Lite files") if rows else None
