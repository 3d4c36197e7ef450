"""What the export writes beside its file, and how the files of all variants are pushed."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import numpy as np
import pytest
from tfx.types import standard_artifacts

from components.lite.export import LiteExport, description, model_file
from components.lite.pusher import LitePusher
from tests.shared.stand_ins import artifact
from trainer.export import lite
from trainer.parameters import KERAS_MODEL

pytestmark = pytest.mark.tensorflow


def test_the_export_describes_its_file(world):
    made = world.export("int8")
    about = description(made.uri)
    content = model_file(made.uri).read_bytes()
    assert (about["variant"], about["bytes"], about["output"]) == ("int8", len(content), world.head.output)
    assert about["inputs"] == {
        name: {"dtype": array.dtype.name, "shape": [None, *array.shape[1:]]}
        for name, array in sorted(world.inputs.items())
    }
    assert about["microseconds_per_row"] > 0
    differences = np.abs(lite.predict(content, world.inputs) - world.answers())
    assert np.mean(differences) < 0.05 * world.answers().std()


def test_without_the_keras_file_the_export_says_where_it_should_be(world, tmp_path):
    with pytest.raises(ValueError, match=KERAS_MODEL):
        LiteExport.test_call(
            model=artifact(standard_artifacts.Model, tmp_path),
            transform_graph=artifact(standard_artifacts.TransformGraph, world.folder / "transform"),
            transformed_examples=world.examples(),
            lite_model=artifact(standard_artifacts.Model, tmp_path / "lite"),
            label=world.case.label.model_dump_json(),
            variant="float32",
            num_representative=1,
            code="",
        )


def test_all_variants_are_pushed_together_readable_by_all_and_once(world, tmp_path):
    pushed_model = artifact(standard_artifacts.PushedModel, tmp_path / "pushed")
    pushed_model.set_string_custom_property("pushed_version", "17")

    def push() -> standard_artifacts.PushedModel:
        pushed = artifact(standard_artifacts.PushedModel, tmp_path / "pushed_lite")
        LitePusher.test_call(
            float32=world.export("float32"),
            int8=world.export("int8"),
            pushed_model=pushed_model,
            pushed_lite=pushed,
            base_directory=str(tmp_path / "serving_lite"),
        )
        return pushed

    first, second = push(), push()
    folder = Path(first.get_string_custom_property("pushed_destination"))
    assert second.get_string_custom_property("pushed_destination") == str(folder)
    assert [push.get_int_custom_property("newly_pushed") for push in (first, second)] == [1, 0]
    assert sorted(path.name for path in folder.iterdir()) == ["lite.json", "model_float32.tflite", "model_int8.tflite"]
    assert stat.S_IMODE(folder.stat().st_mode) & stat.S_IROTH
    about = json.loads((folder / "lite.json").read_text())
    assert about["saved_model_version"] == "17"
    for name, file in about["files"].items():
        content = (folder / name).read_bytes()
        assert content == model_file(world.export(file["variant"]).uri).read_bytes()
        assert file["bytes"] == len(content)
