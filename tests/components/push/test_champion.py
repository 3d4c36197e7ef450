import pytest
from tfx.types import standard_artifacts

from components.push.champion import LatestPushedModelStrategy
from components.pushed_model import MODEL_ID_PROPERTY

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def history(tmp_path):
    """Builds what the resolver sees: models by id, and which of them were pushed, in order."""

    def build(*, models: int, pushed: list[int], candidate: int) -> dict:
        inputs = {"model": [], "pushed_model": [], "candidate": []}
        for number in range(1, models + 1):
            model = standard_artifacts.Model()
            model.id = number
            model.uri = str(tmp_path / str(number))
            (tmp_path / str(number)).mkdir()
            inputs["model"].append(model)
            if number == candidate:
                inputs["candidate"].append(model)
        for order, number in enumerate(pushed, start=100):
            push = standard_artifacts.PushedModel()
            push.id = order
            push.set_int_custom_property(MODEL_ID_PROPERTY, number)
            inputs["pushed_model"].append(push)
        return inputs

    return build


def resolve(inputs, **options) -> list[int]:
    return [model.id for model in LatestPushedModelStrategy(**options).resolve_artifacts(None, inputs)["model"]]


def test_the_model_that_was_pushed_last_not_the_one_trained_last(history):
    assert resolve(history(models=4, pushed=[1, 2], candidate=4)) == [2]


def test_an_older_model_that_was_pushed_again_is_the_baseline(history):
    assert resolve(history(models=3, pushed=[1, 2, 1], candidate=3)) == [1]


def test_the_candidate_is_never_its_own_baseline(history):
    inputs = history(models=2, pushed=[1, 2, 2], candidate=2)
    assert resolve(inputs) == [1]
    inputs["pushed_model"] = inputs["pushed_model"][1:]
    assert resolve(inputs) == []


def test_a_model_whose_files_are_gone_is_passed_over(history, tmp_path):
    inputs = history(models=3, pushed=[1, 2], candidate=3)
    (tmp_path / "2").rmdir()
    assert resolve(inputs) == [1]


def test_a_first_run_and_a_new_beginning_have_no_baseline(history):
    assert resolve({"model": [], "pushed_model": [], "candidate": []}) == []
    assert resolve(history(models=3, pushed=[1, 2], candidate=3), enabled=False) == []
