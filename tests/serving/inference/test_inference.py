import random

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, inference_pb2, input_pb2, predict_pb2, regression_pb2

from serving.client.messages.dtypes import TensorError
from serving.client.messages.tensors import fill, to_array
from serving.errors import StatusError
from serving.inference import calls as inference
from serving.inference.engine import SavedModel
from tests.serving.support import half_plus_two

pytestmark = pytest.mark.tensorflow

INVALID, FAILED = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION
INTERNAL, UNIMPLEMENTED = grpc.StatusCode.INTERNAL, grpc.StatusCode.UNIMPLEMENTED


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("half_plus_two") / "1"
    half_plus_two.save(path)
    model = SavedModel(str(path))
    yield model
    model.close()


def example(**values):
    features = {name: tf.train.Feature(float_list=tf.train.FloatList(value=[value])) for name, value in values.items()}
    return tf.train.Example(features=tf.train.Features(feature=features))


def examples(*values):
    return input_pb2.Input(example_list=input_pb2.ExampleList(examples=[example(x=value) for value in values]))


def predict_request(array, *, signature="", alias="x", output_filter=()):
    request = predict_pb2.PredictRequest(output_filter=output_filter)
    request.model_spec.signature_name = signature
    if array is not None:
        fill(request.inputs[alias], array)
    return request


def classification(signature, request_input):
    request = classification_pb2.ClassificationRequest(input=request_input)
    request.model_spec.signature_name = signature
    return request


def regression(signature, request_input):
    request = regression_pb2.RegressionRequest(input=request_input)
    request.model_spec.signature_name = signature
    return request


def multi(*tasks, model_names=("m",), request_input=None):
    request = inference_pb2.MultiInferenceRequest(input=request_input or examples(1.0, 2.0))
    for index, (signature, method) in enumerate(tasks):
        task = request.tasks.add(method_name=method)
        task.model_spec.name = model_names[index % len(model_names)]
        task.model_spec.signature_name = signature
    return request


def refusal(call):
    with pytest.raises(StatusError) as caught:
        call()
    return caught.value.code, caught.value.text


X = np.array([[1.0], [2.0], [5.0]], np.float32)


def test_predict_answers_in_typed_fields(model):
    response = inference.predict(model, predict_request(X))
    assert list(response.outputs["y"].float_val) == [2.5, 3.0, 4.5]
    assert [dim.size for dim in response.outputs["y"].tensor_shape.dim] == [3, 1]
    assert response.model_spec.signature_name == "serving_default"
    assert not response.model_spec.name


def test_predict_answers_in_raw_bytes_with_the_flag(model):
    response = inference.predict(model, predict_request(X), tensor_content=True)
    assert response.outputs["y"].tensor_content == np.array([2.5, 3.0, 4.5], np.float32).tobytes()
    assert not response.outputs["y"].float_val


def test_an_output_filter_leaves_the_others_out(model):
    response = inference.predict(model, predict_request(X, signature="two_outputs", output_filter=["label", "twice"]))
    assert {name: to_array(proto).ravel().tolist() for name, proto in response.outputs.items()} == {
        "label": [b"2.5", b"3.0", b"4.5"],
        "twice": [5.0, 6.0, 9.0],
    }
    every = inference.predict(model, predict_request(X, signature="two_outputs"))
    assert set(every.outputs) == {"y", "twice", "label"}


def test_outputs_may_have_no_dimensions(model):
    response = inference.predict(model, predict_request(np.float32(1.0), signature="two_outputs"))
    assert {name: to_array(proto).tolist() for name, proto in response.outputs.items()} == {
        "y": 2.5,
        "twice": 5.0,
        "label": b"2.5",
    }
    assert all(not proto.tensor_shape.dim for proto in response.outputs.values())


def test_the_time_of_the_run_is_reported_once(model):
    times = []
    inference.predict(model, predict_request(X), on_run=times.append)
    inference.regress(model, regression("regress", examples(1.0)), on_run=times.append)
    inference.classify(model, classification("classify", examples(1.0)), on_run=times.append)
    assert len(times) == 3
    assert all(0 < micros < 60e6 for micros in times)


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        (predict_request(X, signature="s"), FAILED, 'Serving signature key "s" not found.'),
        (predict_request(None), INVALID, "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra:"),
        (predict_request(X, alias="z"), INVALID, "Signature input alias: x(feed name: x:0) not found in request"),
        (predict_request(np.array([b"1"], object)), INVALID, "Expects arg[0] to be float but string is provided"),
        (predict_request(X, output_filter=["q"]), INVALID, "output tensor alias not found in signature: q"),
        (predict_request(X, output_filter=["y", "y"]), INVALID, "duplicate output tensor alias: y"),
        (predict_request(np.array([b"?"], object), signature="regress", alias="inputs"), INVALID, "Could not parse"),
    ],
)
def test_predict_refuses(model, request_, code, text):
    found_code, found_text = refusal(lambda: inference.predict(model, request_))
    assert found_code == code
    assert found_text.startswith(text)


def test_a_tensor_that_cannot_be_read_is_named(model):
    request = predict_request(X)
    request.inputs["x"].tensor_content = b"123"
    assert refusal(lambda: inference.predict(model, request)) == (INVALID, "tensor parsing error: x")


def test_regress_takes_both_shapes(model):
    for name, expected in (("regress", [2.5, 3.0]), ("regress_flat", [3.5, 4.0])):
        response = inference.regress(model, regression(name, examples(1.0, 2.0)))
        assert [regression.value for regression in response.result.regressions] == expected
        assert response.model_spec.signature_name == name


def test_classify_gives_labels_scores_or_both(model):
    def classes(name):
        response = inference.classify(model, classification(name, examples(1.0, 2.0)))
        assert response.model_spec.signature_name == name
        return [[(c.label, c.score) for c in row.classes] for row in response.result.classifications]

    assert classes("classify") == [[("", 2.5)], [("", 3.0)]]
    assert classes("classify_labels") == [[("2.5", 0.0)], [("3.0", 0.0)]]
    assert classes("classify_both") == [[("2.5", 2.5), ("2.5", -2.5)], [("3.0", 3.0), ("3.0", -3.0)]]


def test_a_context_is_part_of_every_example_that_does_not_say_otherwise(model):
    listed = input_pb2.ExampleListWithContext(
        context=example(x=4.0), examples=[example(other=1.0), example(x=6.0), tf.train.Example()]
    )
    response = inference.regress(model, regression("regress", input_pb2.Input(example_list_with_context=listed)))
    assert [regression.value for regression in response.result.regressions] == [4.0, 5.0, 4.0]


SHAPE = "Expected Tensor shape: [batch_size num_classes] but got [2]"
NO_CLASSIFICATION = "No classification inputs found in SignatureDef: "
NO_REGRESSION = "No regression inputs found in SignatureDef: "
NO_SCORES = 'Expected classification signature outputs to contain at least one of "classes" or "scores". '
NO_OUTPUTS = "No regression outputs found in SignatureDef: "


@pytest.mark.parametrize(
    ("signature", "code", "text"),
    [
        ("", INVALID, NO_CLASSIFICATION),
        ("regress", INVALID, NO_SCORES),
        ("s", INVALID, "No signature was found with the name: s"),
        ("classify_flat", INVALID, SHAPE),
        ("classify_double", INVALID, "Expected scores Tensor of DT_FLOAT. Got: DT_DOUBLE"),
        ("classify_no_strings", INVALID, "Expected classes Tensor of DT_STRING. Got: DT_FLOAT"),
        ("classify_one_row", INVALID, "Expected scores output batch size of 2. Got: 1"),
        ("classify_unequal", INVALID, "Tensors class and score should match in dim_size(1). Got 1 vs. 2"),
        ("classify_other_outputs", INVALID, NO_SCORES),
        ("classify_three_outputs", INVALID, "Expected one or two output Tensors, found 3"),
        ("classify_other_input", INVALID, NO_CLASSIFICATION),
        ("classify_not_utf8", INTERNAL, r"the model's label b'\xff' is not UTF-8"),
    ],
)
def test_classify_refuses(model, signature, code, text):
    found_code, found_text = refusal(lambda: inference.classify(model, classification(signature, examples(1.0, 2.0))))
    assert found_code == code
    assert found_text.startswith(text)


@pytest.mark.parametrize(
    ("signature", "code", "text"),
    [
        ("", INVALID, NO_REGRESSION),
        ("s", INVALID, "No signature was found with the name: s"),
        (
            "regress_wide",
            INVALID,
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,2]",
        ),
        ("regress_double", INVALID, "Expected output Tensor of DT_FLOAT.  Got: DT_DOUBLE"),
        ("regress_one_row", INVALID, "Input batch size did not match output batch size: 2 vs. 1"),
        ("regress_two_inputs", INVALID, "Expected one input Tensor."),
        ("regress_two_outputs", INVALID, "Expected one output Tensor."),
        ("regress_other_outputs", INVALID, NO_OUTPUTS),
        ("regress_other_name", INVALID, NO_REGRESSION),
    ],
)
def test_regress_refuses(model, signature, code, text):
    found_code, found_text = refusal(lambda: inference.regress(model, regression(signature, examples(1.0, 2.0))))
    assert found_code == code
    assert found_text.startswith(text)


def test_an_empty_input_is_refused(model):
    nothing = input_pb2.Input()
    no_example = input_pb2.Input(example_list_with_context=input_pb2.ExampleListWithContext(context=example(x=1.0)))
    for empty in (nothing, no_example):
        assert refusal(lambda empty=empty: inference.regress(model, regression("regress", empty))) == (
            INVALID,
            "Input is empty.",
        )
        assert refusal(lambda empty=empty: inference.classify(model, classification("classify", empty)))[0] == INVALID


def test_an_example_without_the_feature_is_refused_in_the_kernels_words(model):
    listed = input_pb2.Input(example_list=input_pb2.ExampleList(examples=[example(other=1.0)]))
    code, text = refusal(lambda: inference.regress(model, regression("regress", listed)))
    assert code == INVALID
    assert "Feature: x" in text


@pytest.mark.parametrize("timeout_seconds", [None, 30.0])
@pytest.mark.parametrize("value", [b"?", b"\xff\xfe", b"\x00\xff", b"\xff" * 3000])
def test_bytes_that_are_no_example_are_quoted_as_far_as_text_can(model, value, timeout_seconds):
    request = predict_request(np.array([value], object), signature="regress", alias="inputs")
    code, text = refusal(lambda: inference.predict(model, request, timeout_seconds=timeout_seconds))
    assert code == INVALID
    assert text.startswith("Could not parse example input, value: '")
    # On the wire every byte that is not ASCII takes three, and headers must stay below 8 KB.
    assert len(text.encode()) <= 1024


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


def test_predict_asks_no_signature_for_its_methods_name(model):
    assert inference.predict(model, predict_request(X, signature="no_method")).outputs["y"].float_val


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        (
            multi(("s", half_plus_two.REGRESS)),
            INVALID,
            "Requested signature not found in model graph: s",
        ),
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
        (
            multi(("classify", half_plus_two.REGRESS)),
            INVALID,
            NO_OUTPUTS,
        ),
        (
            multi(("", half_plus_two.CLASSIFY)),
            INVALID,
            NO_CLASSIFICATION,
        ),
        (multi(("regress", half_plus_two.REGRESS), request_input=input_pb2.Input()), INVALID, "Input is empty."),
    ],
)
def test_multi_inference_refuses(model, request_, code, text):
    found_code, found_text = refusal(lambda: inference.multi_inference(model, request_))
    assert found_code == code
    # The signature comes last in the text.
    assert found_text.startswith(text) if text.endswith(": ") else found_text == text


def test_a_head_may_call_itself_predict_as_those_of_tf_2_do(model):
    response = inference.regress(model, regression("regress_tf2", examples(1.0)))
    assert response.result.regressions[0].value == 2.5


def _random_proto(choice):
    """A TensorProto as a careless or hostile client would make it."""
    fields = ["float_val", "double_val", "int_val", "int64_val", "bool_val", "half_val", "uint32_val", "uint64_val"]
    fields += ["scomplex_val", "dcomplex_val"]
    proto = tf.make_tensor_proto(0.0)
    proto.Clear()
    proto.dtype = choice.choice([*range(20), *range(22, 33), 101])
    for _ in range(choice.randrange(4)):
        proto.tensor_shape.dim.add().size = choice.choice([-1, 0, 1, 2, 3, 7, 50])
    proto.tensor_shape.unknown_rank = choice.random() < 0.03
    for field in choice.sample(fields, choice.randrange(len(fields))):
        getattr(proto, field).extend(choice.randrange(2) for _ in range(choice.choice([0, 1, 3, 40, 60])))
    proto.float8_val = bytes(choice.randrange(2) for _ in range(choice.choice([0, 1, 3, 60])))
    proto.string_val.extend(choice.sample([b"", b"a", b"\xff", b"long" * 9], choice.randrange(3)))
    if choice.random() < 0.4:
        proto.tensor_content = choice.choice([b"\x01", b"\x00"]) * choice.choice([1, 2, 4, 8, 12, 28, 100, 400])
    return proto


@pytest.mark.slow
def test_the_codec_reads_every_proto_as_tensorflow_itself_does():
    choice = random.Random(5)
    agreed = {True: 0, False: 0}
    for _ in range(3000):
        proto = _random_proto(choice)
        try:
            expected = tf.io.parse_tensor(proto.SerializeToString(), proto.dtype if 0 < proto.dtype < 100 else 1)
        except tf.errors.OpError:
            expected = None
        try:
            found = to_array(proto)
        except TensorError:
            found = None
        assert (found is None) == (expected is None), proto
        if found is not None:
            assert found.dtype == expected.dtype.as_numpy_dtype
            found = found[found.dtype.names[0]] if found.dtype.names else found
            np.testing.assert_array_equal(found, expected.numpy(), err_msg=str(proto))
            found = expected
        agreed[found is None] += 1
    assert min(agreed.values()) > 500
