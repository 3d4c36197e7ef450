"""TF Lite files in a bucket, pushed by the component with what it gets on a platform."""

import json
import time

import pytest
from tfx.types import standard_artifacts

from components.lite.export import DESCRIPTION, model_file
from components.lite.pusher import LitePusher
from tests.components.platform_artifacts import on_a_platform
from tests.shared.services.buckets import BUCKET, emulator
from tests.shared.stand_ins import artifact

pytestmark = pytest.mark.tensorflow

BASE = f"gs://{BUCKET}/serving/taxi"


@pytest.fixture
def store(monkeypatch):
    with emulator(monkeypatch) as store:
        yield store


def test_tf_lite_files_go_to_a_bucket_their_description_last(store, tmp_path):
    written, exports = [], {}
    for variant in ("float32", "int8"):
        export = artifact(standard_artifacts.Model, tmp_path / variant)
        model_file(export.uri).parent.mkdir(parents=True)
        model_file(export.uri).write_bytes(variant.encode())
        about = {"variant": variant, "bytes": 4, "inputs": {}, "output": "p"}
        (tmp_path / variant / DESCRIPTION).write_text(json.dumps(about))
        exports[variant] = export
    pushed_model, lite = standard_artifacts.PushedModel(), standard_artifacts.PushedModel()
    pushed_model.set_string_custom_property("pushed_version", "12")
    store.watch = written.append
    begin = int(time.time())
    LitePusher.test_call(
        **{variant: on_a_platform(export) for variant, export in exports.items()},
        pushed_model=on_a_platform(pushed_model),
        pushed_lite=lite,
        base_directory=f"{BASE}_lite",
    )
    version = lite.get_string_custom_property("pushed_version")
    assert int(version) >= begin
    assert lite.get_string_custom_property("pushed_destination") == f"{BASE}_lite/{version}"
    files = [f"serving/taxi_lite/{version}/{name}" for name in ("model_float32.tflite", "model_int8.tflite")]
    assert written[1:] == [*files, f"serving/taxi_lite/{version}/{DESCRIPTION}"]
    assert json.loads(store.contents()[written[-1]])["saved_model_version"] == "12"
