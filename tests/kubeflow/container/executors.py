"""Components for the tests of the entry point: they tell what they were given, or fail in one of the ways there are."""

import json
import time
from pathlib import Path

import tensorflow as tf
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from components.refusal import GateRefused
from trainer.distribution.preemption import Preempted, Preemption


@component
def Tell(  # noqa: N802 (TFX names components as classes)
    examples: InputArtifact[standard_artifacts.Examples],
    model: OutputArtifact[standard_artifacts.Model],
    text: Parameter[str],
    whole: Parameter[int],
    fraction: Parameter[float],
) -> None:
    """Write what came in to ``told.json``, and keep the paths as properties."""
    told = {
        "type": type(examples).__name__,
        "split_names": examples.split_names,
        "read": Path(examples.uri, "part").read_text(),
        "parameters": [text, whole, fraction],
        "keras": tf.keras.__version__,
    }
    Path(model.uri, "told.json").write_text(json.dumps(told))
    Path(model.uri, "empty").mkdir()
    model.set_string_custom_property("source", f"{examples.uri}/part")
    model.set_string_custom_property("elsewhere", "/srv/models/taxi/1")


@component
def Fail(  # noqa: N802 (TFX names components as classes)
    model: OutputArtifact[standard_artifacts.Model],
    how: Parameter[str],
) -> None:
    """Begin an output, then end badly."""
    Path(model.uri, "half").write_text("made")
    if how == "where":
        raise OSError(model.uri)
    if how == "refuse":
        raise GateRefused("auc of all examples is 0.5, below the minimum 0.9")
    if how == "wait":
        print("waiting", flush=True)
        time.sleep(60)
    if how == "train":
        with Preemption() as preemption:
            print("waiting", flush=True)
            while not preemption.requested:
                time.sleep(0.01)
            raise Preempted(step=7)
    raise OSError("the disk\nis full")


@component
def HandOver(  # noqa: N802 (TFX names components as classes)
    model: OutputArtifact[standard_artifacts.Model],
    how: Parameter[str],
) -> None:
    """Let others make the output, and end before they are done."""
    Path(model.uri, "job.json").write_text(how)
    raise OSError("the machine is gone")


HandOver.EXECUTOR_SPEC.executor_class.OUTPUTS_MADE_ELSEWHERE = True
