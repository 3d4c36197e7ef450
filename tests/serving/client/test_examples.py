"""Rows become tf.Examples of a schema's types, and texts become messages."""

import pytest
from google.protobuf import text_format

from serving.client.messages.examples import features_of_schema, serialize, takes_examples
from serving.client.messages.protos import message, parse_text

SCHEMA = """
feature { name: "f" type: FLOAT value_count { max: 1 } }
feature { name: "i" type: INT shape { dim { size: 1 } } }
feature { name: "s" type: BYTES }
feature { name: "p" type: INT shape { dim { size: 2 } } }
"""


@pytest.fixture
def schema(tmp_path):
    (tmp_path / "schema.pbtxt").write_text(SCHEMA)
    return features_of_schema(tmp_path / "schema.pbtxt")


def test_rows_become_examples_of_the_schema_s_types(schema):
    rows = [
        {"f": 1, "i": "2", "s": ["a", b"\xff"], "p": [[1], [2]], "other": 3},
        {"f": None, "i": [7], "s": "x", "p": None},
        {"f": float("nan"), "i": "", "s": ""},
    ]
    first, second, third = (message("tensorflow.Example").FromString(each) for each in serialize(rows, schema))
    assert first.features.feature["f"].float_list.value == [1.0]
    assert first.features.feature["i"].int64_list.value == [2]
    assert first.features.feature["s"].bytes_list.value == [b"a", b"\xff"]
    assert first.features.feature["p"].int64_list.value == [1, 2]
    assert sorted(first.features.feature) == ["f", "i", "p", "s"]
    assert sorted(second.features.feature) == ["i", "s"]
    assert not third.features.feature


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"f": [1, 2]}, r"row 1, f: \[1, 2\] is not a number"),
        ({"i": 1.5}, "row 1, i: 1.5 is not a whole number"),
        ({"i": 2**70}, "row 1, i: .* is not a whole number"),
        ({"p": [1, 2, 3]}, "row 1, p: .* is not a list of 2 whole numbers"),
        ({"s": {"a": 1}}, "row 1, s: .* is not a list of texts"),
    ],
)
def test_examples_name_the_row_and_key_that_do_not_fit(schema, row, text):
    with pytest.raises(ValueError, match=text):
        serialize([{}, row], schema)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("feature { nmae: 'x' }", "not a text-format tensorflow.metadata.v0.Schema: 1:11"),
        ("", "the schema has no features"),
        ("feature { name: 'x' type: STRUCT }", "feature x: type STRUCT is not INT, FLOAT or BYTES"),
    ],
)
def test_an_invalid_schema_is_refused(tmp_path, text, problem):
    (tmp_path / "schema.pbtxt").write_text(text)
    with pytest.raises(ValueError, match=f"schema.pbtxt: {problem}"):
        features_of_schema(tmp_path / "schema.pbtxt")


def test_a_models_config_is_read_and_written_as_text():
    text = 'model_config_list { config { name: "a" base_path: "/m" version_labels { key: "stable" value: 3 } } }'
    config = parse_text(text, "tensorflow.serving.ModelServerConfig")
    assert config.model_config_list.config[0].version_labels["stable"] == 3
    assert parse_text(text_format.MessageToString(config), "tensorflow.serving.ModelServerConfig") == config


INPUT = 'inputs {{ key: "{}" value {{ dtype: {} tensor_shape {{ dim {{ size: -1 {} }} }} }} }}'


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ([("inputs", "DT_STRING", "")], True),
        ([("examples", "DT_STRING", "")], True),
        ([("text", "DT_STRING", "")], False),
        ([("inputs", "DT_FLOAT", "")], False),
        ([("inputs", "DT_STRING", 'name: "category"')], False),
        ([("inputs", "DT_STRING", ""), ("examples", "DT_STRING", "")], False),
    ],
)
def test_a_column_may_be_called_as_the_input_of_examples(inputs, expected):
    text = " ".join(INPUT.format(*each) for each in inputs)
    assert takes_examples(parse_text(text, "tensorflow.SignatureDef")) is expected
