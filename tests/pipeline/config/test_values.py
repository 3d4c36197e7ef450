"""Wrong values name the key and the fix; limits fit the task of the label."""

from __future__ import annotations

import pytest
import yaml

from pipeline.config.gates.metrics import METRICS, PRIMARY, SHOWN
from pipeline.config.loading import ConfigError, load
from tests.pipeline.config.taxi import load_taxi


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer.loop.epoch=3", "trainer.loop.epoch: unknown key; did you mean epochs?"),
        ("shema=x", "shema: unknown key; did you mean schema?"),
        ("features.trip_start_day.topk=3", "trip_start_day.topk: unknown key; did you mean top_k?"),
        ("gates.evaluation.thresholds=[{metric: auc, mn: 1}]", "thresholds.0.mn: unknown key; did you mean min?"),
        ("trainer.loop.epochs=many", "trainer.loop.epochs: Input should be a valid integer"),
        ("data.files=/etc/*", "files: '/etc/*' leads out of data.path"),
        ("data.files=a/../../*.csv", "files: 'a/../../*.csv' leads out of data.path"),
        ("data.format=xml", "data.format: Input should be 'csv', 'parquet', 'arrow', 'tfrecord' or 'pictures'"),
        ("gates.evaluation.thresholds=[]", "gates.evaluation.thresholds: Tuple should have at least 1 item"),
        ("gates.evaluation.thresholds=[{metric: auc, min: 1.5}]", "thresholds.0.min: auc is at most 1, got 1.5"),
        ("gates.evaluation.thresholds=[{metric: auc}]", "without them it cannot refuse a model"),
        ("gates.evaluation.thresholds=[{metric: auc, max_drop: 0.1}]", "none has a min or max"),
        (
            "gates.evaluation.thresholds=[{metric: precision_at_recall, min: 0.5}]",
            "thresholds.0.at: precision_at_recall: say at which recall, such as at: 0.8",
        ),
        (
            "gates.evaluation.thresholds=[{metric: recall_at_precision, at: 80, min: 0.5}]",
            "thresholds.0.at: recall_at_precision: 80 is no share between 0 and 1",
        ),
        ("gates.evaluation.thresholds=[{metric: auc, at: 0.5, min: 0.5}]", "auc: it has no such option; leave it out"),
        ("gates.evaluation.slices=[{column: fare, edges: [5, 5]}]", "edges: [5.0, 5.0] do not ascend"),
        ("gates.evaluation.slices=[{column: fare, edges: [5]}, fare]", "slices: a feature or a cross of features"),
        ("gates.evaluation.confidence={judge: bounds}", "confidence.judge: Input should be 'point' or 'bound'"),
        ("gates.evaluation.reference_refuse=0.5", "reference_refuse: there is no reference; add reference"),
        ("gates.evaluation.thresholds=[{metric: auc, min: 0.5, slice: fare}]", "'fare' is not among slices"),
        ("features.trip_start_hour.codes=1", "trip_start_hour.codes: Input should be greater than or equal to 2"),
        (f"name={'a' * 64}", "has 64 characters, and TFX takes at most 63; shorten it"),
        ("serving.model_name=a/b", "serving.model_name: 'a/b' may contain only letters"),
        ("trainer.loop.seed=-1", "trainer.loop.seed: Input should be greater than or equal to 0"),
        (
            "trainer.loop.optimizer.learning_rate=.inf",
            "trainer.loop.optimizer.learning_rate: Input should be a finite number",
        ),
        ("data.splits={Eval/x: 1}", "'Eval/x' may contain only letters"),
        ("data.splits.train=0", "data.splits.train: Input should be greater than 0"),
        ("data.splits={by: week, eval: 0.3}", "data.splits: Input tag 'week' found using 'by' does not match any"),
        ("data.splits={by: time, eval: 0.3}", "data.splits.column: is required and missing"),
        ("data.splits={by: time, column: t, eval: 30}", "data.splits.eval: Input should be less than 1"),
        ("data.splits={by: time, column: t, eval: 0.5, test: 0.5}", "which leaves no rows for train"),
        ("data.splits={by: time, column: t, train: 0.7, eval: 0.3}", "train is what the other splits leave"),
        ("data.splits={by: value, column: t, train: [1, 2], eval: [2]}", "data.splits: 2 is in train and in eval"),
        ("data.splits={by: value, column: t, train: [1], eval: [a]}", "there are texts and numbers"),
        ("data={files: a.csv, splits: {by: files, train: a.csv, eval: b.csv}}", "splits by files name their own"),
        ("data={files: a.csv, window: 2}", "window: there are no spans"),
        ("data.where=fare > 0 and tips", "data.where: character 14: 'tips' is no condition"),
        ("label.missing=zero", "label.missing: Input should be 'refuse' or 'drop'"),
        ("gates.data.drift.number={limit: 0.2}", "gates.data.drift.number: unknown key; did you mean numbers?"),
        (
            "gates.data.drift.exceptions=[{column: fare, check: numbers, reason: in cents, until: 2024-01-31}]",
            "drift.exceptions.0.until: 2024-01-31 is past, and with it the exception for fare (numbers: in cents)",
        ),
        ("gates.infra.tolerance=.inf", "gates.infra.tolerance: Input should be less than 0.1"),
        ("gates.evaluation.thresholds=[{metric: auc, min: 0}]", "thresholds.0.min: Input should be greater than 0"),
        ("gates.evaluation.thresholds=[{metric: auc, max: 0}]", "thresholds.0.max: Input should be greater than 0"),
        ("gates.evaluation.thresholds=[{metric: auc, max_rise: .inf}]", "max_rise: Input should be a finite number"),
        (
            "gates.evaluation.thresholds=[{metric: accuracy, slice: trip_start_hour, min: 0.5}]",
            "the Evaluator needs one for all examples to bless",
        ),
        ("beam.runner=DaskRunner", "beam.runner: DaskRunner is refused: it loses data silently"),
    ],
)
def test_wrong_values_name_key_and_fix(taxi_config, override, message):
    with pytest.raises(ConfigError) as error:
        load_taxi(taxi_config, override)
    assert message in str(error.value)
    assert str(taxi_config) in str(error.value)


LABELS = {
    "binary": "label={above: null, column: tips}",
    "multiclass": "label={above: null, task: multiclass, classes: [none, some, much]}",
    "regression": "label={above: null, task: regression}",
}
GOOD_LIMITS = {
    "binary": "{metric: auc, min: 0.9, max_drop: 0.01}",
    "multiclass": "{metric: accuracy, min: 0.9}, {metric: cross_entropy, max: 0.5, max_rise: 0}, {metric: f1, min: .1}",
    "regression": "{metric: mean_absolute_error, max: 12.5, max_rise: 2}, {metric: squared_correlation, min: 0.2}",
}


@pytest.mark.parametrize("task", list(LABELS))
def test_each_task_has_limits_of_its_own(taxi_config, task):
    load_taxi(taxi_config, LABELS[task], f"gates.evaluation.thresholds=[{GOOD_LIMITS[task]}]")


@pytest.mark.parametrize("task", list(LABELS))
def test_what_is_shown_and_compared_is_a_metric_of_the_task(task):
    assert set(SHOWN[task]) | {PRIMARY[task]} <= set(METRICS[task])
    assert not METRICS[task][PRIMARY[task]].per_class


@pytest.mark.parametrize(
    ("task", "limits", "message"),
    [
        ("binary", "{metric: auc, max: 0.9}", "0.max: higher is better for auc; use min or max_drop"),
        (
            "binary",
            "{metric: auc, min: 0.9, max_rise: 0.1}",
            "0.max_rise: higher is better for auc; use min or max_drop",
        ),
        ("regression", "{metric: mean_absolute_error, min: 0.9}", "0.min: lower is better for mean_absolute_error"),
        (
            "multiclass",
            "{metric: accuracy, min: 0.9}, {metric: cross_entropy, max_drop: 0.1}",
            "1.max_drop: lower is better for cross_entropy; use max or max_rise",
        ),
        (
            "regression",
            "{metric: auc, min: 0.9}",
            "0.metric: 'auc' is not a metric of a regression label; choose one of mean_",
        ),
        (
            "binary",
            "{metric: acuracy, min: 0.9}",
            "'acuracy' is not a metric of a binary label; did you mean 'accuracy'? choose one of auc, auc_",
        ),
        (
            "multiclass",
            "{metric: f1, min: 0.9}, {metric: f1, min: 0.9, slice: payment_type}",
            "1.slice: f1 is a mean over all classes, and a slice may lack some; use accuracy there",
        ),
        ("regression", "{metric: mean_absolute_error, max_rise: 1}", "none has a min or max"),
    ],
)
def test_a_limit_must_fit_the_label_s_task(taxi_config, task, limits, message):
    with pytest.raises(ConfigError) as error:
        load_taxi(taxi_config, LABELS[task], f"gates.evaluation.thresholds=[{limits}]")
    assert "gates.evaluation" in str(error.value)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("path", "message"),
    [(("label",), "label: is required and missing"), (("data", "splits", "eval"), "data.splits: eval missing")],
)
def test_missing_keys_are_named(taxi_config, tmp_path, path, message):
    tree = yaml.safe_load(taxi_config.read_text())
    parent = tree
    for key in path[:-1]:
        parent = parent[key]
    del parent[path[-1]]
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(ConfigError, match=message):
        load(config=tmp_path / "mine.yaml", profile=None)
