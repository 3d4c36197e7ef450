"""Digits as PNG files: written by the script, read where they are, changed while training, asked with a file."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image  # part: lite

from serving.versions import version_folders  # part: lite
from tests.e2e.projects.project import Outcome
from tests.serving.support.running import RunningServer
from trainer.export import lite  # part: lite

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

SETTINGS = (
    "trainer.model={name: resnet, filters: [16, 32], dropout: 0.1}",
    "trainer.loop={epochs: 20, optimizer: {learning_rate: 0.004}, augmentation: {shift: 0.13}}",
    "lite={variants: [int8], thresholds: [{metric: accuracy, max_loss: 0.02}]}",  # part: lite
)
CLASSES = ("eight", "five", "four", "nine", "one", "seven", "six", "three", "two", "zero")


@pytest.fixture(scope="module")
def digits(project) -> Path:
    """The folder of the pictures."""
    folder = project.folder / "data" / "digits_png"
    script = [sys.executable, "data/digits/write_png.py", str(folder)]
    said = subprocess.run(script, cwd=project.folder, capture_output=True, text=True, check=True).stdout
    assert "wrote 1,797 pictures" in said
    return folder


@pytest.fixture(scope="module")
def trained(project, digits) -> Outcome:
    outcome = project.command("pipeline", "init", "--data", "data/digits_png", "--label", "digit")
    assert outcome.code == 0, outcome.err
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    outcome = project.run("--config", "configs/digits_png.yaml", *settings)
    assert outcome.code == 0, outcome.out + outcome.err
    return outcome


@pytest.fixture(scope="module")
def server(project, trained):
    del trained
    folder = project.folder / "runs" / "digits_png" / "serving" / "digits_png"
    flags = ("--model_name", "digits_png", "--model_base_path", folder, "--rest_api_port", "-1")
    with RunningServer(*flags, log=project.folder / "server.log") as running:
        yield running


def test_all_nodes_up_to_the_push_did_their_work(trained):
    nodes = {"ExampleGen", "Trainer", "Pusher"}
    nodes |= {"LiteGate_int8", "LitePusher"}  # part: lite
    assert {node for node, mark in trained.nodes().items() if mark == "✓"} >= nodes


def test_the_command_is_asked_with_a_folder(project, server, digits):
    words = ("classify", "--target", server.target, "--model", "digits_png", "--input", str(digits))
    outcome = project.command("serving.client", *words)
    assert outcome.code == 0, outcome.err
    lines = [json.loads(line) for line in outcome.out.splitlines()]
    assert len(lines) == 1797
    right = [max(CLASSES, key=line.__getitem__) == Path(line["file"]).parent.name for line in lines]
    assert np.mean(right) > 0.95


def test_others_are_answered_what_the_command_is(project, server, digits):
    [file, *_] = sorted((digits / "seven").iterdir())
    words = ("predict", "--target", server.target, "--model", "digits_png", "--input", str(file))
    expected = json.loads(project.command("serving.client", *words).out)["probabilities"]
    body = {
        "signature_name": "columnar",
        "inputs": {"picture": [{"b64": base64.b64encode(file.read_bytes()).decode()}]},
    }
    url = f"http://{server.rest}/v1/models/digits_png:predict"
    command = ["curl", "-s", url, "-d", json.dumps(body)]
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    outputs = answer["outputs"]
    [over_rest] = outputs["probabilities"] if isinstance(outputs, dict) else outputs
    assert over_rest == pytest.approx(expected, abs=1e-6)
    folder = project.folder / "runs" / "digits_png" / "serving_lite" / "digits_png"  # part: lite
    [pushed] = version_folders.find(folder).values()  # part: lite
    pixels = np.asarray(Image.open(file), np.float32)[np.newaxis, :, :, np.newaxis] / 255  # part: lite
    [small] = lite.predict((pushed / "model_int8.tflite").read_bytes(), {"image_0": pixels})  # part: lite
    assert int(np.argmax(small)) == int(np.argmax(expected))  # part: lite
    assert small == pytest.approx(expected, abs=0.25)  # part: lite


def test_a_broken_picture_is_refused_by_its_name_and_nothing_is_pushed(project, digits, trained):
    del trained
    path = digits / "seven" / "broken.png"
    path.write_bytes(next((digits / "seven").glob("1*.png")).read_bytes()[:40])
    try:
        outcome = project.run("--config", "configs/digits_png.yaml", "--to", "ExampleGen")
        assert outcome.code == 3
        [line] = [line for line in (outcome.out + outcome.err).splitlines() if "broken.png" in line]
        assert "seven/broken.png', which is cut off or damaged" in line
    finally:
        path.unlink()
