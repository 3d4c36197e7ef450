import pytest
from pydantic import ValidationError

from trainer.parameters import Features, Parameters


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
