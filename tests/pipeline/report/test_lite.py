from pathlib import Path

from ml_metadata.proto import metadata_store_pb2

from components.gates import metrics_file
from pipeline.config.loading import load
from pipeline.report import lite


def test_every_file_has_its_size_and_its_first_metric_and_the_push_its_place(tmp_path):
    outputs = {}
    for variant, size, auc in (("float32", 45_988, 0.9464), ("int8", 20_992, 0.94646)):
        file = tmp_path / variant / "Format-Serving" / "tflite"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x" * size)
        evaluation = tmp_path / f"{variant}-evaluation"
        evaluation.mkdir()
        text = metrics_file.as_text(candidate={"": {"auc": auc}}, baseline={})
        (evaluation / metrics_file.FILE).write_text(text)
        outputs[f"LiteExport_{variant}", "lite_model"] = metadata_store_pb2.Artifact(uri=str(tmp_path / variant))
        outputs[f"LiteEval_{variant}", "evaluation"] = metadata_store_pb2.Artifact(uri=str(evaluation))
    push = metadata_store_pb2.Artifact()
    push.custom_properties["pushed_destination"].string_value = "/srv/lite/7"
    outputs["LitePusher", "pushed_lite"] = push
    config = load(config=Path("configs/taxi.yaml"), profile="local")
    assert lite.note(config, outputs) == (
        "TF Lite",
        "float32 46 kB, auc 0.9464; int8 21 kB, auc 0.9465  in /srv/lite/7",
    )


def test_without_files_there_is_no_line():
    assert lite.note(load(config=Path("configs/taxi.yaml"), profile="local"), {}) is None
