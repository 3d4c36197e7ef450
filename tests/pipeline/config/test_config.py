from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from components.example_gen.rows.options import ByTime
from pipeline.checks.checks import check
from pipeline.checks.columns import check_schema
from pipeline.config.config import Config
from pipeline.config.gates.metrics import METRICS, PRIMARY, SHOWN
from pipeline.config.loading import ConfigError, load
from pipeline.config.yaml_files import parsed

ROOT = Path(__file__).parents[3]


def load_taxi(taxi_config: Path, *overrides: str) -> Config:
    return load(config=taxi_config, profile="local", overrides=overrides)


@pytest.mark.parametrize("name", ["taxi", "digits"])
def test_shipped_configs_are_valid_in_every_profile(taxi_config, name):
    for profile in ("local", "multi_processing", "ci"):
        config = load(config=taxi_config.with_stem(name), profile=profile)
        check(config)
    assert config.cache is False


def test_profile_is_laid_over_the_config_and_set_over_both(taxi_config):
    assert load_taxi(taxi_config).beam.workers == 1
    config = load_taxi(taxi_config, "beam.workers=3", "trainer.loop.epochs=7", "data.splits={train: 9, eval: 1}")
    assert (config.beam.workers, config.trainer.loop.epochs, config.data.splits.given["train"]) == (3, 7, 9)
    assert config.trainer.loop.global_batch_size == load_taxi(taxi_config).trainer.loop.global_batch_size


def test_splits_of_another_kind_take_the_place_of_those_in_the_file(taxi_config):
    config = load_taxi(taxi_config, "data.splits.eval=0.2", "data.splits.by=time", "data.splits.column=fare")
    assert config.data.splits == ByTime.model_validate({"by": "time", "column": "fare", "eval": 0.2})
    assert config.data.splits.names == ("train", "eval")
    assert load_taxi(taxi_config, "data.splits.eval=5").data.splits.given == {"train": 2, "eval": 5}


def test_null_takes_a_key_away(taxi_config):
    config = load_taxi(taxi_config, "features={company: null}", "label.above=null", "schema=null")
    assert {"company", "payment_type"} & set(config.features.names()) == {"payment_type"}
    assert config.label.above is None
    assert config.schema_path is None


def test_config_is_frozen(taxi_config):
    with pytest.raises(ValidationError, match="frozen"):
        load_taxi(taxi_config).cache = False


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer.loop.epoch=3", "trainer.loop.epoch: unknown key; did you mean epochs?"),
        ("shema=x", "shema: unknown key; did you mean schema?"),
        ("features.payment_type.topk=3", "payment_type.topk: unknown key; did you mean top_k?"),
        ("gates.evaluation.thresholds=[{metric: auc, mn: 1}]", "thresholds.0.mn: unknown key; did you mean min?"),
        ("trainer.loop.epochs=many", "trainer.loop.epochs: Input should be a valid integer"),
        ("data.files=/etc/*", "files: '/etc/*' leads out of data.path"),
        ("data.files=a/../../*.csv", "files: 'a/../../*.csv' leads out of data.path"),
        ("data.format=xml", "data.format: Input should be 'csv', 'parquet', 'arrow', 'tfrecord' or 'pictures'"),
        ("gates.evaluation.thresholds=[]", "gates.evaluation.thresholds: Tuple should have at least 1 item"),
        (
            "gates.evaluation.thresholds=[{metric: auc, min: 1.5}]",
            "thresholds.0.min: auc is at most 1, got 1.5",
        ),
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
        (
            "gates.evaluation.slices=[{column: fare, edges: [5]}, fare]",
            "slices: a feature or a cross of features",
        ),
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


@pytest.mark.parametrize(("text", "message"), [("a: [", "mine.yaml:1: is not valid YAML"), ("- a", "must hold keys")])
def test_unreadable_yaml_names_file_and_line(tmp_path, text, message):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load(config=tmp_path / "mine.yaml", profile=None)


def test_missing_files_are_named(taxi_config, tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read \(No such file"):
        load(config=tmp_path / "nowhere.yaml", profile=None)
    with pytest.raises(ConfigError, match="--profile laptop: no such profile .* there are ci, .*local"):
        load(config=taxi_config, profile="laptop")


def test_override_must_be_key_and_value(taxi_config):
    with pytest.raises(ConfigError, match="--set cache: must be key=value"):
        load_taxi(taxi_config, "cache")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.path=nowhere", "data.path: nowhere is not a folder"),
        ("data.format=parquet", r"data.path: no \*.parquet file in data/taxi; is data.format right?"),
        ("data.where=fares > 0", "data.where: there is no column 'fares'"),
        ("data.splits={by: time, column: day, eval: 0.3}", r"data.splits \(by time\): there is no column 'day'"),
        ("data.splits={by: column, column: fare, train: 2, eval: 1}", r"data.splits \(by column\): 'fare' is FLOAT"),
        ("data.splits={by: files, train: trips.csv, eval: x*}", r"data.path: no x\* file in data/taxi"),
        ("data.splits={by: files, train: trips.csv, eval: t*.csv}", "data.splits: .*trips.csv is in train and in eval"),
        ("label.column=tip", "label.column: there is no column 'tip' in data/taxi/trips.csv"),
        ("label.above.column=fares", "label.above.column: there is no column 'fares'"),
        ("features.miles=number", "features.miles: there is no column 'miles'"),
        ("features.x={kind: cross, columns: [company, kind]}", "features.x: there is no column 'kind'"),
        (
            "features.payment_type=number",
            "features.payment_type: 'payment_type' is BYTES in .*; it must be INT or FLOAT",
        ),
        ("features.fare={kind: text}", "features.fare: 'fare' is FLOAT in .*; it must be BYTES"),
        ("features.tips=number", "features.tips: 'tips' makes the label"),
        ("label={column: payment_type, above: 3}", "label.column: 'payment_type' is BYTES"),
        ("trainer.run_fn=sys.exit", "trainer.run_fn: there is no module 'sys'"),
        ("label={column: fare, above: null, task: multiclass, classes: [a, b]}", "label.column: .*; it must be BYTES"),
        ("example_weight=weight", "example_weight: there is no column 'weight'"),
        ("example_weight=company", "example_weight: 'company' is BYTES in .*; it must be INT or FLOAT"),
        (
            "example_weight=trip_miles",
            "features.trip_miles: 'trip_miles' is the example weight, which no request knows",
        ),
        ("features.photo={kind: image, height: 8, width: 8}", "features.photo: there is no column 'photo'"),
        ("runs=/proc/x", "runs: /proc/x/taxi cannot be written"),
        ("example_weight=tips", "example_weight: 'tips' is the label"),
        ("schema=nowhere.pbtxt", "schema: nowhere.pbtxt cannot be read"),
        ("schema=configs/taxi.yaml", "schema: configs/taxi.yaml is not a schema in protobuf text format"),
        ("trainer.run_fn=trainer.nothing.run_fn", "trainer.run_fn: there is no module 'trainer.nothing'"),
        (
            "trainer.run_fn=trainer.run_fn.run",
            r"trainer.run_fn: .*run_fn.py defines no function 'run'; did you mean 'run_fn'\? it has .*, run_fn",
        ),
    ],
)
def test_what_the_config_points_to_is_checked(taxi_config, override, message):
    with pytest.raises(ConfigError, match=message):
        check(load_taxi(taxi_config, override))


def test_features_without_a_column_need_a_function_of_their_own(taxi_config, tmp_path):
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(yaml.safe_load(taxi_config.read_text()) | {"features": {}}))

    def check_with(*overrides: str) -> None:
        check_schema(load(config=tmp_path / "c.yaml", profile=None, overrides=overrides))

    with pytest.raises(ConfigError, match=r"^features: names no column"):
        check_with()
    check_with("trainer.preprocessing_fn=tests.e2e.faults.missing_as_nan.preprocessing_fn")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "features:\n  fare: number\n  fare: category\n",
            r"c\.yaml:3: is not valid YAML \(the key 'fare' stands twice\)",
        ),
    ],
)
def test_yaml_that_would_be_misread_is_refused(tmp_path, text, message):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load(config=tmp_path / "c.yaml", profile=None)


def test_a_merged_key_may_be_overridden():
    assert parsed("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}")["b"] == {"x": 1, "y": 3}


def test_an_example_weight_reaches_trainer_and_preprocessing(taxi_config):
    config = load_taxi(taxi_config, "example_weight=trip_start_timestamp")
    check(config)
    assert config.parameters().example_weight == "trip_start_timestamp"
    assert config.preprocessing_parameters().example_weight == "trip_start_timestamp"


def test_slices_must_be_columns(taxi_config):
    config = load_taxi(taxi_config, "gates.evaluation.slices=[trip_start_hour, colour]")
    with pytest.raises(ConfigError, match=r"gates.evaluation.slices: there is no column 'colour'"):
        check(config)


def test_only_the_spans_that_are_read_are_compared(taxi_config, tmp_path):
    header, first, _ = (ROOT / "data/taxi/trips.csv").read_text().split("\n", 2)
    (tmp_path / "9.csv").write_text(f"{header}\n{first}\n")
    for span in ("10", "11"):
        (tmp_path / f"{span}.csv").write_text(f"new,{header}\n1,{first}\n")
    data = (f"data.path={tmp_path}", "data.files='{SPAN}.csv'")
    for window in (1, 2):
        check(load_taxi(taxi_config, *data, f"data.window={window}"))
    with pytest.raises(ConfigError, match=r"new"):
        check(load_taxi(taxi_config, *data, "data.window=3"))
    # All files, whose spans nobody has named.
    with pytest.raises(ConfigError, match=r"new"):
        check(load_taxi(taxi_config, f"data.path={tmp_path}"))
