from pathlib import Path

import pytest

from pipeline.checks.objectives import check_objectives
from pipeline.config.loading import ConfigError, load

NUMBER = (
    "label={column: tips, task: regression, above: null}",
    "gates.evaluation.thresholds=[{metric: ninth, max: 2}]",
)
NINTH = "trainer.metrics={ninth: {name: pinball, level: 0.9}}"


def config_with(*words: str):
    return load(config=Path("configs/taxi.yaml"), profile=None, overrides=words)


@pytest.mark.parametrize(
    "words",
    [
        ("trainer.loss=focal",),
        ("trainer.loss={name: focal, gamma: 1}", "trainer.metrics={brier: {}}"),
        ("trainer.loss=trainer.objectives.losses.mae", "trainer.metrics={b: trainer.objectives.metrics.brier}"),
        (*NUMBER, NINTH, "trainer.loss={name: quantile, level: 0.9}"),
    ],
)
def test_what_exists_and_fits_passes(words):
    check_objectives(config_with(*words))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("trainer.loss=mae",),
            "trainer.loss.name: 'mae' is for a regression label; for a binary label there are focal",
        ),
        (("trainer.loss=focl",), "trainer.loss.name: 'focl' is unknown; did you mean 'focal'?"),
        (("trainer.loss={name: focal, gama: 1}",), "trainer.loss.gama: focal has no such option; did you mean gamma?"),
        (("trainer.loss={name: focal, gamma: -1}",), "trainer.loss.gamma: Input should be greater than or equal to 0"),
        (("trainer.loss=trainer.nowhere.f",), "trainer.loss.name: there is no module 'trainer.nowhere'"),
        (("trainer.loss=trainer.objectives.losses.focl",), "defines no function 'focl'; did you mean 'focal'?"),
        (("trainer.loss=trainer.run_fn.run_fn",), "must take two positional arguments, label and prediction"),
        (
            ("trainer.metrics={precision: brier}",),
            "trainer.metrics.precision: a binary label has a metric of this name already",
        ),
        (
            (*NUMBER, "trainer.metrics={ninth: {name: pinball, level: 1}}"),
            "trainer.metrics.ninth.level: Input should be less than 1, got 1.",
        ),
    ],
)
def test_what_does_not_is_named_with_what_there_is(words, message):
    with pytest.raises(ConfigError) as error:
        check_objectives(config_with(*words))
    assert message in str(error.value)


def test_a_limit_on_a_metric_of_one_s_own_goes_the_metric_s_way():
    assert config_with(*NUMBER, NINTH).gates.evaluation.thresholds[0].metric == "ninth"
    profit = "trainer.metrics={profit: {name: trainer.objectives.metrics.brier, higher_is_better: true}}"
    config_with(profit, "gates.evaluation.thresholds=[{metric: profit, min: 20, max_drop: 2}]")
    with pytest.raises(ConfigError, match="higher is better for profit; use min or max_drop"):
        config_with(profit, "gates.evaluation.thresholds=[{metric: profit, max: 20}]")
    with pytest.raises(ConfigError, match="'nine' is not a metric of a regression label; did you mean 'ninth'"):
        config_with(NUMBER[0], NINTH, "gates.evaluation.thresholds=[{metric: nine, max: 2}]")
    with pytest.raises(ConfigError, match="the key names the figure; use letters"):
        config_with("trainer.metrics={a-b: brier}")


def test_an_own_metric_can_be_watched_and_searched_by():
    config = config_with("trainer.metrics={b: brier}", "trainer.loop.early_stopping={metric: b}")
    assert config.parameters().objectives() == ("auc", "accuracy", "loss", "b")
    assert config.parameters().watched() == "auc"
    assert config_with(*NUMBER, NINTH, "trainer.loss=mae").parameters().watched() == "loss"
