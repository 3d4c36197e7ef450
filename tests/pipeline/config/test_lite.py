import pytest
from pydantic import ValidationError

from pipeline.config.lite import Lite, LiteThreshold
from pipeline.config.loading import ConfigError, load
from trainer.parameters import Parameters

LIMITS = [{"metric": "auc", "max_loss": 0.005}]


def test_float_and_int8_are_made_by_default():
    assert Lite(thresholds=LIMITS).variants == ("float32", "int8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "thresholds"),
        ({"thresholds": []}, "at least 1"),
        ({"thresholds": LIMITS, "variants": []}, "at least 1"),
        ({"thresholds": LIMITS, "variants": ["int4"]}, "dynamic_range"),
        ({"thresholds": LIMITS, "variants": ["int8", "float32", "int8"]}, "variants: int8 is named twice"),
        ({"thresholds": [*LIMITS, *LIMITS]}, "thresholds: auc is named twice"),
        ({"thresholds": [{"metric": "auc", "max_loss": -0.1}]}, "greater than or equal to 0"),
        ({"thresholds": LIMITS, "num_representative": 0}, "greater than 0"),
    ],
)
def test_what_could_never_refuse_or_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        Lite(**options)


def test_a_limit_is_on_a_metric_of_the_task():
    limit = LiteThreshold(metric="auc", max_loss=0)
    assert limit.problem(Parameters(label={"column": "y"})) is None
    number = Parameters(label={"column": "y", "task": "regression"})
    assert "choose one of mean_absolute_error" in limit.problem(number)


def test_a_wrong_limit_is_named_by_its_key(taxi_config):
    with pytest.raises(ConfigError, match=r"lite\.thresholds\.0\.metric: .* is not a metric of a binary"):
        load(
            config=taxi_config,
            profile=None,
            overrides=["lite.thresholds=[{metric: mean_absolute_error, max_loss: 1}]"],
        )
