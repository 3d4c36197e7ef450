"""What each kind of feature cannot read is refused by name before Transform, and what it can is counted."""

import pandas as pd
import pytest
import tensorflow_data_validation as tfdv

from components.gates.data.data_gate import INFERRED
from components.gates.findings import read_notices
from components.refusal import GateRefused
from tests.components.gates.data.validated import GOOD, gate, write_artifacts
from trainer.parameters import Features

pytestmark = pytest.mark.tensorflow


def checked(folder, values, features: dict | None, *, allow="", **parameters) -> tuple[str, ...]:
    """Run the gate on a column ``x`` of these values; returns the notices but for that of few rows."""
    frame = pd.DataFrame({"x": values, "y": [0, 1] * (len(values) // 2)})
    schema = tfdv.infer_schema(tfdv.generate_statistics_from_dataframe(frame))
    artifacts = write_artifacts(folder, schema, {"train": frame})
    given = Features.model_validate(features).model_dump_json() if features else INFERRED
    gate(artifacts, features=given, allow=[allow, "y:LEAKS_UNKNOWN"], **parameters)
    return read_notices(artifacts["notices"].uri)


CODES = {"kind": "category", "codes": 5}
VECTOR = {"kind": "vector", "length": 3}
JSON_LIST = {"kind": "list", "json_list": True}
PICTURE = {"kind": "image", "height": 2, "width": 2}
GERMAN = {"kind": "date", "format": "%d.%m.%Y"}
DAYS = {"kind": "date", "format": "%Y%m%d"}
NO_DATES = ["2024-02-01", "1.2.2024"]


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        ("number", ["$1.20", "$1.20", "$3", "$4"], r"train/x: holds text, such as '\$1\.20', which the kind number"),
        ("text", [1, 2, 3, 4], r"x: holds numbers, such as 4, which the kind text does not read"),
        ("category", [1.5, 2.5, 3.5, 4.5], r"x: holds numbers, such as 4\.5, which the kind category does not read"),
        (CODES, ["a", "b", "a", "b"], r"x: holds text, such as '[ab]', but codes are integers; drop codes: 5"),
        (CODES, [-2, -1, -2, -1], r"x: ranges from -2 to -1, but codes: 5 means 0 to 4 \(CODE_OUT_OF_RANGE\)"),
        (CODES, [17031, 17032, 17031, 5], r"x: ranges from 5 to 17032, but codes: 5 means 0 to 4"),
        (
            "category",
            [["a"], ["a", "b"]],
            r"x: holds up to 2 values in a row, but the kind category reads one; choose list or vector \(KIND",
        ),
        ("date", [["2024-02-01"], NO_DATES], r"x: holds up to 2 values in a row, but the kind date reads one"),
        (None, [[1.0, 2.0], [1.0, 2.0]], r"x: holds up to 2 values in a row, but the kind number reads one"),
        (VECTOR, [[1.0, 2.0, 3.0], [1.0, 2.0]], r"x: holds 2 values in a row, but the kind vector reads 3"),
        (
            VECTOR,
            [[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0]],
            r"x: holds up to 4 values in a row, but the kind vector reads 3",
        ),
        (VECTOR, ["[1, 2, 3]"] * 2, r"x: holds text, such as '\[1, 2, 3\]', which the kind vector does not read"),
        (
            "date",
            NO_DATES * 2,
            r"x: 2 of 4 rows \(50\.00%\), such as '1\.2\.2024', do not hold a date; write 2024-01-31",
        ),
        ("date", ["2024-02-31", "2024-02-01"], r"x: 1 of 2 rows \(50\.00%\), such as '2024-02-31', do not hold a date"),
        (
            GERMAN,
            ["1.2.2024", "2024-02-01"],
            r"x: 1 of 2 rows .*'2024-02-01', do not hold a date of the format %d\.%m\.%Y",
        ),
        (GERMAN, [1.5, 2.5], r"x: holds floats, which have no format %d\.%m\.%Y; store whole numbers or text"),
        (DAYS, [20240131, 20241301], r"x: 1 of 2 rows .* such as 20241301, do not hold a date of the format %Y%m%d"),
        ("date", [20240131, 20240201], r"x: ranges from 20240131 to 20240201, which look like days such as 20240131"),
        (
            "date",
            [1999, 2024],
            r"x: ranges from 1999 to 2024, which look like years but are read as seconds since 1970",
        ),
        (JSON_LIST, ['["a"]', "a;b"], r"x: 1 of 2 rows \(50\.00%\), such as 'a;b', do not hold a JSON list"),
        (
            PICTURE,
            ["photos/1.png", "photos/2.png"],
            r"x: 2 of 2 .*'photos/1\.png', do not hold a picture.*in data\.pictures",
        ),
        (PICTURE, [b"\x89PNG", b""], r"x: 1 of 2 .*'', do not hold a picture.*if a picture is missing, leave the"),
        (PICTURE, [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]], r"x: holds 3 values in a row, but the kind image reads 4"),
    ],
)
def test_what_a_kind_cannot_read_is_refused_by_name(tmp_path, kind, values, message):
    with pytest.raises(GateRefused, match=message) as error:
        checked(tmp_path, values, kind and {"x": kind})
    assert len(str(error.value)) <= 300


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (CODES, [0, 4, 0, 4]),
        (VECTOR, [[1.0, 2.0, 3.0], None]),
        ("list", [["a"], ["a", "b"]]),
        ({"kind": "list", "separator": ";"}, ["a", "a;b"]),
        (JSON_LIST, ['["a"]', " [1, 2]\n"]),
        ("date", ["2024-02-01", "2024-02-01T12:00:00Z"]),
        ("date", [1706659200, 1706745600]),
        ("date", ["", "2024-02-01"]),
        (GERMAN, ["", "01.2.2024"]),
        (DAYS, [20240131, 20240201]),
        ("text", ["", "a b"]),
        (PICTURE, [b"\x89PNG", b"BM...."]),
        (PICTURE, [b"\x89PNG", b"", None, b"BM...."]),
        (PICTURE, [[1.0] * 4, [1.0] * 4]),
        (None, ["a", "b"]),
        (None, [1.5, 2.5]),
    ],
)
def test_what_a_kind_can_read_passes_without_a_word(tmp_path, kind, values):
    assert checked(tmp_path, values, kind and {"x": kind}) == ()


def test_codes_out_of_range_are_counted_and_refuse_only_when_asked_for(tmp_path):
    values = [-1, 0, 1, 99]
    [notice] = checked(tmp_path / "1", values, {"x": CODES})
    assert notice == (
        "train/x: 2 of 4 rows (50.00%), such as -1, have a code that is not in 0 to 4, so that they share the id of "
        "unseen values (CODE_OUT_OF_RANGE)"
    )
    with pytest.raises(GateRefused, match="CODE_OUT_OF_RANGE"):
        checked(tmp_path / "2", values, {"x": CODES}, fail_on="warning")
    assert checked(tmp_path / "3", values, {"x": CODES}, fail_on="warning", allow="x:CODE_OUT_OF_RANGE") == ()


def test_a_column_that_no_row_has_is_refused_with_the_nearest_name(tmp_path):
    schema = tfdv.infer_schema(tfdv.generate_statistics_from_dataframe(GOOD))
    artifacts = write_artifacts(tmp_path, schema, {"train": GOOD})
    features = Features.model_validate({"fares": "number"}).model_dump_json()
    with pytest.raises(
        GateRefused, match=r"train/fares: is in no row, but features names it; did you mean 'fare'\? there are 'fare', "
    ):
        gate(artifacts, features=features)


@pytest.mark.parametrize("features", [None, {"x": "number"}])
def test_a_column_without_any_value_is_told(tmp_path, features):
    assert checked(tmp_path, [float("nan")] * 4, features) == ("train/x: has no value in any of 4 rows (COLUMN_EMPTY)",)


def test_dates_that_are_no_dates_can_be_allowed(tmp_path):
    assert checked(tmp_path, NO_DATES, {"x": "date"}, allow="x:DATE_UNREADABLE") == ()


def test_a_missing_value_of_a_column_with_a_shape_cannot_be_allowed(tmp_path):
    """Transform would fail on the first such row, and not say which."""
    whole = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": [0, 1, 0, 1]})
    schema = tfdv.infer_schema(tfdv.generate_statistics_from_dataframe(whole))
    tfdv.get_feature(schema, "x").shape.dim.add().size = 1
    artifacts = write_artifacts(tmp_path, schema, {"train": whole, "eval": whole.assign(x=[1.0, None, 3.0, 4.0])})
    features = Features.model_validate({"x": "number"}).model_dump_json()
    with pytest.raises(GateRefused, match=r"eval/x: has no value in 1 of 4 rows, but a shape in the schema"):
        gate(artifacts, features=features, allow="x")


def test_a_fault_of_a_cross_names_it(tmp_path):
    crossed = {"kind": "cross", "columns": ["y", {"column": "x", "part": "month"}]}
    with pytest.raises(GateRefused, match="train/x: in both, ranges from 20240131 to 20240202, which look like days"):
        checked(tmp_path, [20240131, 20240201, 20240202, 20240131], {"both": crossed})
    plain = {"kind": "cross", "columns": ["y", "x"]}
    with pytest.raises(
        GateRefused, match=r"train/x: in both, holds numbers, such as 4\.5, which a cross reads in buckets"
    ):
        checked(tmp_path / "plain", [1.5, 2.5, 3.5, 4.5], {"both": plain})
