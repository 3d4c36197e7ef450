"""LitePusher: pushes the TF Lite files of a pushed model into a folder of their own, all or none."""

import json
import shutil
import tempfile
from pathlib import Path

from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from components.annotations import InputArtifact, OptionalInputArtifact, OutputArtifact, Parameter
from components.lite.export import DESCRIPTION, description, model_file
from components.push.pusher import destination, push
from components.pushed_model import VERSION_PROPERTY


@component
def LitePusher(  # noqa: N802 (TFX names components as classes)
    pushed_model: InputArtifact[standard_artifacts.PushedModel],
    pushed_lite: OutputArtifact[standard_artifacts.PushedModel],
    base_directory: Parameter[str],
    float32: OptionalInputArtifact[standard_artifacts.Model] = None,
    float16: OptionalInputArtifact[standard_artifacts.Model] = None,
    dynamic_range: OptionalInputArtifact[standard_artifacts.Model] = None,
    int8: OptionalInputArtifact[standard_artifacts.Model] = None,
) -> None:
    """Push the files that LiteExport made; the gates have accepted them.

    Args:
        float32: LiteExport's output for this variant, None if the config does not list it. Each variant has its own
            input: Kubeflow and Vertex have no input that several nodes feed.
        float16: see ``float32``.
        dynamic_range: see ``float32``.
        int8: see ``float32``.
        pushed_model: the Pusher's output: the SavedModel that the files belong to.
        pushed_lite: the push, with destination and version. It names no model, so it never becomes the baseline of an
            evaluation.
        base_directory: folder of this model's TF Lite files, a path or ``gs://bucket/folder``, with a child per
            version. In a bucket a version is complete once it holds ``lite.json``, which is uploaded last and names the
            other files.

    Raises:
        BucketFailed: the bucket cannot be used.
    """
    saved_model_version = pushed_model.get_string_custom_property(VERSION_PROPERTY)
    lite_models = [artifact for artifact in (float32, float16, dynamic_range, int8) if artifact is not None]
    with tempfile.TemporaryDirectory() as private:
        # A child: the copy keeps its mode, and only this user may read a temporary folder itself.
        source = Path(private) / "files"
        collect([artifact.uri for artifact in lite_models], saved_model_version=saved_model_version, folder=source)
        version, new = push(source=source, base_directory=base_directory, last=DESCRIPTION)
    pushed_lite.set_int_custom_property("pushed", 1)
    pushed_lite.set_int_custom_property("newly_pushed", int(new))
    pushed_lite.set_string_custom_property("pushed_destination", destination(base_directory, version))
    pushed_lite.set_string_custom_property(VERSION_PROPERTY, str(version))


def collect(uris: list[str], *, saved_model_version: str, folder: Path) -> None:
    """Copy each variant to ``model_VARIANT.tflite`` and write one description of them all.

    The description holds no measured time, which would make two pushes of the same files differ.

    Args:
        uris: folders of LiteExport's artifacts.
        saved_model_version: version under which the same model is served.
        folder: folder to create.
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
