"""Which rows meet a condition: the same from a table and from tf.Examples."""

import pyarrow as pa
import pytest

from components.example_gen.encoding import to_examples
from components.example_gen.rows import columns as of
from components.example_gen.rows.expression import columns, parse
from components.example_gen.rows.where import kept
from components.refusal import GateRefused

pytestmark = pytest.mark.tensorflow

TABLE = pa.RecordBatch.from_pydict(
    {
        "fare": pa.array([0.1, 2.5, None, float("nan"), -1.0]),
        "miles": pa.array([1, 2**53 + 1, 3, None, 5]),
        "kind": pa.array(["card", "Unknown", "", None, "cash"]).dictionary_encode(),
        "ok": pa.array([True, False, None, True, True]),
        "Größe (m)": pa.array(["2024-01-31", "2024-02-01", "2023-12-31", "x", None]),
        "none": pa.nulls(5),
        "tags": pa.array([["a", "b"], [], ["c"], None, ["d"]]),
    }
)

CASES = [
    ("fare > 0", [0, 1]),
    ("fare == 0.1", [0]),
    ("0 < fare", [0, 1]),
    ("fare != 0.1", [1, 4]),
    ("not fare > 0", [4]),
    ("fare is missing", [2, 3]),
    ("fare is not missing", [0, 1, 4]),
    ("fare > 0 or fare is missing", [0, 1, 2, 3]),
    ("fare > 0 and kind != 'Unknown'", [0]),
    ("kind in ['card', 'cash', '']", [0, 2, 4]),
    ("kind not in ['card', 'cash']", [1, 2]),
    ("miles == 9007199254740993", [1]),
    ("miles in [1, 3.0]", [0, 2]),
    ("miles > 1.5", [1, 2, 4]),
    ("fare < miles", [0, 1, 4]),
    ("ok == True", [0, 3, 4]),
    ("ok == 0", [1]),
    ("`Größe (m)` >= '2024-01-01' and `Größe (m)` < '2024-02'", [0]),
    ("none > 0", []),
    ("none in [1]", []),
    ("none is missing and not none == 'a'", []),
    ("none is missing", [0, 1, 2, 3, 4]),
    ("1 <= miles <= 3", [0, 2]),
    ("kind < `Größe (m)`", [2]),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_a_table_and_its_examples_give_the_same_rows(text, expected):
    condition = parse(text)
    names = sorted(set(columns(condition)))
    for found in (of.of_batch(TABLE, names), of.of_examples(to_examples(TABLE), names)):
        mask = kept(condition, found, rows=5).to_pylist()
        assert [row for row, keep in enumerate(mask) if keep] == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("fare > '0'", r"data\.where: fare is a number, but it is compared with '0'"),
        ("kind in [1]", r"data\.where: kind is text, but it is compared with 1"),
        ("kind == fare", r"data\.where: kind is text, but fare is a number"),
        ("tags == 'a'", "column 'tags' has 2 values in one row"),
        ("kinds == 'a'", "there is no column 'kinds'; did you mean 'kind'"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(text, reason):
    condition = parse(text)
    with pytest.raises(GateRefused, match=reason):
        kept(condition, of.of_batch(TABLE, columns(condition)), rows=5)


def test_no_rows_at_all():
    condition = parse("fare > 0 and kind in ['a']")
    assert kept(condition, of.of_batch(TABLE.slice(0, 0), columns(condition)), rows=0).to_pylist() == []
