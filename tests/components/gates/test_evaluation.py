"""The real Evaluator on real exports of every task, and what ModelGate makes of it; figures worked out with numpy."""

import functools
import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import json_format
from tfx.types import Artifact, standard_artifacts

from components.evaluator.component import Executor
from components.gates.evaluation import BASELINE, CANDIDATE, metrics_by_slice
from components.gates.findings import read_notices
from components.gates.model.intervals import intervals_by_slice
from components.gates.model_gate import ModelGate
from components.refusal import GateRefused
from pipeline.config.beam.engine import NO_SDIST
from pipeline.config.gates.evaluation import Confidence, EvaluationGate
from pipeline.nodes.eval_config import bounds, eval_config, policy
from tests.components.platform_artifacts import on_a_platform
from tests.shared import stand_ins
from trainer.parameters import Label

pytestmark = pytest.mark.tensorflow

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


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The new and the old model of a task, exported once, with the rows as examples."""

    @functools.cache
    def make(task: str) -> tuple[Artifact, Artifact, Artifact]:
        folder, label = tmp_path_factory.mktemp(task), stand_ins.LABELS[task]
        new, old = SCALES[task]
        return (
            stand_ins.write_model(folder / "new", label, scale=new),
            stand_ins.write_model(folder / "old", label, scale=old),
            stand_ins.write_examples(folder / "examples", make_rows(task)),
        )

    return make


@pytest.fixture
def evaluate_models(tmp_path):
    """Runs the Evaluator on models and examples."""
    runs = itertools.count()

    def run(
        task: str,
        candidate: Artifact,
        baseline: Artifact | None,
        examples: Artifact,
        *thresholds: dict,
        weighted: bool = False,
        **keys: Any,
    ) -> Evaluation:
        gate = EvaluationGate(thresholds=thresholds, **{"slices": ("kind",), "min_slice_size": 5, **keys})
        config = eval_config(gate, label=stand_ins.LABELS[task], weighted=weighted)
        replicates = gate.confidence.replicates if gate.confidence else None
        folder = Path(tmp_path, f"run-{next(runs)}")
        evaluation = stand_ins.artifact(standard_artifacts.ModelEvaluation, folder / "evaluation")
        blessing = stand_ins.artifact(standard_artifacts.ModelBlessing, folder / "blessing")
        verdict = stand_ins.artifact(standard_artifacts.ModelBlessing, folder / "verdict")
        context = Executor.Context(
            beam_pipeline_args=["--runner=FnApiRunner", NO_SDIST], tmp_dir=str(folder / "temporary"), unique_id="1"
        )
        Executor(context).Do(
            {"model": [candidate], "examples": [examples], **({"baseline_model": [baseline]} if baseline else {})},
            {"evaluation": [evaluation], "blessing": [blessing]},
            {
                "eval_config": json_format.MessageToJson(config),
                "replicates": replicates,
                "edges": json.dumps(gate.edges()),
                "example_splits": "null",
            },
        )
        return Evaluation(task, gate, evaluation, blessing, baseline, verdict)

    return run


@pytest.fixture
def evaluate(models, evaluate_models, tmp_path):
    """Runs the Evaluator on the new and the old model of a task."""

    def run(
        task: str, *thresholds: dict, first: str | None = None, swapped: bool = False, **options: Any
    ) -> Evaluation:
        new, old, examples = models(task)
        candidate, baseline = (old, new) if swapped else (new, old)
        if first:
            baseline = None if first == "absent" else stand_ins.artifact(standard_artifacts.Model, tmp_path / "empty")
        return evaluate_models(task, candidate, baseline, examples, *thresholds, **options)

    return run


def expected(task: str, *, old: bool = False) -> Expected:
    return Expected(stand_ins.LABELS[task], make_rows(task), SCALES[task][old])


@pytest.mark.parametrize("task", [pytest.param("multiclass", marks=pytest.mark.slow), "named"])
def test_classes_are_evaluated_as_numpy_does_and_a_limit_that_is_just_met_passes(evaluate, task):
    entropy = expected(task).metric("cross_entropy")
    run = evaluate(
        task,
        {"metric": "accuracy", "min": 0.7, "max_drop": 0.0},
        {"metric": "accuracy", "slice": "kind", "min": 0.7, "max_drop": 0.0},
        {"metric": "cross_entropy", "max": entropy + 0.01, "max_rise": 0.2},
        {"metric": "cross_entropy", "slice": "kind", "max": 2.0, "max_rise": 0.2},
        {"metric": "top_k_accuracy", "at": 2, "min": 0.7},
        {"metric": "f1", "min": 0.5},
        {"metric": "auc", "min": 0.5},
        {"metric": "auc_precision_recall", "min": 0.5},
        {"metric": "precision", "min": 0.5},
        {"metric": "recall", "min": 0.3},
    )
    run.judge()
    for model, old in ((CANDIDATE, False), (BASELINE, True)):
        table = metrics_by_slice(run.evaluation.uri, model)
        assert set(table) == {ALL, "kind=a", "kind=b", "kind=c"}
        for name in table:
            for metric in ("accuracy", "cross_entropy", "top_k_accuracy_2"):
                value = expected(task, old=old).metric(metric, name.rpartition("=")[2] or None)
                assert table[name][metric] == pytest.approx(value, abs=1e-5)
            assert table[name]["example_count"] == (10 if name else 30)


@pytest.mark.slow
def test_a_slice_without_some_class_has_no_mean_over_the_classes(evaluate):
    run = evaluate(
        "multiclass",
        {"metric": "accuracy", "min": 0.5},
        *({"metric": name, "min": 0.1} for name in ("recall", "precision", "f1", "auc")),
    )
    table = metrics_by_slice(run.evaluation.uri, CANDIDATE)
    assert all(np.isnan(table["kind=c"][name]) for name in ("recall", "precision", "f1"))
    assert table["kind=c"]["auc"] == 0
    assert table["kind=c"]["accuracy"] == pytest.approx(0.7)
    assert table[ALL]["recall"] == pytest.approx(expected("multiclass").metric("recall"))
    assert 0.1 < table[ALL]["recall"] < 0.9
    run.judge()


def test_classes_that_miss_their_limits_are_refused(evaluate):
    now, before = expected("multiclass"), expected("multiclass", old=True)
    rise = now.metric("cross_entropy", "a") - before.metric("cross_entropy", "a")
    assert rise < 0
    # The old model against the new one, which is better.
    run = evaluate(
        "multiclass",
        {"metric": "accuracy", "min": 0.71},
        {"metric": "cross_entropy", "max": 0.1},
        {"metric": "cross_entropy", "slice": "kind", "max_rise": -rise - 1e-3},
        swapped=True,
    )
    with pytest.raises(GateRefused) as refusal:
        run.judge()
    entropy = before.metric("cross_entropy")
    assert "accuracy of all examples is 0.7000, below the minimum 0.71" in refusal.value.reason
    assert f"cross_entropy of all examples is {entropy:.4f}, above the maximum 0.1" in refusal.value.reason
    assert f"cross_entropy of kind=a rose by {-rise:.4f} from the last blessed model" in refusal.value.reason


@pytest.mark.slow
def test_numbers_are_evaluated_as_numpy_does(evaluate):
    error = expected("regression").metric("mean_absolute_error")
    rise = error - expected("regression", old=True).metric("mean_absolute_error")
    assert rise > 0
    run = evaluate(
        "regression",
        {"metric": "mean_absolute_error", "max": error, "max_rise": rise + 1e-3},
        {"metric": "mean_absolute_error", "slice": "kind", "max": 1.5},
        {"metric": "root_mean_squared_error", "max": 5.0},
        {"metric": "squared_correlation", "min": 0.3, "max_drop": 0.001},
    )
    run.judge(first_run="refuse")
    for model, old in ((CANDIDATE, False), (BASELINE, True)):
        table = metrics_by_slice(run.evaluation.uri, model)
        for name in table:
            for metric in ("mean_absolute_error", "root_mean_squared_error"):
                value = expected("regression", old=old).metric(metric, name.rpartition("=")[2] or None)
                assert table[name][metric] == pytest.approx(value, rel=1e-5)
    assert np.isnan(table["kind=c"]["squared_correlation"])


def test_numbers_that_miss_their_limits_are_refused(evaluate):
    now, before = expected("regression"), expected("regression", old=True)
    rise = now.metric("mean_absolute_error") - before.metric("mean_absolute_error")
    slice_error = now.metric("mean_absolute_error", "c")
    run = evaluate(
        "regression",
        {"metric": "mean_absolute_error", "max": 5.0, "max_rise": rise - 1e-3},
        {"metric": "mean_absolute_error", "slice": "kind", "max": slice_error - 1e-3},
        {"metric": "squared_correlation", "slice": "kind", "min": 0.01},
    )
    with pytest.raises(GateRefused) as refusal:
        run.judge()
    assert refusal.value.reason.split("; ") == [
        f"mean_absolute_error of all examples rose by {rise:.4f} from the last blessed model, "
        f"more than the allowed {rise - 1e-3:g}",
        f"mean_absolute_error of kind=c is {slice_error:.4f}, above the maximum {slice_error - 1e-3:g}",
        "squared_correlation of kind=c cannot be computed (are all labels equal, or is a class missing?)",
    ]


# On a platform, the baseline of a first run is an artifact without files.
@pytest.mark.slow
@pytest.mark.parametrize("first", ["absent", "empty"])
def test_a_first_model_is_held_to_the_absolute_limits(evaluate, tmp_path, first):
    (tmp_path / "empty").mkdir()
    error = expected("regression").metric("mean_absolute_error")
    run = evaluate("regression", {"metric": "mean_absolute_error", "max": error, "max_rise": 0.0}, first=first)
    run.judge()
    with pytest.raises(GateRefused, match="no blessed model to compare with, and .*first_run is 'refuse'"):
        run.judge(first_run="refuse")
    if first == "absent":
        run = evaluate("regression", {"metric": "mean_absolute_error", "max": error * 0.99}, first=first)
        with pytest.raises(GateRefused, match="mean_absolute_error of all examples is .*, above the maximum"):
            run.judge()


@pytest.mark.parametrize("task", ["regression", pytest.param("named", marks=pytest.mark.slow)])
def test_example_weights_count_in_the_metrics_and_not_in_the_size_of_a_slice(evaluate, task):
    metric = {"regression": "mean_absolute_error", "named": "cross_entropy"}[task]
    value = expected(task).metric(metric, weighted=True)
    assert value != pytest.approx(expected(task).metric(metric), abs=1e-3)
    run = evaluate(
        task,
        {"metric": metric, "max": value + 1e-4, "max_rise": 1.0},
        {"metric": metric, "slice": "kind", "max": 100.0},
        weighted=True,
    )
    run.judge()
    table = metrics_by_slice(run.evaluation.uri, CANDIDATE)
    assert table[ALL][metric] == pytest.approx(value, rel=1e-5)
    assert {name: row["example_count"] for name, row in table.items()} == {
        ALL: 30,
        "kind=a": 10,
        "kind=b": 10,
        "kind=c": 10,
    }


@pytest.mark.slow
def test_a_binary_label_is_evaluated_as_before(evaluate):
    run = evaluate(
        "binary",
        {"metric": "auc", "min": 0.5, "max_drop": 0.0},
        {"metric": "accuracy", "min": 0.7},
        {"metric": "accuracy", "slice": "kind", "min": 0.7},
        {"metric": "calibration_error", "max": 0.5, "max_rise": 0.5},
        {"metric": "precision_at_recall", "at": 0.6, "min": 0.5, "max_drop": 0.0},
        {"metric": "recall_at_precision", "at": 0.7, "min": 0.5},
    )
    run.judge()
    table = metrics_by_slice(run.evaluation.uri, CANDIDATE)
    assert {name: row["accuracy"] for name, row in table.items()} == dict.fromkeys(table, pytest.approx(0.7))
    rows, scale = make_rows("binary"), SCALES["binary"][0]
    truth = np.array([row["y"] for row in rows])
    predictions = 1 / (1 + np.exp(-scale * np.array([row["z0"] for row in rows])))
    bucket = (predictions * 10).astype(int)
    apart = [abs((truth - predictions)[bucket == each].sum()) for each in range(10)]
    assert table[ALL]["calibration_error"] == pytest.approx(sum(apart) / 30, abs=1e-5)
    hits = np.array([[(predictions >= t) & (truth == 1), predictions >= t] for t in predictions]).sum(axis=2)
    recall, precision = hits[:, 0] / truth.sum(), hits[:, 0] / hits[:, 1]
    assert table[ALL]["precision_at_recall_0.6"] == pytest.approx(precision[recall >= 0.6].max(), abs=1e-6)
    assert table[ALL]["recall_at_precision_0.7"] == pytest.approx(recall[precision >= 0.7].max(), abs=1e-6)
    # One class alone has no area under the curve; TFMA says 0.
    assert table["kind=c"]["auc"] == 0


def binary_rows(*, times: float = 1.0, count: int = 120) -> list[dict]:
    """Rows whose column ``z0`` has been multiplied, as by a change of its unit."""
    rows = [{**row} for row in make_rows("binary")] * (count // 30)
    return [{**row, "z0": times * row["z0"]} for row in rows]


def test_nan_in_a_few_rows_is_refused_with_one_of_them(evaluate_models, tmp_path):
    label = stand_ins.LABELS["binary"]
    rows = make_rows("binary")
    for index in (7, 19):
        rows[index]["z0"] = float("nan")
    examples = stand_ins.write_examples(tmp_path / "examples", rows)
    broken = stand_ins.write_model(tmp_path / "broken", label, missing="nan")
    sound = stand_ins.write_model(tmp_path / "sound", label, missing="zero")
    lenient = {"metric": "accuracy", "min": 0.1}
    with pytest.raises(GateRefused) as refusal:
        evaluate_models("binary", broken, sound, examples, lenient)
    assert refusal.value.reason.startswith(
        "2 of 30 predictions are not finite, such as nan for the row with kind 'b', "
    )
    assert "z0 nan" in refusal.value.reason
    # A served model that cannot answer is no reason to give up for ever.
    with pytest.raises(GateRefused, match="2 of 30 predictions of the served model are not finite; .*baseline=none"):
        evaluate_models("binary", sound, broken, examples, lenient)
    assert evaluate_models("binary", sound, None, examples, lenient).judge() == ()


def test_a_model_that_always_answers_the_same_is_refused_or_noticed(evaluate_models, models, tmp_path):
    _, _, examples = models("binary")
    constant = stand_ins.write_model(tmp_path / "constant", stand_ins.LABELS["binary"], scale=0.0)
    run = evaluate_models("binary", constant, None, examples, {"metric": "accuracy", "min": 0.1})
    text = "all 30 predictions are 0.5 (gates.evaluation.constant_predictions)"
    with pytest.raises(GateRefused) as refusal:
        run.judge()
    assert refusal.value.reason == text
    assert run.judge(constant_predictions="warn") == (text,)


def test_a_served_model_that_fell_on_the_new_data_refuses_however_good_the_candidate_is(evaluate_models, tmp_path):
    label, lenient = stand_ins.LABELS["binary"], {"metric": "accuracy", "min": 0.6}
    served = stand_ins.write_model(tmp_path / "served", label)
    first_day = stand_ins.write_examples(tmp_path / "first", binary_rows())
    new_units = stand_ins.write_examples(tmp_path / "second", binary_rows(times=-5.0))
    pushed = evaluate_models("binary", served, None, first_day, lenient)
    # It learnt the new units.
    candidate = stand_ins.write_model(tmp_path / "candidate", label, scale=-0.2)
    run = evaluate_models("binary", candidate, served, new_units, lenient)
    with pytest.raises(GateRefused) as refusal:
        run.judge(served=pushed.evaluation)
    assert refusal.value.reason.startswith(
        "auc of the served model is 0.21 on the new data and was 0.79 when it was pushed: a fall of 0.58, more than "
    )
    [far, unknown] = run.judge()
    assert "(its run left no evaluation)" in unknown
    assert far.startswith("predictions lie 0.")
    assert far.endswith("more than 0.25 (gates.evaluation.distance_warn)")
    assert run.judge(served=pushed.evaluation, served_max_drop=None) == (far,)
    with pytest.raises(GateRefused, match=r"more than 0\.3 \(gates\.evaluation\.distance_refuse\)"):
        run.judge(served_max_drop=None, distance_refuse=0.3)
    # On the data of then it is as good as it was.
    assert evaluate_models("binary", served, served, first_day, lenient).judge(served=pushed.evaluation) == ()


def test_a_reason_lets_pass_what_would_be_refused_and_says_so(evaluate):
    run = evaluate("regression", {"metric": "mean_absolute_error", "max": 0.01}, first="absent")
    with pytest.raises(GateRefused):
        run.judge()
    [notice] = run.judge(bless_anyway="the sensor was replaced")
    assert notice.startswith(
        "not refused, since --bless-anyway says 'the sensor was replaced': mean_absolute_error of all "
    )


def test_limits_are_judged_by_the_bounds_of_intervals_where_the_config_says_so(evaluate):
    confidence = {"replicates": 15, "level": 0.9}
    limits = (
        {"metric": "accuracy", "min": 0.65, "max_drop": 0.01},
        {"metric": "accuracy", "slice": "kind", "min": 0.6},
        {"metric": "auc", "min": 0.1, "max_drop": 0.01},
    )
    run = evaluate("binary", *limits, confidence=confidence)
    run.judge()
    intervals = intervals_by_slice(run.evaluation.uri, level=0.9)
    found = intervals[ALL]["accuracy"]
    assert found.value == pytest.approx(0.7)
    # The standard error of a share of 30 rows, and Student's t with 14 degrees of freedom.
    assert found.high - found.low == pytest.approx(2 * 1.761 * (0.7 * 0.3 / 30) ** 0.5, rel=0.4)
    assert found.low + found.high == pytest.approx(2 * found.value)
    wider = intervals_by_slice(run.evaluation.uri, level=0.99)[ALL]["accuracy"]
    assert wider.low < found.low < found.high < wider.high
    # Twice the logits change no answer.
    change = intervals_by_slice(run.evaluation.uri, level=0.9, of_change=True)[ALL]["accuracy"]
    assert (change.low, change.value, change.high) == (0, 0, 0)
    with pytest.raises(GateRefused) as refusal:
        run.judge(confidence=Confidence(**confidence, judge="bound"))
    texts = refusal.value.reason.split("; ")
    assert texts[0] == f"accuracy of all examples is 0.7000 and may be {found.low:.4f}, below the minimum 0.65"
    assert texts[1].startswith("accuracy of kind=a is 0.7000 and may be 0.")
    assert texts[2].startswith("accuracy of kind=b is 0.7000 and may be 0.")


def test_numbers_are_sliced_by_ranges_and_crossed_with_other_columns(evaluate):
    run = evaluate(
        "regression",
        {"metric": "mean_absolute_error", "max": 5.0},
        {"metric": "mean_absolute_error", "slice": ("kind", "z0"), "max": 1e-6},
        slices=({"column": "z0", "edges": [1.0, 2.5]}, ("kind", "z0")),
        min_slice_size=4,
        first="absent",
    )
    table = metrics_by_slice(run.evaluation.uri, CANDIDATE)
    ranges = {"below 1": 10, "1 to 2.5": 15, "2.5 or more": 5}
    assert {name: table[f"z0={name}"]["example_count"] for name in ranges} == ranges
    crossed = {name: int(row["example_count"]) for name, row in table.items() if name.startswith("kind=")}
    assert sum(crossed.values()) == 30
    assert crossed["kind=a, z0=below 1"] == 4
    some = [row for row in make_rows("regression") if row["kind"] == "a" and row["z0"] < 1]
    error = np.mean([abs(1.1 * row["z0"] - row["y"]) for row in some])
    with pytest.raises(
        GateRefused, match=f"mean_absolute_error of kind=a, z0=below 1 is {error:.4f}, above the maximum"
    ):
        run.judge()
