"""Rows of every task, what numpy makes of them, and one run of the Evaluator with what ModelGate says to it."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from tfx.types import Artifact

from components.gates.findings import read_notices
from components.gates.model_gate import ModelGate
from pipeline.config.gates.evaluation import EvaluationGate
from pipeline.nodes.gates.eval_config import bounds, policy
from tests.components.platform_artifacts import on_a_platform
from tests.shared import stand_ins
from trainer.parameters import Label

ALL = ""
# The logits of the new model are twice those of the old one, its numbers 1.1 times as large.
SCALES = {"binary": (2.0, 1.0), "multiclass": (2.0, 1.0), "named": (2.0, 1.0), "regression": (1.1, 1.0)}


def make_rows(task: str) -> list[dict]:
    """30 rows in three slices; in slice ``c`` all labels are the same; 21 of 30 classes are predicted right."""
    rows = []
    for index in range(30):
        kind = "abc"[index % 3]
        row = {"kind": kind, "weight": float(index % 4)}
        if task == "regression":
            row |= {"z0": index / 10, "y": 1.5 if kind == "c" else index / 10 + (index % 4 - 1) / 5}
        else:
            classes = 2 if task == "binary" else 3
            truth = classes - 1 if kind == "c" else index // 3 % classes
            said = truth if index % 10 >= 3 else (truth + 1) % classes
            strength = 0.3 + index / 40
            if task == "binary":
                row["z0"] = strength if said else -strength
            else:
                row |= {f"z{number}": strength * (number == said) for number in range(classes)}
            row["y"] = {"binary": float(truth), "multiclass": truth, "named": ("ant", "bee", "cow")[truth]}[task]
        rows.append(row)
    return rows


@dataclass(frozen=True)
class Expected:
    """What numpy makes of the rows: predictions against labels."""

    label: Label
    rows: list[dict]
    scale: float

    def metric(self, name: str, kind: str | None = None, weighted: bool = False) -> float:
        rows = [row for row in self.rows if kind in (None, row["kind"])]
        logits = self.scale * np.array([[row[key] for key in sorted(row) if key.startswith("z")] for row in rows])
        truth = np.array([self.label.of(row) for row in rows])
        if name == "accuracy":
            scores = logits.argmax(axis=1) == truth
        elif name == "top_k_accuracy_2":
            scores = (logits > logits[range(len(rows)), truth.astype(int)][:, None]).sum(axis=1) < 2
        elif name == "cross_entropy":
            exponents = np.exp(logits)
            scores = -np.log(exponents[range(len(rows)), truth.astype(int)] / exponents.sum(axis=1))
        elif name == "recall":
            probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            of_class = truth[:, None] == np.arange(logits.shape[1])
            return float(np.mean((of_class & (probabilities > 0.5)).sum(axis=0) / of_class.sum(axis=0)))
        elif name == "root_mean_squared_error":
            scores = (logits[:, 0] - truth) ** 2
        else:
            scores = np.abs(logits[:, 0] - truth)
        mean = np.average(scores, weights=[row["weight"] for row in rows] if weighted else None)
        return float(np.sqrt(mean) if name == "root_mean_squared_error" else mean)


@dataclass(frozen=True)
class Evaluation:
    """One run of the Evaluator."""

    task: str
    gate: EvaluationGate
    evaluation: Artifact
    blessing: Artifact
    baseline: Artifact | None
    verdict: Artifact

    def judge(
        self, *, first_run: str = "absolute_only", served: Artifact | None = None, bless_anyway: str = "", **keys: Any
    ) -> tuple[str, ...]:
        """What ModelGate says, given what a platform would hand it; raises where it refuses.

        Args:
            first_run: of the gate's config.
            served: the evaluation by which the baseline was pushed.
            bless_anyway: why a model passes nevertheless.
            **keys: other keys of the gate than those of the evaluation.

        Returns:
            What is worth knowing about a model that passes.
        """
        gate = self.gate.model_copy(update=keys)
        limits = [threshold.limits() for threshold in gate.thresholds if threshold.slice is not None]
        ModelGate.test_call(
            evaluation=on_a_platform(self.evaluation),
            blessing=on_a_platform(self.blessing),
            verdict=self.verdict,
            baseline=self.baseline and on_a_platform(self.baseline),
            slice_thresholds=json.dumps(limits),
            min_slice_size=gate.min_slice_size,
            first_run=first_run,
            policy=policy(gate, stand_ins.LABELS[self.task].task).model_dump_json(),
            bounds=by_bounds.model_dump_json() if (by_bounds := bounds(gate)) else "",
            served_evaluation=served,
            bless_anyway=bless_anyway,
        )
        # What the Pusher reads, also on a platform.
        verdict = on_a_platform(self.verdict)
        assert verdict.get_int_custom_property("blessed") == 1
        assert verdict.get_int_custom_property("current_model_id") == 7
        return read_notices(self.verdict.uri)


def expected(task: str, *, old: bool = False) -> Expected:
    return Expected(stand_ins.LABELS[task], make_rows(task), SCALES[task][old])


def binary_rows(*, times: float = 1.0, count: int = 120) -> list[dict]:
    """Rows whose column ``z0`` has been multiplied, as by a change of its unit."""
    rows = [{**row} for row in make_rows("binary")] * (count // 30)
    return [{**row, "z0": times * row["z0"]} for row in rows]
