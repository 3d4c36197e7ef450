"""A whole pipeline with a search for hyperparameters before its training."""

import re

import pytest

from tests.e2e.projects.project import Project

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]


def test_a_search_feeds_the_trainer(project: Project, first):
    rates = "trainer.tuner={trials: 2, algorithm: grid, space: {loop.optimizer.learning_rate: {choices: [0.01, 1e-7]}}}"
    limits = "gates.evaluation.thresholds=[{metric: auc, min: 0.8}]"
    outcome = project.run("--set", rates, "--set", limits, "--set", "trainer.loop.epochs=2")
    assert outcome.code == 0, outcome.err
    assert (outcome.nodes()["Tuner"], outcome.nodes()["Trainer"]) == ("✓", "✓")
    best = r"trial (\d) is the best of 2: auc 0\.\d{4} with loop\.optimizer\.learning_rate=0\.01\n"
    # Beside the node and in the summary.
    assert re.search(r"^✓ Tuner .*  " + best, outcome.out, re.M)
    assert re.search(r"^  tuned       " + best, outcome.out, re.M)
    assert max(report["learning_rate"] for report in project.history()) > 0.005
