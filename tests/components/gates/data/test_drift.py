"""The data are compared with those of the served model, or the span before: by the schema, by default, and by type."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2

from components.gates.findings import read_notices
from components.refusal import GateRefused
from tests.components.gates.data.validated import gate, write_artifacts
from trainer.labels.config import Label

pytestmark = pytest.mark.tensorflow

ROWS = 600
FEATURES = json.dumps({"x": ["number"], "c": ["category"], "day": ["date"]})
SERVED = "the data of the served model"
TODAY = datetime.now(UTC).date()


def span(*, colours: str = "rgb", seed: int = 0, rows: int = ROWS, ones: float = 0.5) -> pd.DataFrame:
    """Rows of which each model reads a skewed number, a colour and a day, but not ``unread``."""
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "x": random.lognormal(0, 1, rows),
            "c": random.choice(list(colours), rows),
            "day": 1_700_000_000 + random.integers(0, 1000, rows),
            "unread": random.normal(0, 1, rows),
            "y": (random.random(rows) < ones).astype(int),
        }
    )


def changed(**columns) -> pd.DataFrame:
    """Another span with columns that are made of it."""
    return span(seed=1).assign(**columns)


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> dict:
    """What the gate left in the run that pushed the served model, as arguments."""
    artifacts = write_artifacts(tmp_path_factory.mktemp("served"), schema_pb2.Schema(), {"train": span()})
    gate(artifacts, features=FEATURES, allow=list(span().columns))
    return {"served_statistics": artifacts["statistics"], "served_profile": artifacts["notices"]}


@pytest.fixture
def new(tmp_path):
    """Writes a new span, and lets the gate compare it with the served model's."""

    def judge(frame: pd.DataFrame, *, split: str = "train", limits: dict | None = None, **arguments) -> tuple[str, ...]:
        schema = arguments.pop("schema", None) or tfdv.infer_schema(tfdv.generate_statistics_from_dataframe(frame))
        artifacts = write_artifacts(tmp_path / f"{len(list(tmp_path.iterdir()))}", schema, {split: frame})
        gate(artifacts, drift=json.dumps(limits or {}), **{"features": FEATURES, **arguments})
        return read_notices(artifacts["notices"].uri)

    return judge


def test_more_of_the_same_passes_without_a_word_whatever_dates_and_unread_columns_do(new, served):
    fresh = changed(day=lambda rows: rows.day + 10**7, unread=lambda rows: rows.unread + 50, later=1.0)
    assert new(fresh, **served) == ()


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (
            changed(x=lambda rows: rows.x * 1609),
            r"x: has moved by 1 from .* \(median .*\), more than 0\.1 .*\(DRIFT_NUMB",
        ),
        (
            changed(x=lambda rows: rows.x.where(rows.index % 2 == 0, rows.x * 1609)),
            r"x: has moved by 0\..*DRIFT_NUMBERS",
        ),
        (changed(x=lambda rows: rows.x - 5000), r"x: has moved by 1 .*DRIFT_NUMBERS"),
        (span(colours="rrrrrg"), r"c: has moved by 0\.\d+ from .* \('r' 3\d\.\d% to 8\d\.\d%\).*DRIFT_CATEGORIES"),
        (
            changed(x=lambda rows: rows.x.where(rows.index % 10 > 2)),
            r"x: is missing in 30\.0%, but in 0\.0% in .* more than 0\.1 and 0\.\d+ for chance \(DRIFT_MISSING\)",
        ),
        (span(seed=1, ones=0.8), r"y: the label is '1' in \d+\.\d%, but in \d+\.\d% in .* \(DRIFT_LABEL\)"),
    ],
)
def test_each_change_refuses_by_name_and_says_what_accepts_it(new, served, frame, message):
    with pytest.raises(GateRefused, match="^train/" + message) as refused:
        new(frame, **served)
    assert SERVED in str(refused.value)
    assert str(refused.value).endswith("; accept it with gates.data.drift.exceptions")
    assert len(str(refused.value)) < 280


def test_repeated_rows_and_fewer_rows_warn_and_refuse_where_they_are_to(new, served):
    repeated = pd.concat([span(seed=1).head(240)] * 5).head(ROWS)
    text = f"train/dataset: 60.0% of the rows repeat others, but 0.0% in {SERVED}, more than 0.1"
    [notice] = new(repeated, **served)
    assert notice.startswith(text)
    with pytest.raises(GateRefused, match="DRIFT_DUPLICATES"):
        new(repeated, limits={"duplicates": {"action": "block"}}, **served)
    few = new(span(seed=1, rows=200), **served)
    assert few == (f"train/dataset: has 200 rows, but 600 in {SERVED}, more than a factor of 2 (DRIFT_ROWS)",)
    with pytest.raises(GateRefused, match="DRIFT_ROWS"):
        new(span(seed=1, rows=200), limits={"rows": {"action": "block"}}, **served)


def test_few_rows_another_split_and_lost_statistics_say_that_they_are_not_compared(new, served):
    few = new(changed(x=1e6).head(90), limits={"rows": {"factor": 9}}, **served)
    assert few[0].startswith(f"train: 90 rows now, 600 in {SERVED}; fewer than 100 are not compared")
    assert new(span(), split="held", **served) == (f"held has nothing to compare with: {SERVED} have no held split",)
    lost = new(changed(x=1e6), served_model=served["served_profile"])
    assert lost[0].endswith("are gone: no drift is seen")


def test_an_exception_accepts_one_check_of_one_column_until_its_day(new, served):
    frame = changed(x=lambda rows: rows.x * 1609)
    accepted = {"column": "x", "check": "numbers", "reason": "now in metres", "until": f"{TODAY}"}
    [notice] = new(frame, limits={"exceptions": [accepted]}, **served)
    assert notice.startswith("train/x: has moved by 1 ")
    assert notice.endswith(f"accepted until {TODAY}: now in metres")
    unneeded = new(changed(), limits={"exceptions": [accepted]}, **served)
    assert unneeded == (f"x: nothing to accept by numbers; accepted until {TODAY}: now in metres",)
    for other in ({"column": "c"}, {"check": "missing"}, {"until": f"{TODAY - timedelta(days=1)}"}):
        with pytest.raises(GateRefused, match="DRIFT_NUMBERS"):
            new(frame, limits={"exceptions": [accepted | other]}, **served)
    assert new(frame, allow="x:DRIFT_NUMBERS", **served) == ()


def test_the_mean_of_a_regression_s_label_is_compared(new, tmp_path):
    label = Label(column="unread", task="regression")
    artifacts = write_artifacts(tmp_path / "before", schema_pb2.Schema(), {"train": span()})
    gate(artifacts, label=label, features=FEATURES, allow=list(span().columns))
    before = {"served_statistics": artifacts["statistics"], "served_profile": artifacts["notices"]}
    assert new(changed(), label=label, **before) == ()
    with pytest.raises(
        GateRefused, match=r"unread: the label has the mean 2\.\d+, but .* standard deviations away, more"
    ):
        new(changed(unread=lambda rows: rows.unread + 2), label=label, **before)


@pytest.fixture
def comparators() -> schema_pb2.Schema:
    """A schema that has them."""
    schema = tfdv.infer_schema(tfdv.generate_statistics_from_dataframe(span()))
    tfdv.get_feature(schema, "x").drift_comparator.jensen_shannon_divergence.threshold = 0.9999
    tfdv.get_feature(schema, "c").drift_comparator.infinity_norm.threshold = 0.1
    return schema


def test_the_schema_s_comparators_overrule_the_limits_of_their_columns(new, served, comparators):
    frame = changed(x=lambda rows: rows.x + 1)
    with pytest.raises(GateRefused, match="DRIFT_NUMBERS"):
        new(frame, **served)
    assert new(frame, schema=comparators, **served) == ()
    with pytest.raises(
        GateRefused, match=r"train/c: has moved by 0\.\d+ from the data .*0\.1 \(COMPARATOR_L_INFTY_HIGH\)"
    ):
        new(span(colours="rrrgb"), schema=comparators, **served)


def test_comparators_with_nothing_to_compare_with_say_so_and_pass(new, comparators):
    tfdv.get_feature(comparators, "x").skew_comparator.jensen_shannon_divergence.threshold = 0.1
    drift, skew = new(span(), schema=comparators)
    assert (
        drift == "the drift_comparator of c, x has nothing to compare with: no served model was trained on earlier data"
    )
    assert skew == "the skew_comparator of x has nothing to compare with: gates.data.requests names no log"


@pytest.mark.parametrize(
    ("frame", "features", "refused"),
    [
        (span().assign(x="a"), "inferred", True),
        (span().assign(x=1), "inferred", True),
        (span().assign(x="a"), '{"c": ["category"]}', False),
        (span().drop(columns="x"), '{"c": ["category"]}', False),
    ],
)
def test_a_column_of_another_type_than_the_served_model_s_refuses(new, served, frame, features, refused):
    if not refused:
        assert new(frame, features=features, **served) == ()
        return
    with pytest.raises(GateRefused, match=r"train/x: holds .*, but numbers with fractions in the data of the served"):
        new(frame, features=features, **served)


def test_before_anything_is_served_the_span_before_is_compared_with_its_rows_and_splits(new, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for day, times in ((1, 1), (2, 1609), (3, 1)):
        # Rows that the run leaves out, and those of another split, must not count.
        left_out = span(seed=day + 10).assign(x=-1e9)
        other = span(seed=day + 20).assign(x=1e9, y=1, half="b")
        rows = pd.concat([span(seed=day).assign(half="a"), other, left_out])
        rows.assign(x=rows.x * times).to_csv(data / f"day-{day}.csv", index=False)
    given = {
        "base": str(data),
        "pattern": "day-{SPAN}.csv",
        "window": 1,
        "reading": {"kind": "csv"},
        "rows": {"where": "x > 0", "splits": {"by": "value", "column": "half", "train": ["a"], "eval": ["b"]}},
        "splits": json.dumps({"splits": [{"name": "train", "hashBuckets": 1}, {"name": "eval", "hashBuckets": 1}]}),
    }
    with pytest.raises(
        GateRefused, match=r"^train/x: has moved by 1 from the span before .*\(DRIFT_NUMBERS\);"
    ) as found:
        new(span(seed=3), previous_span=json.dumps(given))
    assert "DRIFT_LABEL" not in str(found.value)
    assert new(span(seed=3), previous_span=json.dumps(given | {"window": 2})) == ()
    assert new(span(seed=3), previous_span=json.dumps(given | {"window": 3})) == ()


def test_labels_of_a_comparison_are_counted_in_the_rows(new, tmp_path):
    label = Label(column="unread", above={"column": "x", "times": 0.5})
    artifacts = write_artifacts(tmp_path / "before", schema_pb2.Schema(), {"train": span()})
    gate(artifacts, label=label, features=FEATURES, allow=list(span().columns))
    before = {"served_statistics": artifacts["statistics"], "served_profile": artifacts["notices"]}
    assert new(changed(), label=label, **before) == ()
    with pytest.raises(GateRefused, match=r"train/unread: the label is '1' in \d+\.\d%, but in .*DRIFT_LABEL"):
        new(changed(unread=lambda rows: rows.unread + 1.5), label=label, **before)
