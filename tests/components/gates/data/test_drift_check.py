"""The data are compared with those of the served model, by the comparators of the schema and by type."""

import json

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv

from components.gates.data.findings import read_notices
from components.refusal import GateRefused
from tests.components.gates.data.validated import gate, write_artifacts

pytestmark = pytest.mark.tensorflow

ROWS = 600


def span(*, shift: float = 0.0, colours: str = "rgb", seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    numbers = random.normal(shift, 1.0, ROWS)
    return pd.DataFrame({"x": numbers, "c": random.choice(list(colours), ROWS), "y": random.integers(0, 2, ROWS)})


@pytest.fixture
def spans(tmp_path):
    """The gate's inputs for a new span, and the statistics of the served model's."""
    schema = tfdv.infer_schema(tfdv.generate_statistics_from_dataframe(span()))
    tfdv.get_feature(schema, "x").drift_comparator.jensen_shannon_divergence.threshold = 0.1
    tfdv.get_feature(schema, "c").drift_comparator.infinity_norm.threshold = 0.1

    def made(new: pd.DataFrame, before: pd.DataFrame):
        served = write_artifacts(tmp_path / "before", schema, {"train": before, "eval": before})["statistics"]
        return write_artifacts(tmp_path / "new", schema, {"train": new, "eval": new}), served

    made.schema = schema
    return made


def test_a_span_like_the_one_before_passes_without_a_word(spans):
    artifacts, served = spans(span(seed=1), span())
    gate(artifacts, served_statistics=served)
    assert read_notices(artifacts["notices"].uri) == ()


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (
            span(shift=3.0),
            r"train/x: has moved by 0\.\d+ from the data of the served model, more than 0\.1 \(COMPARATOR_JENSEN_",
        ),
        (
            span(colours="r"),
            r"train/c: has moved by 0\.\d+ from the data of the served model, more than 0\.1 \(COMPARATOR_L_INFTY_",
        ),
    ],
)
def test_drift_refuses_by_name_unless_allowed(spans, new, message):
    artifacts, served = spans(new, span())
    with pytest.raises(GateRefused, match=message):
        gate(artifacts, served_statistics=served)
    gate(artifacts, served_statistics=served, allow="x,c")


def test_comparators_with_nothing_to_compare_with_say_so_and_pass(spans):
    tfdv.get_feature(spans.schema, "x").skew_comparator.jensen_shannon_divergence.threshold = 0.1
    artifacts, _ = spans(span(), span())
    gate(artifacts)
    skew, drift = read_notices(artifacts["notices"].uri)
    assert drift == (
        "the schema has a drift_comparator for c, x, but there are no earlier data that a served model was trained on "
        "to compare with"
    )
    assert skew == "the schema has a skew_comparator for x, but there are no statistics of requests to compare with"


@pytest.mark.parametrize(
    ("before", "features", "refused"),
    [
        (span().assign(x="a"), "inferred", True),
        (span().assign(x=1), "inferred", True),
        (span().assign(x="a"), '{"x": ["number"]}', True),
        (span().assign(x="a"), '{"c": ["category"]}', False),
        (span().drop(columns="x"), "inferred", False),
    ],
)
def test_a_column_of_another_type_than_the_served_model_s_refuses(spans, before, features, refused):
    for name in ("x", "c"):
        tfdv.get_feature(spans.schema, name).ClearField("drift_comparator")
    artifacts, served = spans(span(), before)
    if not refused:
        gate(artifacts, served_statistics=served, features=features)
        return
    with pytest.raises(GateRefused, match=r"train/x: holds numbers with fractions, but .* in the data of the served"):
        gate(artifacts, served_statistics=served, features=features)


def test_before_anything_is_served_the_span_before_is_compared(spans, tmp_path):
    artifacts, _ = spans(span(shift=3.0), span())
    given = {"base": str(tmp_path / "data"), "pattern": "day-{SPAN}.csv", "window": 1, "reading": {"kind": "csv"}}
    (tmp_path / "data").mkdir()
    for day, shift in ((1, 3.0), (2, 0.0), (3, 3.0)):
        span(shift=shift).to_csv(tmp_path / "data" / f"day-{day}.csv", index=False)
    with pytest.raises(GateRefused, match=r"train/x: has moved by 0\.\d+ from the span before, more than 0\.1 \("):
        gate(artifacts, previous_span=json.dumps(given))
    gate(artifacts, previous_span=json.dumps(given | {"window": 2}))
    gate(artifacts, previous_span=json.dumps(given | {"window": 3}))
    assert "but there are no earlier data" in read_notices(artifacts["notices"].uri)[0]
