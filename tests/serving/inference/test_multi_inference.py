"""MultiInference on a loaded model: all heads in one run."""

from __future__ import annotations

import itertools

import pytest
from tensorflow_serving.apis import input_pb2

from serving.inference import calls as inference
from tests.conformance.calls import multi_request, spec
from tests.serving.inference.requests import INVALID, NO_CLASSIFICATION, NO_OUTPUTS, UNIMPLEMENTED, examples, refusal
from tests.serving.support import half_plus_two

pytestmark = pytest.mark.tensorflow


def multi(*tasks, model_names=("m",), request_input=None):
    names = itertools.cycle(model_names)
    given = [(spec(next(names), signature=signature), method) for signature, method in tasks]
    return multi_request(request_input or examples(1.0, 2.0), *given)


class _CountsRuns:
    def __init__(self, model):
        self.model, self.signatures, self.runs = model, model.signatures, 0

    def run(self, *args, **kwargs):
        self.runs += 1
        return self.model.run(*args, **kwargs)


def test_multi_inference_runs_all_heads_at_once(model):
    counting = _CountsRuns(model)
    tasks = [
        ("regress_flat", half_plus_two.REGRESS),
        ("classify_both", half_plus_two.CLASSIFY),
        ("regress", half_plus_two.REGRESS),
        ("classify", half_plus_two.CLASSIFY),
    ]
    flat, both, plain, scores = inference.multi_inference(counting, multi(*tasks)).results
    assert counting.runs == 1
    assert [result.model_spec.signature_name for result in (flat, both, plain, scores)] == [name for name, _ in tasks]
    assert [r.value for r in flat.regression_result.regressions] == [3.5, 4.0]
    assert [c.label for c in both.classification_result.classifications[1].classes] == ["3.0", "3.0"]
    assert [r.value for r in plain.regression_result.regressions] == [2.5, 3.0]
    assert [row.classes[0].score for row in scores.classification_result.classifications] == [2.5, 3.0]


def test_multi_inference_feeds_every_heads_own_input(model):
    counting = _CountsRuns(model)
    tasks = [("regress", half_plus_two.REGRESS), ("regress_other_input", half_plus_two.REGRESS)]
    results = inference.multi_inference(counting, multi(*tasks)).results
    assert counting.runs == 1
    assert [[r.value for r in result.regression_result.regressions] for result in results] == [[2.5, 3.0], [1.0, 2.0]]


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        (multi(("s", half_plus_two.REGRESS)), INVALID, "Requested signature not found in model graph: s"),
        (multi(("regress", "m")), UNIMPLEMENTED, "Unsupported signature method_name: m"),
        (
            multi(("regress", half_plus_two.PREDICT)),
            UNIMPLEMENTED,
            "Unsupported signature method_name: tensorflow/serving/predict",
        ),
        (
            multi(("regress", half_plus_two.REGRESS), ("regress", half_plus_two.REGRESS)),
            INVALID,
            "Duplicate evaluation of signature: regress",
        ),
        (
            multi(("regress", half_plus_two.REGRESS), ("classify", half_plus_two.CLASSIFY), model_names=("m", "n")),
            INVALID,
            "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
        ),
        (
            multi(("regress", half_plus_two.REGRESS), ("classify", half_plus_two.CLASSIFY), model_names=("m", "")),
            INVALID,
            "Found ModelSpec with an empty model name.",
        ),
        (multi(("classify", half_plus_two.REGRESS)), INVALID, NO_OUTPUTS),
        (multi(("", half_plus_two.CLASSIFY)), INVALID, NO_CLASSIFICATION),
        (multi(("regress", half_plus_two.REGRESS), request_input=input_pb2.Input()), INVALID, "Input is empty."),
    ],
)
def test_multi_inference_refuses(model, request_, code, text):
    found_code, found_text = refusal(lambda: inference.multi_inference(model, request_))
    assert found_code == code
    # The signature comes last in the text.
    assert found_text.startswith(text) if text.endswith(": ") else found_text == text
