"""JSON rows of a model whose metadata say what its columns hold."""

from __future__ import annotations

import json

import numpy as np
import pytest

from serving.client.messages.examples import RowFeature
from serving.client.messages.protos import message
from serving.rest import requests as rest_json
from serving.rest.values import JsonError

FLOAT, INT, TEXT = (np.dtype(kind) for kind in (np.float32, np.int64, object))
COLUMNS = {
    "fare": RowFeature(FLOAT, (), "number"),
    "yes": RowFeature(INT, (), "category"),
    "day": RowFeature(TEXT, (), "date"),
    "tags": RowFeature(TEXT, None, "list"),
    "place": RowFeature(FLOAT, (2,), "vector"),
}
LEAST = np.iinfo(np.int64).min
Input = message("tensorflow.serving.Input")


def arrays(document: dict, columns=COLUMNS) -> dict[str, np.ndarray]:
    return rest_json.predict_inputs(rest_json.parse(json.dumps(document).encode()), {}, columns)


def refusal(document: dict, columns=COLUMNS) -> str:
    with pytest.raises(JsonError) as caught:
        arrays(document, columns)
    return str(caught.value)


ROWS = [
    {"fare": 3, "yes": True, "day": "2024-01-31", "tags": ["a", {"b64": "Yg=="}], "place": [1, 2.5]},
    {"fare": 2.5, "yes": 0, "day": None, "tags": "c", "place": [0, 3]},
    {"tags": []},
    {"fare": float("nan"), "yes": None, "day": "", "tags": None, "place": None},
]


@pytest.mark.parametrize("form", ["instances", "inputs"])
def test_rows_and_columns_hold_what_stands_in_the_file(form):
    sent = ROWS if form == "instances" else {name: [row.get(name) for row in ROWS] for name in COLUMNS}
    found = arrays({form: sent})
    assert found["fare"][:2].tolist() == [3, 2.5]
    assert np.isnan(found["fare"][2:]).all()
    assert found["yes"].tolist() == [1, 0, LEAST, LEAST]
    assert found["day"].tolist() == [b"2024-01-31", b"", b"", b""]
    assert found["tags"].tolist() == [[b"a", b"b"], [b"c", b""], [b"", b""], [b"", b""]]
    np.testing.assert_array_equal(found["place"], np.float32([[1, 2.5], [0, 3], [np.nan] * 2, [np.nan] * 2]))


def test_a_column_that_no_row_has_may_be_left_out():
    found = arrays({"inputs": {"fare": [1, 2]}})
    assert found["yes"].tolist() == [LEAST] * 2
    assert found["tags"].shape == (2, 0)
    assert arrays({"instances": [{}]})["day"].tolist() == [b""]


def test_a_single_column_needs_no_name():
    only = {"fare": COLUMNS["fare"]}
    for form in ("instances", "inputs"):
        assert arrays({form: [1, None]}, only)["fare"][0] == 1
        assert arrays({form: {"fare": [7]} if form == "inputs" else [{"fare": 7}]}, only)["fare"].tolist() == [7]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"fare": "cheap"}, "row 1, fare: 'cheap' is not a number"),
        ({"fare": True}, "row 1, fare: True is not a number"),
        ({"fare": 1e39}, "row 1, fare: 1e+39 is not a number"),
        ({"fare": [1, 2]}, "row 1, fare: [1, 2] is not a number"),
        ({"yes": 1.5}, "row 1, yes: 1.5 is not a whole number"),
        ({"yes": 2**63}, "row 1, yes: 9223372036854775808 is not a whole number"),
        ({"day": 20240131}, "row 1, day: 20240131 is not a date"),
        ({"day": {"b64": "?"}}, "row 1, day: {'b64': '?'} is not a date"),
        ({"tags": ["a", 1]}, "row 1, tags: ['a', 1] is not a list of texts"),
        ({"tags": ["a", ["b"]]}, "row 1, tags: ['a', ['b']] is not a list of texts"),
        ({"place": [1]}, "row 1, place: [1] is not a list of 2 numbers"),
        ({"place": [1, 2, 3]}, "row 1, place: [1, 2, 3] is not a list of 2 numbers"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_row_column_and_value(row, text):
    assert refusal({"instances": [{}, row]}) == text
    ((name, value),) = row.items()
    assert refusal({"inputs": {name: [None, value]}}) == text
    with pytest.raises(JsonError) as caught:
        rest_json.fill_input({"examples": [{}, row]}, Input(), COLUMNS)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"instances": [{}, {"Fare": 1}]}, "row 1: the model has no column 'Fare'; it has day, fare, place, tags, yes"),
        ({"instances": [{}, 1]}, "row 1: expecting an object with a value by column"),
        ({"inputs": {"Fare": [1]}}, "inputs: the model has no column 'Fare'; it has day, fare, place, tags, yes"),
        ({"inputs": {"fare": 1}}, "inputs, fare: expecting a list with one value for each row"),
        ({"inputs": {"fare": [1, 2], "yes": [1]}}, "inputs: yes has 1 rows and fare has 2 rows; all columns need the"),
        ({"inputs": {}}, "inputs: no column is given; all columns need the same number of rows"),
        ({"inputs": [1]}, "inputs: expecting an object with a list of values by column"),
        ({"instances": []}, "No values in 'instances' array"),
    ],
)
def test_names_and_lengths_that_do_not_fit_are_refused(document, text):
    assert text in refusal(document)


def test_examples_get_the_types_of_the_columns_and_lack_what_is_missing():
    filled = Input()
    context = {"fare": 4, "day": None}
    examples = [{**row, "tips": 1.5, "note": None} for row in ROWS]
    rest_json.fill_input(
        rest_json.parse(json.dumps({"context": context, "examples": examples}).encode()), filled, COLUMNS
    )
    shared = filled.example_list_with_context.context.features.feature
    assert shared["fare"].float_list.value == [4]
    first, second, third, fourth = (each.features.feature for each in filled.example_list_with_context.examples)
    assert first["fare"].float_list.value == [3]
    assert first["yes"].int64_list.value == [1]
    assert first["tags"].bytes_list.value == [b"a", b"b"]
    assert second["place"].float_list.value == [0, 3]
    # A name that is no column keeps the type of its JSON value.
    assert first["tips"].float_list.value == [1.5]
    assert sorted(third) == sorted(fourth) == ["tips"]
