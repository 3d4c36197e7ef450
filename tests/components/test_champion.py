import pytest
from tfx.components.evaluator import constants
from tfx.types import standard_artifacts

from components import infra_blessing
from components.champion import LatestBlessedByAllStrategy


@pytest.fixture
def history(tmp_path):
    """Builds what the resolver sees: models by id, each with the verdicts of the Evaluator and of infra validation."""

    def build(*, candidate: int, **verdicts: tuple[bool, bool]) -> dict:
        inputs = {"model": [], "model_blessing": [], "infra_blessing": [], "candidate": []}
        for name, (by_evaluator, by_infra) in verdicts.items():
            model = standard_artifacts.Model()
            model.id = int(name.removeprefix("m"))
            model.uri = str(tmp_path / name)
            (tmp_path / name).mkdir()
            inputs["model"].append(model)
            blessing = standard_artifacts.ModelBlessing()
            blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
            blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, int(by_evaluator))
            inputs["model_blessing"].append(blessing)
            infra = standard_artifacts.InfraBlessing()
            infra.uri = str(tmp_path / f"{name}-infra")
            infra_blessing.write(infra, model_id=model.id, reason=None if by_infra else "no")
            inputs["infra_blessing"].append(infra)
            if model.id == candidate:
                inputs["candidate"].append(model)
        return inputs

    return build


def resolve(inputs) -> list[int]:
    return [model.id for model in LatestBlessedByAllStrategy().resolve_artifacts(None, inputs)["model"]]


def test_the_newest_model_that_all_gates_blessed(history):
    assert resolve(history(candidate=4, m1=(True, True), m2=(True, True), m3=(True, False), m4=(False, False))) == [2]


def test_the_candidate_is_never_its_own_baseline(history):
    assert resolve(history(candidate=2, m1=(True, True), m2=(True, True))) == [1]
    inputs = history(candidate=5, m5=(True, True))
    assert resolve(inputs) == []


def test_a_model_whose_files_are_gone_is_passed_over(history, tmp_path):
    inputs = history(candidate=3, m1=(True, True), m2=(True, True), m3=(True, True))
    (tmp_path / "m2").rmdir()
    assert resolve(inputs) == [1]


def test_a_first_run_has_no_baseline(history):
    assert resolve(history(candidate=1, m1=(False, False))) == []
    assert resolve({"model": [], "model_blessing": [], "infra_blessing": [], "candidate": []}) == []
