"""Version labels (the label tests of model_servers/server_core_test.cc)."""

from __future__ import annotations

import pytest
from grpc import StatusCode

from tests.conformance.calls import (
    SECONDS,
    classify_request,
    example,
    example_list,
    predict_request,
    refused,
    regress_request,
    spec,
    tensor,
    values_of,
)
from tests.conformance.models import CANARY, HALF_PLUS_TWO, STABLE, VERSIONED, VERSIONS

pytestmark = [pytest.mark.tensorflow, pytest.mark.source("model_servers/server_core_test.cc")]

X = tensor([2.0])
LABELS = pytest.mark.parametrize(("label", "version"), [("stable", STABLE), ("canary", CANARY)])


@LABELS
def test_predict(prediction, label, version):
    answer = prediction.Predict(predict_request(spec(VERSIONED, label=label), x=X), SECONDS)
    assert values_of(answer.outputs["y"]) == [1.0 + VERSIONS[version]]
    assert answer.model_spec == spec(VERSIONED, version=version, signature="serving_default")


@LABELS
def test_classify_and_regress(prediction, label, version):
    given = example_list(example(x=2.0))
    classify = classify_request(spec(VERSIONED, label=label, signature="classify_x_to_y"), given)
    regress = regress_request(spec(VERSIONED, label=label, signature="regress_x_to_y"), given)
    scores = prediction.Classify(classify, SECONDS).result.classifications[0].classes
    assert [entry.score for entry in scores] == [1.0 + VERSIONS[version]]
    assert [entry.value for entry in prediction.Regress(regress, SECONDS).result.regressions] == [
        1.0 + VERSIONS[version]
    ]


@pytest.mark.parametrize("model", [VERSIONED, HALF_PLUS_TWO, "nobody"], ids=["others", "none", "no such model"])
def test_an_unknown_label(prediction, model):
    with refused(StatusCode.INVALID_ARGUMENT, "Unrecognized servable version label: nothing"):
        prediction.Predict(predict_request(spec(model, label="nothing"), x=X), SECONDS)


def test_an_empty_label_is_a_label(prediction):
    with refused(StatusCode.INVALID_ARGUMENT, "Unrecognized servable version label: "):
        prediction.Predict(predict_request(spec(VERSIONED, label=""), x=X), SECONDS)
