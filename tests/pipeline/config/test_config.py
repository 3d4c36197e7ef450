from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from pipeline.checks.checks import check
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError, load
from pipeline.config.metrics import METRICS, PRIMARY, SHOWN


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
    assert (config.beam.workers, config.trainer.loop.epochs, config.data.splits["train"]) == (3, 7, 9)
    assert config.trainer.loop.global_batch_size == load_taxi(taxi_config).trainer.loop.global_batch_size


def test_null_takes_a_key_away(taxi_config):
    config = load_taxi(taxi_config, "features.vocabulary={company: null}", "label.above=null", "schema=null")
    assert set(config.features.vocabulary) == {"payment_type"}
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
        ("features.vocabulary.payment_type.topk=3", "topk: unknown key; did you mean top_k?"),
        ("gates.evaluation.thresholds=[{metric: auc, mn: 1}]", "thresholds.0.mn: unknown key; did you mean min?"),
        ("trainer.loop.epochs=many", "trainer.loop.epochs: Input should be a valid integer"),
        ("data.format=xml", "data.format: Input should be 'csv', 'parquet', 'arrow' or 'tfrecord', got 'xml'"),
        ("gates.evaluation.thresholds=[]", "gates.evaluation.thresholds: Tuple should have at least 1 item"),
        (
            "gates.evaluation.thresholds=[{metric: auc, min: 1.5}]",
            "thresholds.0.min: Input should be less than or equal",
        ),
        ("gates.evaluation.thresholds=[{metric: auc}]", "without them it cannot refuse a model"),
        ("gates.evaluation.thresholds=[{metric: auc, max_drop: 0.1}]", "none has a min or max"),
        ("gates.evaluation.thresholds=[{metric: auc, min: 0.5, slice: fare}]", "'fare' is not among slices"),
        ("features.identity.trip_start_hour=1", "identity.trip_start_hour: must lie between 2 and 1,000,000, got 1"),
        ("serving.model_name=a/b", "serving.model_name: 'a/b' may contain only letters"),
        ("trainer.loop.seed=-1", "trainer.loop.seed: Input should be greater than or equal to 0"),
        (
            "trainer.loop.optimizer.learning_rate=.inf",
            "trainer.loop.optimizer.learning_rate: Input should be a finite number",
        ),
        ("data.splits={Eval/x: 1}", "'Eval/x' may contain only letters"),
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
            "'acuracy' is not a metric of a binary label; choose one of auc, auc_",
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
    [(("label",), "label: is required and missing"), (("data", "splits", "eval"), r"data: splits: \['eval'\] missing")],
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
        ("label.column=tip", "label.column: there is no column 'tip' in data/taxi/trips.csv"),
        ("label.above.column=fares", "label.above.column: there is no column 'fares'"),
        ("features.numeric=[miles]", "features.numeric: there is no column 'miles'"),
        ("features.vocabulary={kind: {}}", "features.vocabulary: there is no column 'kind'"),
        ("features.numeric=[payment_type]", "features.numeric: 'payment_type' is BYTES in .*; it must be INT or FLOAT"),
        ("features.identity={fare: 5}", "features.identity: 'fare' is FLOAT in .*; it must be INT"),
        ("features.numeric=[tips]", "features.numeric: 'tips' makes the label"),
        ("label={column: payment_type, above: 3}", "label.column: 'payment_type' is BYTES"),
        ("trainer.run_fn=sys.exit", "trainer.run_fn: there is no module 'sys'"),
        ("label={column: fare, above: null, task: multiclass, classes: [a, b]}", "label.column: .*; it must be BYTES"),
        ("example_weight=weight", "example_weight: there is no column 'weight'"),
        ("example_weight=company", "example_weight: 'company' is BYTES in .*; it must be INT or FLOAT"),
        ("example_weight=trip_miles", "features.numeric: 'trip_miles' is the example weight, which no request knows"),
        ("features.image={photo: {height: 8, width: 8}}", "features.image: there is no column 'photo'"),
        ("runs=/proc/x", "runs: /proc/x/taxi cannot be created"),
        ("schema=nowhere.pbtxt", "schema: nowhere.pbtxt cannot be read"),
        ("schema=configs/taxi.yaml", "schema: configs/taxi.yaml is not a schema in protobuf text format"),
        ("trainer.run_fn=trainer.nothing.run_fn", "trainer.run_fn: there is no module 'trainer.nothing'"),
        (
            "trainer.run_fn=trainer.run_fn.run",
            "trainer.run_fn: .*run_fn.py defines no function 'run'; it has .*, run_fn",
        ),
    ],
)
def test_what_the_config_points_to_is_checked(taxi_config, override, message):
    with pytest.raises(ConfigError, match=message):
        check(load_taxi(taxi_config, override))


def test_an_example_weight_reaches_trainer_and_preprocessing(taxi_config):
    config = load_taxi(taxi_config, "example_weight=trip_start_timestamp")
    check(config)
    assert config.parameters().example_weight == "trip_start_timestamp"
    assert config.preprocessing_parameters().example_weight == "trip_start_timestamp"


def test_slices_must_be_columns(taxi_config):
    config = load_taxi(taxi_config, "gates.evaluation.slices=[trip_start_hour, colour]")
    with pytest.raises(ConfigError, match=r"gates.evaluation.slices: there is no column 'colour'"):
        check(config)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.csv": b"x,y\n1,2\n", "b.csv": b"x,z\n1,2\n"}, "b.csv and a.csv differ in the columns y, z"),
        ({"a.csv": b"x,x\n1,2\n"}, "names the column 'x' twice"),
        ({"a.csv": b""}, "a.csv is empty"),
        ({"a.csv": b"x,y\n1,2\n", "b.csv": b"y,x\n1,2\n"}, "b.csv has the columns of a.csv in another order"),
        ({"a.csv": b"\xef\xbb\xbfx,y\n1,2\n"}, "begins with a byte-order mark"),
        ({"a.csv": b"\xff\xfe\x00x"}, "has no readable header line"),
    ],
)
def test_broken_data_files_are_named(taxi_config, tmp_path, files, message):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        check(load_taxi(taxi_config, f"data.path={tmp_path}"))


def test_parquet_columns_are_checked(taxi_config, tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no parquet at all")
    with pytest.raises(ConfigError, match=r"a\.parquet is not a Parquet file"):
        check(load_taxi(taxi_config, f"data.path={tmp_path}", "data.format=parquet"))
