import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from pipeline.config.config import Config
from pipeline.config.loading import ConfigError, load
from trainer.parameters import OBJECTIVES, Parameters
from trainer.tuning.hyperparameters import decoded, described, with_hyperparameters
from trainer.tuning.search import Dimension, Search, encoded

RATE = "loop.optimizer.learning_rate"
RANGE = {"min": 0.1, "max": 0.2}
PARAMETERS = Parameters(label={"column": "y"}, model={"hidden_units": [8], "dropout": 0.1}, loop={"epochs": 2})


def load_with(tmp_path: Path, tuner: object, **trainer: object) -> Config:
    tree = {
        "name": "small",
        "data": {"path": "data/taxi"},
        "label": {"column": "tips"},
        "trainer": {"tuner": tuner, **trainer},
        "gates": {"evaluation": {"thresholds": [{"metric": "auc", "min": 0.5}]}},
        "serving": {"model_name": "small"},
    }
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(tree))
    return load(config=tmp_path / "small.yaml", profile=None)


def test_there_is_no_search_unless_asked_for(tmp_path):
    assert load_with(tmp_path, None).trainer.tuner is None


def test_a_space_of_every_kind_is_valid(tmp_path):
    space = {
        RATE: {"min": 1e-4, "max": 1e-2, "sampling": "log"},
        "loop.global_batch_size": {"min": 32, "max": 256, "step": 2, "sampling": "log"},
        "loop.early_stopping": {"choices": [None, {"patience": 2}]},
        "loop.class_weights.1": {"min": 1.0, "max": 5.0},
        "model.hidden_units": {"choices": [[64, 32], [128, 64]]},
        "model.dropout": {"min": 0, "max": 0.5, "step": 0.1},
    }
    search = load_with(tmp_path, {"trials": 4, "space": space}).trainer.tuner
    assert (search.algorithm, search.trials, search.objective, search.seed) == ("random", 4, None, 0)
    assert Search.model_validate_json(search.model_dump_json()) == search


@pytest.mark.parametrize(
    ("tuner", "message"),
    [
        ({}, "trainer.tuner.space: is required and missing."),
        ({"space": {}}, "trainer.tuner.space: "),
        ({"trails": 3, "space": {RATE: RANGE}}, "trainer.tuner.trails: unknown key; did you mean"),
        ({"algorithm": "hyperband", "space": {RATE: RANGE}}, "trainer.tuner.algorithm: Input should"),
        ({"space": {RATE: {"mn": 0.1, "max": 0.2}}}, f"trainer.tuner.space.{RATE}.mn: unknown key; did you mean min?"),
        (
            {"space": {"loop.optimizer.learning_rat": RANGE}},
            "trainer.tuner.space.loop.optimizer.learning_rat: unknown key; did you mean loop.optimizer.learning_rate?",
        ),
        (
            {"space": {"loop.learning_rate": RANGE}},
            "space.loop.learning_rate: unknown key; did you mean loop.optimizer.learning_rate?",
        ),
        ({"space": {"learning_rate": RANGE}}, "did you mean loop.optimizer.learning_rate?"),
        ({"space": {"features.numeric": RANGE}}, "must be a key below trainer.loop or trainer.model"),
        ({"space": {"loop.early_stopping.patience": {"min": 1, "max": 5}}}, "loop.early_stopping is null; give it a v"),
        ({"space": {"loop.strategy": {"choices": ["auto", "mirrored"]}}}, "settled before the first trial"),
        ({"space": {"loop.checkpoints.keep": {"min": 1, "max": 3}}}, "settled before the first trial"),
        ({"space": {"loop.class_weights.2": {"min": 1, "max": 3}}}, "space.loop.class_weights.2: unknown key"),
        (
            {"space": {RATE: {"min": -1.0, "max": 0.2}}},
            f"trainer.tuner.space.{RATE}: Input should be greater than 0, got -1.0",
        ),
        ({"space": {"loop.optimizer.momentum": {"min": 0, "max": 1}}}, "Input should be less than 1, got 1"),
        (
            {"space": {"loop.optimizer.name": {"choices": ["adam", "adamax"]}}},
            "space.loop.optimizer.name: Input should be 'adamw'",
        ),
        ({"space": {"loop.steps": {"min": 10, "max": 20}}}, "space.loop.steps: steps: give steps or epochs"),
        ({"space": {RATE: {"min": 0.1}}}, "a range needs both min and max"),
        ({"space": {RATE: {"step": 0.1}}}, "give choices, or min and max"),
        ({"space": {RATE: {"min": 0.1, "max": 0.2, "choices": [0.1, 0.2]}}}, "give choices, or min and max"),
        ({"space": {RATE: {"choices": [0.1, 0.2], "sampling": "log"}}}, "belong to min and max, not to choices"),
        ({"space": {RATE: {"choices": [0.1]}}}, "choices: name at least two, each once"),
        ({"space": {RATE: {"choices": [0.1, 0.1]}}}, "choices: name at least two, each once"),
        ({"space": {RATE: {"min": 0.2, "max": 0.1}}}, "min must be less than max, got 0.2 and 0.1"),
        ({"space": {RATE: {"min": 0, "max": 0.1, "sampling": "log"}}}, "min must be more than 0 for log sampling"),
        ({"space": {RATE: {"min": 0.01, "max": 0.1, "sampling": "log", "step": 1}}}, "step is a factor with log"),
        ({"space": {RATE: {"min": 0.1, "max": 0.2, "step": 0.2}}}, "step leaves a single value"),
        ({"space": {RATE: {"min": 0.1, "max": float("inf")}}}, "finite number"),
        (
            {"space": {RATE: RANGE, "loop.optimizer": {"choices": [{}, None]}}},
            f"space.{RATE}: lies within loop.optimizer, which is searched as well",
        ),
        ({"algorithm": "grid", "space": {RATE: RANGE}}, "a grid needs a step or choices"),
        (
            {"algorithm": "grid", "trials": 5, "space": {"loop.seed": {"min": 0, "max": 5}}},
            "trials: the grid has 6 combinations, more than 5 trials",
        ),
        ({"objective": "acc", "space": {RATE: RANGE}}, "trainer.tuner.objective: there is no 'acc'"),
    ],
)
def test_wrong_searches_name_key_and_fix(tmp_path, tuner, message):
    with pytest.raises(ConfigError) as error:
        load_with(tmp_path, tuner, loop={"epochs": 2})
    assert message in str(error.value)


def test_a_search_is_not_for_several_workers(tmp_path):
    with pytest.raises(ConfigError, match=r"trainer\.tuner\.space: is searched on one machine"):
        load_with(tmp_path, {"space": {RATE: RANGE}}, loop={"strategy": "multi_worker"})


@pytest.mark.parametrize(
    ("dimension", "points"),
    [
        ({"min": 0, "max": 0.5, "step": 0.1}, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]),
        ({"min": 6, "max": 13, "step": 3}, [6, 9, 12]),
        ({"min": 2, "max": 4}, [2, 3, 4]),
        ({"min": 32, "max": 300, "step": 2, "sampling": "log"}, [32, 64, 128, 256]),
        ({"min": 0.001, "max": 1, "step": 10, "sampling": "log"}, [0.001, 0.01, 0.1, 1.0]),
        ({"choices": [None, 1]}, [None, 1]),
    ],
)
def test_points_are_all_values_with_both_ends(dimension, points):
    found = Dimension(**dimension).points()
    assert list(found) == points
    assert [type(value) for value in found] == [type(value) for value in points]


@pytest.mark.parametrize("dimension", [{"min": 0.1, "max": 1}, {"min": 1, "max": 64, "sampling": "log"}])
def test_a_range_without_steps_has_no_points(dimension):
    assert Dimension(**dimension).points() is None


@pytest.mark.parametrize("value", [3, 0.5, True, None, [64, 32], {"name": "sgd"}, "adamw", "null", "NaN", "[x", ""])
def test_every_value_survives_as_a_scalar(value):
    carried = encoded(value)
    assert type(carried) in (int, float, str)
    assert decoded(carried) == value
    assert type(decoded(carried)) is type(value)


def test_hyperparameters_replace_what_is_configured():
    values = {RATE: 0.5, "model.hidden_units": "[4, 2]", "loop.optimizer.ema": "null", "loop.class_weights.1": 2}
    changed = with_hyperparameters(PARAMETERS, values)
    assert changed.loop.optimizer.learning_rate == 0.5
    assert changed.model.options == {"hidden_units": [4, 2], "dropout": 0.1}
    assert changed.loop.optimizer.ema is None
    assert changed.loop.class_weights == {"1": 2.0}
    assert changed.loop.epochs == 2
    assert PARAMETERS.loop.optimizer.learning_rate == 2e-3
    with pytest.raises(ValidationError, match="greater than 0"):
        with_hyperparameters(PARAMETERS, {RATE: 0.0})


def test_described_values_are_overrides(tmp_path):
    values = {"model.hidden_units": "[4, 2]", RATE: 0.25, "loop.optimizer.name": "sgd"}
    text = described(values)
    assert text == f"{RATE}=0.25  loop.optimizer.name=sgd  model.hidden_units=[4, 2]"
    load_with(tmp_path, None)
    words = [f"trainer.{word}" for word in text.split("  ")]
    config = load(config=tmp_path / "small.yaml", profile=None, overrides=words)
    assert config.parameters().loop == with_hyperparameters(config.parameters(), values).loop
    assert config.trainer.model.options == {"hidden_units": [4, 2]}


def test_candidates_are_the_extremes_one_at_a_time():
    search = Search(space={RATE: {"min": 0.1, "max": 0.4, "step": 0.1}, "model.dropout": {"choices": [0.0, 0.5, 0.7]}})
    found = [
        (path, candidate.loop.optimizer.learning_rate, candidate.model.options["dropout"])
        for path, candidate in search.candidates(PARAMETERS)
    ]
    assert found == [
        (RATE, 0.1, 0.1),
        (RATE, 0.4, 0.1),
        ("model.dropout", 2e-3, 0.0),
        ("model.dropout", 2e-3, 0.5),
        ("model.dropout", 2e-3, 0.7),
    ]


def test_every_task_has_an_objective_that_may_be_named():
    for task, names in OBJECTIVES.items():
        label = {"column": "y", "task": task, "classes": 3 if task == "multiclass" else None}
        for name in names:
            Search(objective=name, space={RATE: RANGE}).check(Parameters(label=label))


def test_a_config_is_checked_without_tensorflow():
    code = "import sys, pipeline.config; assert not {'tensorflow', 'keras', 'keras_tuner'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
