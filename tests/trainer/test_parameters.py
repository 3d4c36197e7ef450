import pytest
from pydantic import ValidationError

from trainer.parameters import Features, Label, Parameters


@pytest.mark.parametrize(
    ("row", "truth"),
    [
        ({"tips": 2.1, "fare": 10.0}, 1.0),
        ({"tips": 2.0, "fare": 10.0}, 0.0),
        ({"tips": 0.0, "fare": 0.0}, 0.0),
        ({"fare": 10.0}, 0.0),
    ],
)
def test_label_compares_two_columns(row, truth):
    assert Label(column="tips", above={"column": "fare", "times": 0.2}).of(row) == truth


def test_label_may_be_a_column_of_its_own():
    assert [Label(column="y").of({"y": y}) for y in (0, 1)] == [0.0, 1.0]


def test_a_class_is_its_number_in_the_order_of_the_names():
    label = Label(column="y", task="multiclass", classes=("ant", "bee", "cow"))
    assert [label.of({"y": y}) for y in ("ant", "cow", "elk")] == [0.0, 2.0, 0.0]
    assert Label(column="y", task="multiclass", classes=4).of({"y": 3}) == 3.0
    assert Label(column="y", task="regression").of({"y": -2.5}) == -2.5


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ({"task": "multiclass"}, "a multiclass label needs classes"),
        ({"task": "regression", "classes": 3}, "a regression label has no classes"),
        ({"task": "multiclass", "classes": ("a", "a")}, "name at least two, each once"),
        ({"task": "regression", "above": {"column": "x", "times": 1}}, "a comparison makes a binary label"),
    ],
)
def test_a_label_must_fit_its_task(label, message):
    with pytest.raises(ValidationError, match=message):
        Label(column="y", **label)


def test_features_are_inferred_by_type():
    features = Features.infer({"b": "float32", "a": "float32", "n": "int64", "s": "string"})
    assert features.numeric == ("a", "b")
    assert dict(features.bucketized) == {"n": 10}
    assert set(features.vocabulary) == {"s"}
    assert features.names() == ("a", "b", "n", "s")


def test_every_kind_of_feature_is_a_module():
    picture = {"height": 2, "width": 2}
    options = {"numeric": ["a"], "bucketized": {"b": 3}, "vocabulary": {"c": {}}, "identity": {"d": 4}}
    columns = list(Features(**options, image={"e": picture}).columns())
    assert [column.key for column in columns] == [f"features.{kind}" for kind in Features.model_fields]
    names = {column.kind.transformed_name(column.name) for column in columns}
    assert names == {"a_scaled", "b_bucket", "c_token", "d_identity", "e_image"}


@pytest.mark.parametrize("kind", ["bucketized", "identity"])
@pytest.mark.parametrize("size", [1, 1_000_001])
def test_sizes_have_limits(kind, size):
    with pytest.raises(ValidationError, match="must lie between 2 and 1,000,000"):
        Features(**{kind: {"a": size}})


def test_parameters_survive_the_journey_to_a_worker():
    parameters = Parameters(
        label={"column": "y"}, features={"numeric": ["a"], "vocabulary": {"s": {"top_k": 3}}}, loop={"epochs": 9}
    )
    assert Parameters.model_validate_json(parameters.model_dump_json()) == parameters


def test_unknown_parameters_are_refused():
    with pytest.raises(ValidationError, match="learning_speed"):
        Parameters(label={"column": "y"}, loop={"learning_speed": 1})
