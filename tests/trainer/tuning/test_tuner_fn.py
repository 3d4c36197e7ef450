import gc
import json
import logging
import re
import signal
import subprocess
import sys
from pathlib import Path

import attr
import pytest
from tfx.components.tuner.executor import Executor
from tfx.proto import trainer_pb2
from tfx.types import standard_artifacts
from tfx.utils import json_utils, proto_utils

from tests.trainer.tuning.searches import PARAMETERS, RATE, custom_config, make_fn_args, run
from trainer.distribution import replicas
from trainer.distribution.preemption import Preempted
from trainer.loop.step import StepRunner
from trainer.models.heads import head_of
from trainer.parameters import OBJECTIVES, Parameters
from trainer.training import Training
from trainer.tuner_fn import RECORD_FILE, tuner_fn
from trainer.tuning.hyperparameters import with_hyperparameters

pytestmark = pytest.mark.tensorflow

ROOT = Path(__file__).parents[3]
# The first rate is too small to learn anything in four epochs.
RATES = {"algorithm": "grid", "trials": 3, "space": {RATE: {"choices": [1e-6, 0.05, 0.001]}}}
DIVERGING = 1e30


@pytest.fixture
def messages(caplog):
    """What the terminal would show."""
    caplog.set_level(logging.INFO, logger="trainer.loop.progress")
    return lambda level=logging.INFO: [
        record.getMessage()
        for record in caplog.records
        if record.name == "trainer.loop.progress" and record.levelno >= level
    ]


def scores(tuner):
    return {
        number: (trial.hyperparameters.values, trial.score) for number, trial in sorted(tuner.oracle.trials.items())
    }


def evaluate(data, tmp_path, parameters):
    """The figures of a training as the Tuner runs it, on the rows of train that are held back."""
    fn_args = attr.evolve(make_fn_args(data, tmp_path, {}), transform_output=str(data / "transform"))
    training = Training.read(fn_args, parameters, scratch=str(tmp_path))
    trained = training.fit(
        parameters,
        replicas=replicas.choose("auto"),
        checkpoints=str(tmp_path / "alone"),
        report=lambda progress: None,
        compared=True,
    )
    return trained.evaluation


def test_the_executor_writes_the_best_for_the_trainer(transformed, tmp_path, messages):
    examples, graph = standard_artifacts.Examples(), standard_artifacts.TransformGraph()
    examples.uri, graph.uri = str(transformed / "examples"), str(transformed / "transform")
    examples.split_names = '["train", "eval"]'
    best, results = standard_artifacts.HyperParameters(), standard_artifacts.TunerResults()
    best.uri, results.uri = str(tmp_path / "best"), str(tmp_path / "results")
    space = {RATE: {"choices": [1e-6, 0.05]}, "model.hidden_units": {"choices": [[4], [6, 3]]}}
    config = custom_config({"algorithm": "grid", "trials": 4, "space": space}, checkpoints=None)
    Executor(Executor.Context(tmp_dir=str(tmp_path), unique_id="1")).Do(
        {"examples": [examples], "transform_graph": [graph]},
        {"best_hyperparameters": [best], "tuner_results": [results]},
        {
            "tuner_fn": "trainer.tuner_fn.tuner_fn",
            "train_args": proto_utils.proto_to_json(trainer_pb2.TrainArgs(splits=["train"])),
            "eval_args": proto_utils.proto_to_json(trainer_pb2.EvalArgs(splits=["eval"])),
            "custom_config": json_utils.dumps(config),
        },
    )
    [file] = (tmp_path / "best").iterdir()
    values = json.loads(file.read_text())["values"]
    trials = json.loads((tmp_path / "results" / "tuner_results.json").read_text())
    assert {(trial[RATE], trial["model.hidden_units"]) for trial in trials} == {
        (rate, units) for rate in (1e-6, 0.05) for units in ("[4]", "[6, 3]")
    }
    [top] = [trial for trial in trials if trial["score"] == max(trial["score"] for trial in trials)]
    assert {key: top[key] for key in values} == values
    assert max(trial["score"] for trial in trials) > min(trial["score"] for trial in trials) + 0.05
    parameters = with_hyperparameters(PARAMETERS, values)
    assert parameters.model.options["hidden_units"] == json.loads(values["model.hidden_units"])
    assert evaluate(transformed, tmp_path, parameters)["auc"] == top["score"]
    said = messages()
    assert any(line.startswith("trial 3/4  epoch 1  step ") for line in said)
    # Beside the node stands the last message.
    assert messages(logging.WARNING) == []
    assert f"is the best of 4: auc {top['score']:.4f} with {RATE}={values[RATE]}" in said[-1]


@pytest.fixture(scope="module")
def whole(transformed, tmp_path_factory):
    """The folder of a search that nobody disturbed, and its scores."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, scores(run(transformed, folder, RATES))


@pytest.mark.slow
def test_a_lower_loss_is_better_and_costs_no_further_training(transformed, whole, messages):
    tuner = run(transformed, whole[0], {**RATES, "objective": "loss"})
    losses = {values[RATE]: score for values, score in scores(tuner).values()}
    best = tuner.get_best_hyperparameters()[0].values[RATE]
    assert losses[best] == min(losses.values()) < max(losses.values())
    assert len(losses) == 3
    assert not any("epoch" in line for line in messages())


@pytest.mark.slow
def test_nothing_of_a_trial_stays_in_memory(whole):
    gc.collect()
    assert [thing for thing in gc.get_objects() if isinstance(thing, StepRunner)] == []
    assert len(whole[1]) == 3


@pytest.mark.slow
def test_the_same_seed_gives_the_same_search(transformed, tmp_path):
    search = {"algorithm": "bayesian", "trials": 3, "space": {RATE: {"min": 1e-3, "max": 0.1, "sampling": "log"}}}
    first = scores(run(transformed, tmp_path / "a", search))
    assert scores(run(transformed, tmp_path / "b", search)) == first
    assert len({values[RATE] for values, _ in first.values()}) == 3


@pytest.mark.slow
def test_more_trials_reuse_those_that_are_done(transformed, tmp_path, messages):
    search = {"trials": 2, "space": {RATE: {"min": 1e-3, "max": 0.1}}}
    few = scores(run(transformed, tmp_path, search))
    count = len(messages())
    more = scores(run(transformed, tmp_path, {**search, "trials": 3}))
    assert [more["0"], more["1"]] == [few["0"], few["1"]]
    trained = {line.split("  ")[0] for line in messages()[count:] if "  epoch " in line}
    assert trained == {"trial 3/3"}


@pytest.mark.slow
def test_a_killed_search_resumes_in_the_middle_of_a_trial(transformed, whole, tmp_path, messages):
    killed = tmp_path / "killed"
    command = [sys.executable, "-m", "tests.trainer.tuning.searches", str(transformed), str(killed), json.dumps(RATES)]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert child.returncode == -signal.SIGKILL, child.stderr[-2000:]
    assert len(list(killed.glob(f"checkpoints/*/{RECORD_FILE}"))) == 1
    count = len(messages())
    assert scores(run(transformed, killed, RATES)) == whole[1]
    said = messages()[count:]
    assert not any(line.startswith("trial 1/3  epoch") for line in said)
    [continued] = [line for line in said if line.startswith("trial 2/3  resumes at step")]
    step, steps = map(int, re.findall(r"\d+", continued.partition("step")[2]))
    assert 0 < step < steps
    assert not any(line.startswith("trial 2/3  epoch 1 ") for line in said)
    assert any(line.startswith("trial 3/3  epoch 1 ") for line in said)
    assert {path.name for path in killed.glob("checkpoints/*/*")} == {RECORD_FILE}


@pytest.mark.slow
def test_a_preempted_search_says_so_and_resumes(transformed, whole, tmp_path, messages):
    class Terminate(logging.Handler):
        def emit(self, record):
            if record.getMessage().startswith("trial 2/3  epoch 2 "):
                signal.raise_signal(signal.SIGTERM)

    logger, handler = logging.getLogger("trainer.loop.progress"), Terminate()
    logger.addHandler(handler)
    try:
        with pytest.raises(Preempted):
            run(transformed, tmp_path / "preempted", RATES)
    finally:
        logger.removeHandler(handler)
    assert scores(run(transformed, tmp_path / "preempted", RATES)) == whole[1]


@pytest.mark.slow
def test_a_diverging_trial_fails_alone(transformed, tmp_path, messages):
    search = {**RATES, "space": {RATE: {"choices": [DIVERGING, 0.05]}}}
    for _ in range(2):
        tuner = run(transformed, tmp_path, search)
        states = {trial.hyperparameters.values[RATE]: trial.status for trial in tuner.oracle.trials.values()}
        assert states == {DIVERGING: "FAILED", 0.05: "COMPLETED"}
        assert tuner.get_best_hyperparameters()[0].values == {RATE: 0.05}
        failed, best = messages(logging.WARNING)[-1], messages()[-1]
        assert failed.startswith("trial 1/3 failed: the loss is ")
        assert failed.endswith(f"({RATE}=1e+30)")
        assert best.startswith("trial 2 is the best of 1: auc 0.")
    assert len([line for line in messages() if line.startswith("trial 2/3  epoch 1 ")]) > 0
    assert {path.name for path in tmp_path.glob("checkpoints/*/*")} == {RECORD_FILE}


@pytest.mark.slow
def test_values_that_do_not_go_together_fail_their_trial(transformed, tmp_path, messages):
    loop = {**PARAMETERS.loop.model_dump(), "epochs": 1, "accumulation": 4}
    parameters = Parameters.model_validate({**PARAMETERS.model_dump(), "loop": loop})
    space = {"loop.global_batch_size": {"choices": [2, 32]}}
    tuner = run(transformed, tmp_path, {"trials": 4, "algorithm": "grid", "space": space}, parameters=parameters)
    assert [trial.status for trial in tuner.oracle.trials.values()] == ["FAILED", "COMPLETED"]
    assert "accumulation: there are more micro-batches than examples in a batch" in messages(logging.WARNING)[0]


@pytest.mark.slow
def test_when_all_trials_fail_each_reason_is_given(transformed, tmp_path):
    search = {**RATES, "space": {RATE: {"choices": [DIVERGING, 2 * DIVERGING, 3 * DIVERGING, 4 * DIVERGING]}}}
    with pytest.raises(ValueError, match=r"all 4 trials failed: trial 1/4 failed: .*; trial 4/4 failed: the "):
        run(transformed, tmp_path, {**search, "trials": 4})


def test_several_workers_are_refused(transformed, tmp_path, monkeypatch):
    task = {"cluster": {"worker": ["localhost:1", "localhost:2"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(task))
    with pytest.raises(ValueError, match=r"trainer\.tuner: a search runs on one machine"):
        tuner_fn(make_fn_args(transformed, tmp_path, custom_config(RATES, checkpoints=None)))


@pytest.mark.parametrize("task", OBJECTIVES)
def test_objectives_are_what_the_heads_measure(task):
    head = head_of(
        Parameters(label={"column": "y", "task": task, "classes": 3 if task == "multiclass" else None}).label
    )
    assert set(OBJECTIVES[task]) == {"loss", *(metric.name for metric in head.metrics())}
    assert OBJECTIVES[task][0] == head.monitor
