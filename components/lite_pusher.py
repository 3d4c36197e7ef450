"""LitePusher: puts the TF Lite files of a pushed model side by side into a folder of their own, whole or not at all."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import List  # noqa: UP035 (TFX knows an input of several artifacts by this type only)

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from components.lite_export import DESCRIPTION, description, model_file
from components.pusher import push


@component
def LitePusher(  # noqa: N802 (TFX names components as classes)
    lite_models: InputArtifact[List[standard_artifacts.Model]],  # noqa: UP006
    pushed_model: InputArtifact[standard_artifacts.PushedModel],
    pushed_lite: OutputArtifact[standard_artifacts.PushedModel],
    base_directory: Parameter[str],
) -> None:
    """Push the files that LiteExport made; the gates before have accepted them.

    Args:
        lite_models: from LiteExport, one for each variant.
        pushed_model: from the Pusher: the SavedModel they belong to.
        pushed_lite: marked with destination and version. It names no model, so that it never becomes the baseline of an
            evaluation.
        base_directory: the folder of this model's TF Lite files; versions are its children.
    """
    saved_model_version = pushed_model.get_string_custom_property("pushed_version")
    with tempfile.TemporaryDirectory() as private:
        # A child of it: the copy keeps its mode, and nobody else may read a temporary folder.
        source = Path(private) / "files"
        collect([artifact.uri for artifact in lite_models], saved_model_version=saved_model_version, folder=source)
        version, new = push(source=source, base_directory=Path(base_directory))
    pushed_lite.set_int_custom_property("pushed", 1)
    pushed_lite.set_int_custom_property("newly_pushed", int(new))
    pushed_lite.set_string_custom_property("pushed_destination", str(Path(base_directory) / str(version)))
    pushed_lite.set_string_custom_property("pushed_version", str(version))


def collect(uris: list[str], *, saved_model_version: str, folder: Path) -> None:
    """Copy each variant to ``model_VARIANT.tflite``, and write one description of them all.

    The description holds no measured time: it would make two pushes of the same files differ.

    Args:
        uris: of LiteExport's artifacts.
        saved_model_version: the version under which the same model is served.
        folder: is created.
    """
    folder.mkdir()
    files = {}
    for uri in uris:
        about = description(uri)
        name = f"model_{about['variant']}.tflite"
        shutil.copyfile(model_file(uri), folder / name)
        files[name] = {key: about[key] for key in ("variant", "bytes", "inputs", "output")}
    whole = {"saved_model_version": saved_model_version, "files": dict(sorted(files.items()))}
    (folder / DESCRIPTION).write_text(json.dumps(whole, indent=2) + "\n")
