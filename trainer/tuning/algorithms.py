"""The algorithms that choose each trial's values, and the search space in KerasTuner's terms.

Hyperband is not among them: it stops a training early and resumes it later, but because the learning rate decays to the
end of the training, the first epochs of a long training differ from a short one. Early stopping saves as much.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

import keras_tuner

from trainer.tuning.search import Search, encoded


def search_algorithm(search: Search, objective: keras_tuner.Objective) -> keras_tuner.Oracle:
    """The algorithm that chooses each trial's values.

    Args:
        search: algorithm, number of trials, seed and space.
        objective: metric and direction.
    """
    options = {
        "objective": objective,
        "max_trials": search.trials,
        "hyperparameters": _space(search),
        # To KerasTuner, 0 means any seed.
        "seed": search.seed + 1,
        # The tuner itself reports when all trials have failed.
        "max_consecutive_failed_trials": search.trials + 1,
    }
    if search.algorithm == "grid":
        return GridSearch(**options)
    if search.algorithm == "bayesian":
        # By default it starts to learn after three random trials for each key, more than a small search has.
        first = max(2, min(3 * len(search.space), search.trials // 3))
        return keras_tuner.oracles.BayesianOptimizationOracle(num_initial_points=first, **options)
    return keras_tuner.oracles.RandomSearchOracle(**options)


class GridSearch(keras_tuner.Oracle):
    """Every combination in order, the last key's values changing fastest."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """The values of the next trial, in KerasTuner's terms."""
        space = self.hyperparameters.space
        combinations = itertools.product(*(dimension.values for dimension in space))
        values = next(itertools.islice(combinations, len(self.trials), None), None)
        if values is None:
            return {"status": "STOPPED", "values": None}
        return {"status": "RUNNING", "values": dict(zip((dimension.name for dimension in space), values, strict=True))}


def _space(search: Search) -> keras_tuner.HyperParameters:
    space = keras_tuner.HyperParameters()
    for path, dimension in search.space.items():
        points = dimension.points()
        if points is None or (isinstance(points, range) and search.algorithm != "grid"):
            kind = space.Int if dimension.whole else space.Float
            kind(path, dimension.min, dimension.max, sampling=dimension.sampling)
        else:
            space.Choice(path, _of_one_type([encoded(value) for value in points]))
    return space


def _of_one_type(values: list[int | float | str]) -> list[Any]:
    """KerasTuner's choices must all be numbers of one type, or all text."""
    types = {type(value) for value in values}
    if types == {int, float}:
        return [float(value) for value in values]
    return values if len(types) == 1 else [value if isinstance(value, str) else json.dumps(value) for value in values]
