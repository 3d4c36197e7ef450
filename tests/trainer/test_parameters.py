import pytest
from pydantic import ValidationError

from trainer.parameters import Features, Parameters


def test_features_are_inferred_by_type():
    features = Features.infer({"b": "float32", "a": "float32", "n": "int64", "s": "string"})
    kinds = [(name, options.kind, getattr(options, "buckets", None)) for name, options in features.columns()]
    assert kinds == [
        ("a", "number", None),
        ("b", "number", None),
        ("n", "number", None),
        ("n", "number", 10),
        ("s", "category", None),
    ]
    assert features.names() == ("a", "b", "n", "s")


def test_a_kind_is_given_by_name_with_options_or_several_times():
    features = Features.model_validate(
        {
            "fare": ["number", {"kind": "number", "buckets": 3}],
            "Payment Type": "category",
            "both": {"kind": "cross", "columns": ["Payment Type", "zone"]},
            "tags": {"kind": "list"},
        }
    )
    assert features.names() == ("Payment Type", "fare", "tags", "zone")
    assert features.scalars() == ("Payment Type", "fare", "zone")
    assert [module.__name__.rpartition(".")[2] for module, _ in features.by_kind()] == [
        "number",
        "category",
        "cross",
        "list",
    ]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"a": "numbers"}, "a: there is no kind 'numbers'; did you mean 'number'"),
        ({"a": "bytes"}, "a: there is no kind 'bytes'. The kinds are category, cross, date"),
        ({"a": 7}, "a: give a kind, such as `number`"),
        ({"a": []}, "a column needs a kind"),
        ({"a": ["number", {"kind": "number"}]}, "a: the same kind with the same options stands twice"),
        ({"a": {"buckets": 3}}, "a: give a kind, such as `number`"),
        ({"a": {"kind": "number", "bucket": 3}}, "a.bucket: unknown key; did you mean buckets?"),
        ({"a": {"kind": "number", "buckets": 3, "bins": 4}}, "a: give buckets or bins"),
        ({"a": {"kind": "category", "codes": 3, "hash": 4}}, "a: give codes or hash"),
        ({"a": {"kind": "list", "separator": ";", "json_list": True}}, "a: give separator or json"),
        ({"a": {"kind": "vector"}}, "a.length: Field required"),
        ({"a": {"kind": "cross", "columns": ["b"]}}, "a.columns: Tuple should have at least 2 items"),
        (
            {"a": {"kind": "cross", "columns": ["b", {"column": "c", "buckets": 3, "part": "hour"}]}},
            "a.columns.1: give buckets of a number or part of a date, not both",
        ),
        (
            {"a": {"kind": "cross", "columns": ["b", {"column": "c", "format": "%d.%m.%Y"}]}},
            "a.columns.1: a format is that of a date; give part, too",
        ),
        ({"a": {"kind": "cross", "columns": ["b", {"column": "c", "part": "year"}]}}, "a.columns.1.part: Input should"),
        (["a"], "give one line per column"),
    ],
)
def test_wrong_kinds_and_options_are_named(features, message):
    with pytest.raises(ValidationError, match=message):
        Features.model_validate(features)


@pytest.mark.parametrize(("kind", "option"), [("number", "buckets"), ("category", "codes"), ("category", "hash")])
@pytest.mark.parametrize("size", [1, 1_000_001])
def test_sizes_have_limits(kind, option, size):
    with pytest.raises(ValidationError, match=f"a.{option}: Input should be (greater|less) than or equal to"):
        Features.model_validate({"a": {"kind": kind, option: size}})


def test_parameters_survive_the_journey_to_a_worker():
    parameters = Parameters(
        label={"column": "y"},
        features={"a": "number", "s": [{"kind": "category", "top_k": 3}, "text"]},
        loop={"epochs": 9},
    )
    assert Parameters.model_validate_json(parameters.model_dump_json()) == parameters


def test_unknown_parameters_are_refused():
    with pytest.raises(ValidationError, match="learning_speed"):
        Parameters(label={"column": "y"}, loop={"learning_speed": 1})
