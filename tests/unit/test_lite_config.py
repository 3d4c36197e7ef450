import pytest
from pydantic import ValidationError

from pipeline.lite_config import Lite, LiteThreshold

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


def test_of_errors_less_is_better():
    assert LiteThreshold(metric="auc", max_loss=0).higher_is_better
    assert not LiteThreshold(metric="mean_absolute_error", max_loss=0).higher_is_better
