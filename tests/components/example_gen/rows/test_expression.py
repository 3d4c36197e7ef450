"""The language of data.where: what it says, and where a mistake is."""

import pytest

from components.example_gen.rows.expression import (
    ColumnValue,
    Comparison,
    ExpressionError,
    IsMissing,
    Joined,
    Not,
    OneOf,
    columns,
    parse,
)

FARE, KIND = ColumnValue("fare"), ColumnValue("kind")

READ = [
    ("fare > 0", Comparison(FARE, ">", 0)),
    ("  -1.5\n <= fare ", Comparison(-1.5, "<=", FARE)),
    ("kind != 'Un`known`'", Comparison(KIND, "!=", "Un`known`")),
    ("fare == True", Comparison(FARE, "==", True)),
    ("fare < kind", Comparison(FARE, "<", KIND)),
    ("0 < fare <= 100", Joined("and", (Comparison(0, "<", FARE), Comparison(FARE, "<=", 100)))),
    ("kind in ['a', \"b\"]", OneOf(KIND, ("a", "b"))),
    ("kind not in ('a',)", Not(OneOf(KIND, ("a",)))),
    ("kind is missing", IsMissing(KIND)),
    ("kind is not missing", Not(IsMissing(KIND))),
    ("missing is missing", IsMissing(ColumnValue("missing"))),
    ("`Trip Miles/day` > 0", Comparison(ColumnValue("Trip Miles/day"), ">", 0)),
    (
        "`ü class` > 0 or größe is missing",
        Joined("or", (Comparison(ColumnValue("ü class"), ">", 0), IsMissing(ColumnValue("größe")))),
    ),
    ("ﬁeld > 0", Comparison(ColumnValue("ﬁeld"), ">", 0)),
    (
        "not (fare > 0 and kind == 'a') or kind is missing",
        Joined("or", (Not(Joined("and", (Comparison(FARE, ">", 0), Comparison(KIND, "==", "a")))), IsMissing(KIND))),
    ),
]


@pytest.mark.parametrize(("text", "condition"), READ)
def test_it_reads_what_the_docs_promise(text, condition):
    assert parse(text) == condition


def test_it_names_its_columns():
    assert [*columns(parse("not (a > 0 and `b c` in [1]) or d is missing or 1 < e < a"))] == [
        *"a",
        "b c",
        "d",
        "e",
        "e",
        "a",
    ]


WRONG = [
    ("fare >", "ends too early"),
    ("fare > 0 an kind == 'a'", "character 10: \"an kind == 'a'\" cannot be read from here on"),
    ("fare = 0", "character 6: '= 0' cannot be read"),
    ("`größe (m)` > 0 and fare", "character 21: 'fare' is no condition; compare it"),
    ("fare + 1 > 0", "character 1: 'fare + 1' must be a column or a constant"),
    ("len(kind) > 3", "character 1: 'len(kind)' must be a column or a constant"),
    ("__import__('os').system('x')", "character 1: \"__import__('os').system('x')\" is no condition"),
    ("fare.real > 1", "character 1: 'fare.real' must be"),
    ("fare is None", "character 9: 'None' cannot follow `is`, only `missing` can"),
    ("1 < 2", "character 1: '1' is compared with another constant"),
    ("kind in 'abc'", "character 9: \"'abc'\" must be a list of constants"),
    ("kind in []", "character 9: '[]' must be a list"),
    ("kind in ['a', 1]", "character 9: \"['a', 1]\" has texts and numbers"),
    ("kind in [fare]", "character 10: 'fare' must be a column or a constant"),
    ("fare < -9999999999999999999", "'9999999999999999999' has more than 64 bits"),
    ("1 in [1]", "character 1: '1' must be the name of a column"),
    ("True", "character 1: 'True' is no condition"),
    ("", "ends too early"),
    ("fare > 0\0", "cannot be read"),
    ("fare > 0 and " + "not " * 100_000 + "fare > 0", "cannot be read"),
    ("fare > 0 and " + "x" * 5000, f"'{'x' * 60}...' is no condition"),
]


@pytest.mark.parametrize(("text", "reason"), WRONG)
def test_a_mistake_is_named_with_its_place(text, reason):
    with pytest.raises(ExpressionError) as error:
        parse(text)
    assert reason in str(error.value)
    assert len(str(error.value)) < 250
