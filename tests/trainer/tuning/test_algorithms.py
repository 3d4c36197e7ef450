import keras_tuner
import pytest

from trainer.tuning.algorithms import search_algorithm
from trainer.tuning.hyperparameters import decoded
from trainer.tuning.search import Search

pytestmark = pytest.mark.tensorflow

SPACE = {
    "rate": {"min": 1e-3, "max": 1, "sampling": "log"},
    "ema": {"choices": [None, 0.5]},
    "size": {"min": 16, "max": 64, "step": 2, "sampling": "log"},
    "units": {"choices": [[4], [6, 3]]},
    "mixed": {"choices": [1, 2.5]},
    "dim": {"min": 1, "max": 3},
    "wide": {"min": 1, "max": 100, "sampling": "log"},
    "share": {"min": 0, "max": 0.2, "step": 0.1},
}


def play(search, folder, score=lambda values: 0.0):
    """Let the algorithm choose until it stops; each trial gets the score of its values."""
    oracle = search_algorithm(search, keras_tuner.Objective("auc", "max"))
    oracle._set_project_dir(str(folder), "oracle")
    played = []
    while (trial := oracle.create_trial("one")).status == "RUNNING":
        values = {path: decoded(value) for path, value in trial.hyperparameters.values.items()}
        played.append(values)
        oracle.update_trial(trial.trial_id, {"auc": score(values)})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    return played


@pytest.mark.parametrize("algorithm", ["random", pytest.param("bayesian", marks=pytest.mark.slow)])
def test_values_lie_in_the_space_and_follow_from_the_seed(tmp_path, algorithm):
    search = Search(algorithm=algorithm, trials=6, space=SPACE)
    played = play(search, tmp_path)
    assert len(played) == 6
    assert play(search, tmp_path) == played
    assert play(search.model_copy(update={"seed": 1}), tmp_path) != played
    seen = {path: {str(values[path]) for values in played} for path in SPACE}
    assert seen["ema"] == {"None", "0.5"}
    assert seen["units"] == {"[4]", "[6, 3]"}
    assert seen["mixed"] == {"1.0", "2.5"}
    assert seen["size"] <= {"16", "32", "64"}
    assert seen["dim"] <= {"1", "2", "3"}
    assert seen["share"] <= {"0.0", "0.1", "0.2"}
    assert all(len(seen[path]) > 1 for path in seen)
    assert all(1e-3 <= values["rate"] <= 1 for values in played)
    assert all(type(values["wide"]) is int and 1 <= values["wide"] <= 100 for values in played)
    # Half of the magnitudes lie below the root of both ends; without log sampling hardly any would.
    assert 1 <= sum(values["rate"] < 1e-3**0.5 for values in played) <= 5


@pytest.mark.slow
def test_bayesian_comes_nearer_than_random(tmp_path):
    def score(values):
        return 1 - (values["a"] - 0.3) ** 2

    def best(algorithm, seed):
        search = Search(algorithm=algorithm, trials=8, seed=seed, space={"a": {"min": 0.0, "max": 1.0}})
        return max(map(score, play(search, tmp_path, score)))

    for seed in range(3):
        assert best("bayesian", seed) > best("random", seed)


def test_a_grid_is_walked_in_order_once(tmp_path):
    space = {"a": {"min": 0, "max": 0.2, "step": 0.1}, "b": {"choices": [[1], None]}, "c": {"min": 7, "max": 8}}
    played = play(Search(algorithm="grid", trials=20, space=space), tmp_path)
    assert [tuple(values.values()) for values in played] == [
        (a, b, c) for a in (0.0, 0.1, 0.2) for b in ([1], None) for c in (7, 8)
    ]


def test_random_stops_when_it_has_seen_everything(tmp_path):
    played = play(Search(trials=10, space={"a": {"choices": [1, 2]}}), tmp_path)
    assert sorted(values["a"] for values in played) == [1, 2]
