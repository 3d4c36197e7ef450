"""The worked examples of docs/extend.md, put into a copy of the project as the page says, and used there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.pages import DOCS, ROOT, blocks

PAGE = DOCS / "extend.md"
PACKAGES = ("pipeline", "components", "trainer", "serving", "kubeflow", "configs", "data", "schema")
# The line that each file gets, and the line before it.
REGISTRATIONS = {
    "pipeline/nodes/gates/own_gates.py": ("BEFORE_TRAINING: tuple[str, ...] = (", '"size_gate",'),
    "pipeline/report/page.py": ("_SECTIONS = (", '"thresholds",'),
    "pipeline/config/beam/engines.py": ("_MODULES = (", '"samza",'),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("extended")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    text = PAGE.read_text()
    written = [(folder / name, block) for name, block in zip(named_files(text), examples(), strict=True)]
    for file, code in written:
        assert not file.exists()
        file.write_text(code)
    for name, (before, line) in REGISTRATIONS.items():
        content = (folder / name).read_text()
        assert content.count(before) == 1, name
        (folder / name).write_text(content.replace(before, before + line))
    return folder


def named_files(text: str) -> list[str]:
    """The new files of the page, in order."""
    return re.findall(r"^`([\w/]+\.py)`:$", text, re.M)


def examples() -> list[str]:
    """Their contents: the blocks that begin with a docstring."""
    return [block.text for block in blocks(PAGE) if block.text.startswith('"""')]


def python(project: Path, code: str) -> str:
    """What a program prints in the copy."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project,
        # The copy has no tests.
        env={**os.environ, "PYTHONPATH": f"{project}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_shows_each_registration():
    text = PAGE.read_text()
    for name, (_, line) in REGISTRATIONS.items():
        assert f"`{name}`" in text
        assert line.strip().rstrip(",") in text


def test_the_examples_have_the_style_of_the_project(project):
    files = [str(project / name) for name in named_files(PAGE.read_text())]
    for command in (["check"], ["format", "--check"]):
        subprocess.run(
            [Path(sys.executable).with_name("ruff"), *command, "--config", ROOT / "pyproject.toml", *files], check=True
        )


def test_a_network_is_found_and_its_options_are_checked(project):
    code = """
from pipeline.config.loading import ConfigError
from pipeline.config.model import check_model
from trainer.parameters import Model
check_model(Model(name="linear", l2=0.001))
try:
    check_model(Model(name="linear", l2=-1))
except ConfigError as error:
    print(error)
"""
    assert "trainer.model.l2" in python(project, code)


@pytest.mark.tensorflow
@pytest.mark.slow
def test_a_loss_and_a_metric_are_trained_with_and_evaluated(project):
    code = """
import numpy as np, pathlib, sys, tempfile, keras, tensorflow as tf
from pipeline.checks.objectives import check_objectives
from pipeline.config.loading import ConfigError, load
from tests.trainer.training import fit, make_arrays
from trainer import models
from trainer.data.columns import Columns
from trainer.objectives import shortfall
from trainer.objectives.chosen import Chosen
words = ["label={column: tips, task: regression, above: null}", "gates.evaluation.thresholds=[{metric: cost, max: 2}]"]
words += ["trainer.metrics={cost: {name: trainer.objectives.shortfall.cost, times: 4}}"]
loss = "trainer.loss={name: trainer.objectives.shortfall.loss, times: %s}"
def config(times):
    return load(config=pathlib.Path("configs/taxi.yaml"), profile="local", overrides=[*words, loss % times])
try:
    check_objectives(config(-4))
except ConfigError as error:
    print(error)
made = make_arrays(200)
noise = np.random.default_rng(0).normal(size=(200, 1))
made["label"] = (made["numbers"] + noise).astype(np.float32)
def share_below(times):
    check_objectives(config(times))
    given = config(times).parameters()
    folder = pathlib.Path(tempfile.mkdtemp())
    trained, reports = fit(Columns.from_arrays(made), folder, label=given.label, chosen=Chosen.of(given), epochs=20)
    print("cost" in trained.evaluation)
    features = {name: tf.constant(made[name]) for name in ("numbers", "ids")}
    return float(np.mean(made["label"] <= models.apply(trained.model, features, training=False)))
print(share_below(1) + 0.1 < share_below(8))
print(shortfall.cost([[2.0], [0.0]], np.array([[1.0], [1.0]], np.float32)).numpy().tolist())
try:
    shortfall.loss(keras.Input((1,)), keras.Input((1,)))
except TypeError as error:
    print(error)
print(keras.ops.is_tensor(tf.constant(1)), keras.ops.is_tensor(np.ones(1)), keras.ops.is_tensor(keras.Input((1,))))
tensors = (tf.constant(1), np.ones(1), keras.Input((1,)), keras.layers.Dense(1)(keras.Input((1,))))
print(*map(keras.utils.is_keras_tensor, tensors))
"""
    assert python(project, code).splitlines() == [
        "trainer.loss.times: Input should be greater than 0, got -4.",
        "True",
        "True",
        "True",
        "[3.0, 1.0]",
        "there is no value yet: this is a placeholder of a network that is being built",
        "True False False",
        "False False True True",
    ]


@pytest.mark.slow
def test_a_section_is_part_of_the_report(project):
    code = """
from types import SimpleNamespace
from pathlib import Path
from pipeline.config import loading
from pipeline.report import page
from pipeline.report.sections import thresholds
config = loading.load(config=Path("configs/taxi.yaml"), profile="local", overrides=[])
print("thresholds" in page._SECTIONS, thresholds.title(None), thresholds.body(SimpleNamespace(config=config)))
"""
    assert re.match(r"True Limits <ul><li>metric=", python(project, code))


def test_a_lint_rule_needs_no_registration(project):
    code = """
from types import SimpleNamespace
from pathlib import Path
from kubeflow import lint
from pipeline.config import loading
rules = {rule.__name__: rule for rule in lint.rules_of("vertex")}
config = loading.load(config=Path("configs/taxi.yaml"), profile="vertex", overrides=["platform.labels={}"])
print(*rules["team_label"](None, config))
config = loading.load(config=Path("configs/taxi.yaml"), profile="vertex", overrides=["platform.labels={team: a}"])
print(*rules["team_label"](None, config))
"""
    assert python(project, code) == "platform.labels: there is no label team; add the name of your team.\n\n"


def test_an_engine_is_chosen_by_its_runner(project):
    code = """
from pathlib import Path
from pipeline.config import loading
beam = ["beam={runner: SamzaRunner, job_endpoint: 'localhost:8099'}"]
config = loading.load(config=Path("configs/taxi.yaml"), profile="local", overrides=beam)
print(type(config.beam).__name__, *config.beam.arguments())
"""
    assert python(project, code).startswith("Samza --runner=PortableRunner --job_endpoint=localhost:8099")


@pytest.mark.tensorflow
@pytest.mark.slow
def test_a_gate_a_network_and_a_kind_of_feature_in_a_run(project):
    words = [
        "features={fare: {kind: clipped, low: 0, high: 50}}",
        "trainer.model={name: linear, embedding_dim: null, hidden_units: null, dropout: null}",
    ]
    words += ["trainer.loop.epochs=1", "gates.evaluation.thresholds=[{metric: accuracy, min: 0.1}]"]
    command = [sys.executable, "-m", "pipeline", "run", *(part for word in words for part in ("--set", word))]
    environment = {**os.environ, "PYTHONPATH": str(project)}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    order = re.findall(r"^✓ (\w+)", done.stdout, re.M)
    assert order.index("StatisticsGen") < order.index("SizeGate") < order.index("Transform")

    gate = project / "components/gates/size_gate.py"
    gate.write_text(gate.read_text().replace("at_least=1000", "at_least=100_000"))
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        3,
        "SizeGate refused: the training split has 9,911 examples, fewer than 100,000\n",
    )
