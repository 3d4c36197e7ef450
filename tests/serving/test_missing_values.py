"""Without a column, training, all signatures, the client, REST and TF Lite agree, or refuse the row by name."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from components.gates.trained_model import TrainedModel
from serving.client import Client
from serving.client.__main__ import main
from serving.client.messages.examples import columns, features_of_signature
from serving.errors import StatusError
from serving.inference.engine import SavedModel
from tests.conformance.calls import Rest, error, ok
from tests.serving.support.running import RunningServer
from tests.shared.models import every_type, exports
from trainer import models
from trainer.export import lite  # part: lite
from trainer.features.transformed import model_inputs
from trainer.models.heads import head_of

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

REQUIRED = [name for name, column in every_type.COLUMNS.items() if column.required]
LACKING = [name for name in every_type.COLUMNS if name not in REQUIRED]
TOLERANCE = 1e-5
CONFIG = """model_config_list {{
  config {{ name: "regression" base_path: "{folder}/regression" model_platform: "tensorflow" }}
  config {{ name: "binary" base_path: "{folder}/binary" model_platform: "tensorflow" }}
}}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """What `every_type.make` makes, its rows in ``rows.json``, and both exports where a server finds them."""
    folder = tmp_path_factory.mktemp("every_type")
    rows = every_type.make(folder)
    (folder / "rows.json").write_text(json.dumps([_for_json(row) for row in rows]))
    shutil.copytree(folder / "saved_model", folder / "served/regression/1")
    shutil.copytree(folder / "binary", folder / "served/binary/1")
    (folder / "models.config").write_text(CONFIG.format(folder=folder / "served"))
    return folder


@pytest.fixture(scope="module")
def server(folder):
    flags = [
        f"--model_config_file={folder}/models.config",
        "--rest_api_port=-1",  # part: rest
    ]
    with RunningServer(*flags) as running:
        yield running


@pytest.fixture(scope="module")
def rest(server):
    if not server.rest:
        pytest.skip("the server has no REST")
    return Rest(server.rest)


def lacking_rows() -> list[every_type.Row]:
    """A full row; one without each column that may be missing; one without all of them."""
    full = [every_type.full_row(number % every_type.TRAINED_ROWS) for number in range(len(LACKING))]
    lacking = [every_type.without(row, name) for row, name in zip(full, LACKING, strict=True)]
    return [full[0], *lacking, every_type.without(full[0], *LACKING)]


def with_none(rows: list[every_type.Row]) -> list[every_type.Row]:
    """The same rows, in which None stands for what they lack."""
    return [{name: row.get(name) for name in every_type.COLUMNS} for row in rows]


@pytest.fixture(scope="module")
def trained(folder):
    """The answers of the trained model, without an export."""
    files = {"keras_model": str(folder / "model.keras"), "transform_graph": str(folder / "transform")}
    labels = {"regression": every_type.PARAMETERS.label, "binary": every_type.BINARY}
    by_task = {task: TrainedModel(label=label, **files) for task, label in labels.items()}

    def answers(rows: list[every_type.Row], task: str = "regression") -> np.ndarray:
        [predictions] = by_task[task].answers(every_type.records(rows))["serving_default"].values()
        return predictions[:, 0]

    return answers


def assert_alike(got: np.ndarray, expected: np.ndarray, rows: list[every_type.Row]) -> None:
    assert got.shape == expected.shape
    for index, row in enumerate(rows):
        lacks = sorted(set(every_type.COLUMNS) - set(row))
        assert abs(got[index] - expected[index]) <= TOLERANCE * max(1, abs(expected[index])), f"without {lacks}"


def test_training_saw_what_a_session_answers(folder, trained):
    """The rows that the trainer reads, through the Keras model and TF Lite, and the export in TF Serving's Session."""
    rows = json.loads((folder / "rows.json").read_text(), object_hook=_from_json)
    output = tft.TFTransformOutput(str(folder / "transform"))
    transformed = exports.transformed_columns(output, folder)
    order = np.argsort(transformed["label"].numpy()[:, 0])
    features = {name: tf.gather(tensor, order) for name, tensor in model_inputs(transformed).items()}
    model = models.load(str(folder / "model.keras"))
    head = head_of(every_type.PARAMETERS.label)
    expected = head.predictions(model(features, training=False)).numpy()[:, 0]
    assert_alike(trained(rows), expected, rows)
    session = SavedModel(str(folder / "saved_model"))
    answer = session.run(
        session.signatures["serving_default"], {"examples": np.array(every_type.records(rows), object)}
    )
    assert_alike(answer["prediction"][:, 0], expected, rows)
    inputs = lite.input_specs(model, specs_of(features))  # part: lite
    content = lite.convert(model=model, head=head, inputs=inputs, variant="float32")  # part: lite
    small = lite.predict(content, {name: features[name].numpy() for name in inputs})[:, 0]  # part: lite
    np.testing.assert_allclose(small, expected, rtol=1e-4, atol=1e-4)  # part: lite


def specs_of(features: dict[str, tf.Tensor]) -> dict[str, tf.TensorSpec]:
    return {name: tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype) for name, tensor in features.items()}


def test_every_column_counts_so_that_a_missing_one_can_be_told(trained):
    full = [every_type.full_row(number % every_type.TRAINED_ROWS) for number in range(len(LACKING))]
    differences = trained(lacking_rows()[1:-1]) - trained(full)
    ignored = [name for name, each in zip(LACKING, differences, strict=True) if abs(each) <= 10 * TOLERANCE]
    assert ignored == []


@pytest.mark.parametrize("signature", ["serving_default", "columnar", "regress"])
def test_a_session_answers_as_the_trained_model_does(folder, trained, signature):
    rows = lacking_rows()
    session = SavedModel(str(folder / "saved_model"))
    definition = session.signatures[signature]
    if signature == "columnar":
        inputs = columns(rows, features_of_signature(definition))
    else:
        inputs = dict.fromkeys(definition.inputs, np.array(every_type.records(rows), object))
    [predictions] = session.run(definition, inputs).values()
    assert_alike(predictions[:, 0], trained(rows), rows)


@pytest.mark.parametrize("absent", [list, with_none], ids=["left out", "None"])
@pytest.mark.parametrize(
    ("method", "how"),
    [
        ("predict", {}),
        ("predict", {"chunk_rows": 3}),
        ("predict", {"signature": "serving_default"}),
        ("regress", {}),
        ("classify", {}),
    ],
    ids=str,
)
def test_the_client_gets_the_trained_model_s_answers(server, trained, method, how, absent):
    rows = lacking_rows()
    task = "binary" if method == "classify" else "regression"
    with Client(server.target, timeout=60) as client:
        answer = getattr(client, method)(task, absent(rows), **how)
    if method == "classify":
        answer = np.array([dict(classes)["1"] for classes in answer])
    if method == "predict":
        answer = answer["prediction"][:, 0]
    assert_alike(answer, trained(rows, task), rows)


@pytest.mark.parametrize("absent", [list, with_none], ids=["left out", "null"])
@pytest.mark.parametrize("form", ["instances", "inputs", "regress", "classify", "serving_default"])
def test_rest_gives_the_trained_model_s_answers(rest, trained, form, absent):
    rows = lacking_rows()
    task = "binary" if form == "classify" else "regression"
    sent = [_for_json(row) for row in absent(rows)]
    path = f"/v1/models/{task}"
    if form in ("regress", "classify"):
        results = ok(rest.post(f"{path}:{form}", {"signature_name": form, "examples": sent}))["results"]
        answer = np.array([dict(row)["1"] for row in results] if form == "classify" else results)
    elif form == "inputs":
        columnar = {name: [row.get(name) for row in sent] for name in every_type.COLUMNS}
        answer = ok(rest.post(f"{path}:predict", {"signature_name": "columnar", "inputs": columnar}))["outputs"]
    elif form == "instances":
        answer = ok(rest.post(f"{path}:predict", {"signature_name": "columnar", "instances": sent}))["predictions"]
    else:
        encoded = [{"b64": base64.b64encode(record).decode()} for record in every_type.records(rows)]
        answer = ok(rest.post(f"{path}:predict", {"instances": encoded}))["predictions"]
    assert_alike(np.array(answer).reshape(-1), trained(rows, task), rows)


def test_a_column_that_no_row_has_may_be_left_out_of_inputs(rest, trained):
    rows = [every_type.without(every_type.full_row(number), "tags", "float", "text") for number in range(3)]
    inputs = {name: [_for_json(row)[name] for row in rows] for name in rows[0]}
    answer = ok(rest.post("/v1/models/regression:predict", {"signature_name": "columnar", "inputs": inputs}))
    assert_alike(np.array(answer["outputs"])[:, 0], trained(rows), rows)


@pytest.mark.parametrize("name", REQUIRED)
def test_a_column_that_cannot_be_imputed_is_refused_by_name_everywhere(folder, server, rest, name):
    row = every_type.without(every_type.full_row(1), name)
    expected = f"row 1, {name}: is missing, and the model cannot do without it"
    session = SavedModel(str(folder / "saved_model"))
    examples = session.signatures["serving_default"]
    with pytest.raises(StatusError, match=name):
        session.run(examples, {"examples": np.array(every_type.records([row]), object)})
    with Client(server.target) as client:
        for method, how in (("predict", {}), ("predict", {"signature": "serving_default"}), ("regress", {})):
            with pytest.raises(ValueError, match="row 1") as caught:
                getattr(client, method)("regression", [every_type.full_row(0), row], **how)
            assert str(caught.value) == expected
        assert client.predict("regression", [every_type.full_row(1)])
    instances = [_for_json(every_type.full_row(0)), _for_json(row)]
    columnar = {key: [sent.get(key) for sent in instances] for key in every_type.COLUMNS}
    for body in ({"instances": instances}, {"inputs": columnar}):
        answer = rest.post("/v1/models/regression:predict", {"signature_name": "columnar", **body})
        assert error(answer) == expected


@pytest.mark.parametrize(("name", "value", "text"), every_type.WRONG)
def test_a_value_of_another_type_is_refused_with_column_row_and_value(server, rest, name, value, text):
    rows = [every_type.full_row(0), {**every_type.full_row(1), name: value}]
    expected = f"row 1, {name}: {text}"
    with Client(server.target) as client:
        for method, how in (("predict", {}), ("predict", {"signature": "serving_default"}), ("regress", {})):
            with pytest.raises(ValueError, match="row 1") as caught:
                getattr(client, method)("regression", rows, **how)
            assert str(caught.value) == expected
    sent = [_for_json(row) for row in rows]
    columnar = {key: [row[key] for row in sent] for key in every_type.COLUMNS}
    for verb, body in (
        ("predict", {"signature_name": "columnar", "instances": sent}),
        ("predict", {"signature_name": "columnar", "inputs": columnar}),
        ("regress", {"signature_name": "regress", "examples": sent}),
    ):
        assert error(rest.post(f"/v1/models/regression:{verb}", body)) == expected


def test_a_vector_of_another_length_is_refused_by_name_without_our_client(folder):
    session = SavedModel(str(folder / "saved_model"))
    definition = session.signatures["columnar"]
    good = columns([every_type.full_row(number) for number in range(3)], features_of_signature(definition))
    for name, width in (("place", 3), ("fixed", 2), ("pixels", 6)):
        for wrong in (width - 1, width + 1):
            short = np.zeros([3, wrong], good[name].dtype)
            with pytest.raises(StatusError, match=rf"a row does not hold values of shape .* in: \\'{name}"):
                session.run(definition, {**good, name: short})
        example = tf.train.Example.FromString(every_type.records([every_type.full_row(1)])[0])
        kind = example.features.feature[name].WhichOneof("kind")
        getattr(example.features.feature[name], kind).value.append(1)
        sent = np.array([example.SerializeToString()], object)
        with pytest.raises(StatusError, match=name):
            session.run(session.signatures["serving_default"], {"examples": sent})


@pytest.mark.parametrize(("name", "said"), [("place", "lacks some of .*place"), ("fixed", "fixed.* is missing")])
def test_a_vector_that_lacks_a_value_is_refused_by_name_without_our_client(folder, name, said):
    session = SavedModel(str(folder / "saved_model"))
    row = [every_type.full_row(1)]
    lacking = columns(row, features_of_signature(session.signatures["columnar"]))
    lacking[name][0, 0] = np.nan
    example = tf.train.Example.FromString(every_type.records(row)[0])
    example.features.feature[name].float_list.value[0] = np.nan
    sent = {"columnar": lacking, "serving_default": {"examples": np.array([example.SerializeToString()], object)}}
    for signature, request in sent.items():
        with pytest.raises(StatusError, match=said):
            session.run(session.signatures[signature], request)


def test_metadata_say_what_a_column_holds(server, rest, capsys):
    assert main(["metadata", "--target", server.target, "--model", "regression"]) == 0
    lines = {tuple(line.split()) for line in capsys.readouterr().out.splitlines()}
    for line in (
        "in tags string [-1, -1] list",
        "in time string [-1] date",
        "in place float32 [-1, 3] vector",
        "in fixed float32 [-1, 2] vector, required",
        "in crossed int int64 [-1] cross",
        "in crossed float float32 [-1] cross, number",
        'in crossed day string [-1] cross, date "%d.%m.%Y"',
        'in us day string [-1] date "%m/%d/%Y %I:%M %p"',
        'in epoch int64 [-1] date "%s"',
        "in float float32 [-1] number",
    ):
        assert tuple(line.split()) in lines
    signatures = ok(rest.get("/v1/models/regression/metadata"))["metadata"]["signature_def"]["signature_def"]
    assert signatures["columnar"]["inputs"]["day"]["tensor_shape"]["dim"] == [{"size": "-1", "name": "date"}]


def _for_json(row: every_type.Row) -> dict[str, object]:
    encoded = {name: base64.b64encode(value).decode() for name, value in row.items() if isinstance(value, bytes)}
    return {name: {"b64": encoded[name]} if name in encoded else value for name, value in row.items()}


def _from_json(value: dict[str, object]) -> object:
    return base64.b64decode(str(value["b64"])) if set(value) == {"b64"} else value
