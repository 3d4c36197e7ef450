import json
import re
from pathlib import Path

import pytest
from markupsafe import Markup
from ml_metadata.proto import metadata_store_pb2

from pipeline.config.loading import load
from pipeline.report import trials
from pipeline.report.html.plots import plot
from tests.shared import browser as chromium

RATE = "loop.optimizer.learning_rate"
TRIALS = [
    {"trial_id": "02", "score": 0.95, RATE: 0.002, "model.hidden_units": "[64, 32]"},
    {"trial_id": "00", "score": 0.9, RATE: 0.5, "model.hidden_units": "[8]"},
    {"trial_id": "01", "score": 0.6, RATE: 0.000001, "model.hidden_units": "[8]"},
]


@pytest.fixture
def outputs(tmp_path):
    """The artifacts of a Tuner, as TFX's executor writes them."""
    (tmp_path / "best").mkdir()
    (tmp_path / "best/best_hyperparameters.txt").write_text(json.dumps({"space": [], "values": {RATE: 0.002}}))
    (tmp_path / "results").mkdir()
    (tmp_path / "results/tuner_results.json").write_text(json.dumps(TRIALS))
    places = {"best_hyperparameters": "best", "tuner_results": "results"}
    return {("Tuner", key): metadata_store_pb2.Artifact(uri=str(tmp_path / folder)) for key, folder in places.items()}


def test_the_best_trial_has_its_number_its_figure_and_its_values(outputs):
    config = load(config=Path("configs/taxi.yaml"), profile="local")
    assert trials.note(config, outputs) == (
        "tuned",
        f"trial 3 is the best of 3: auc 0.9500 with {RATE}=0.002  model.hidden_units=[64, 32]",
    )


def test_the_objective_is_the_configured_one(outputs):
    space = "trainer.tuner={objective: accuracy, space: {loop.optimizer.learning_rate: {choices: [0.1, 0.2]}}}"
    config = load(config=Path("configs/taxi.yaml"), profile="local", overrides=[space])
    label, text = trials.note(config, outputs)
    assert ": accuracy 0.9500 with " in text


def test_without_a_search_nothing_was_chosen():
    config = load(config=Path("configs/taxi.yaml"), profile="local")
    assert trials.note(config, {("Trainer", "model"): metadata_store_pb2.Artifact()}) is None


def test_numbers_lie_by_magnitude_and_words_by_rank(outputs):
    found = trials.trials(outputs)
    spec = trials._coordinates(found, {RATE: "learning_rate", "model.hidden_units": "units"}, "auc")
    place = {(one["trial"], one["axis"]): one["place"] for one in spec["data"]["values"]}
    assert [place[number, "auc"] for number in (3, 1, 2)] == pytest.approx([1, 0.3 / 0.35, 0])
    assert [place[number, "learning_rate"] for number in (1, 2)] == pytest.approx([1, 0])
    # 0.002 is a good half of the way in magnitudes, and next to nothing in numbers.
    assert 0.5 < place[3, "learning_rate"] < 0.7
    assert [place[number, "units"] for number in (3, 1, 2)] == [0, 1, 1]
    assert {one["trial"] for one in spec["data"]["values"] if one["best"]} == {3}
    ends = [one["text"] for one in spec["layer"][1]["data"]["values"] if one["axis"] == "learning_rate"]
    assert ends == ["1e-06", "0.5"]
    assert all(re.match(r"\[", one["text"]) for one in spec["layer"][1]["data"]["values"] if one["axis"] == "units")


@pytest.mark.tensorflow
@pytest.mark.slow
def test_the_coordinates_are_drawn_without_a_fault(outputs, tmp_path):
    from pipeline.report.html import frame

    names = {RATE: "learning_rate", "model.hidden_units": "model.hidden_units"}
    drawn = plot(trials._coordinates(trials.trials(outputs), names, "auc"), words="Trials")
    page = tmp_path / "page.html"
    page.write_text(frame.document(Markup("<h1>Trials</h1>"), [("trials", "All", drawn)], title="trials"))
    with chromium.opened() as browser:
        assert chromium.faults(browser, page) == []
