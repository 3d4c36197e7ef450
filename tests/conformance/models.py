"""Write the models that the conformance tests need: ``python -m tests.conformance.models FOLDER``.

Prints the command line that starts tensorflow_model_server with them. The formulas are those of TF Serving's own
test models (servables/tensorflow/testdata): y = 0.5 x + 2, y2 = 0.5 x + 3 and, from another input, y3 = 0.5 x2 + 3.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from tests.conformance.several import Several, Slow

v1 = tf.compat.v1
HALF_PLUS_TWO, HALF_PLUS_TWO_TF2, HALF_PLUS_THREE = "half_plus_two", "half_plus_two_tf2", "half_plus_three"
VERSIONED, NEWEST_TWO, ONLY_FIRST = "versioned", "newest_two", "only_first"
SEVERAL, SLOW = "several", "slow"
# Not in the config: the tests of reloading name them.
BAD, SPARE = "bad", "spare"
# In ``versions/``: version number to the constant that is added.
VERSIONS = {1: 2.0, 2: 3.0, 3: 4.0}
STABLE, CANARY = 1, 2
# TF Serving's flags that the tests need besides the ports and the files.
FLAGS = (
    "--allow_version_labels_for_unavailable_models=true",
    "--file_system_poll_wait_seconds=1",
    "--max_num_load_retries=0",
)


def write(folder: Path, *, seen_as: str | None = None) -> None:
    """Fill ``folder`` with the models, ``models.config`` and ``monitoring.config``.

    Args:
        folder: is made.
        seen_as: the folder's path on the server's machine, for the config; None: the same.
    """
    folder.mkdir(parents=True, exist_ok=True)
    export_tf1(folder / HALF_PLUS_TWO / "00000123", constant=2.0)
    export_tf1(folder / HALF_PLUS_THREE / "123", constant=3.0)
    export_tf1(folder / SPARE / "1", constant=5.0)
    export_tf2(folder / HALF_PLUS_TWO_TF2 / "123")
    for version, constant in VERSIONS.items():
        export_tf1(folder / "versions" / str(version), constant=constant)
    # Only children whose names are numbers are versions.
    for name in ("temporary", ".4", "4-copy"):
        (folder / "versions" / name).mkdir()
    several = Several()
    tf.saved_model.save(several, str(folder / SEVERAL / "1"), signatures=several.signatures())
    slow = Slow()
    tf.saved_model.save(slow, str(folder / SLOW / "1"), signatures={"serving_default": slow.loop})
    (folder / BAD / "1").mkdir(parents=True)
    (folder / BAD / "1" / "saved_model.pb").write_bytes(b"this is no SavedModel")
    (folder / "models.config").write_text(config(seen_as or str(folder.resolve())))
    (folder / "monitoring.config").write_text(
        'prometheus_config { enable: true, path: "/monitoring/prometheus/metrics" }\n'
    )


def config(folder: str) -> str:
    """The text of a ModelServerConfig.

    Args:
        folder: the models' folder as the server sees it.
    """
    entries = [
        _entry(name, f"{folder}/{name}") for name in (HALF_PLUS_TWO, HALF_PLUS_TWO_TF2, HALF_PLUS_THREE, SEVERAL, SLOW)
    ]
    labels = "".join(
        f'    version_labels {{ key: "{label}" value: {version} }}\n'
        for label, version in (("stable", STABLE), ("canary", CANARY))
    )
    entries += [
        _entry(VERSIONED, f"{folder}/versions", "all {}", labels),
        _entry(NEWEST_TWO, f"{folder}/versions", "latest { num_versions: 2 }"),
        _entry(ONLY_FIRST, f"{folder}/versions", "specific { versions: 1 versions: 77 }"),
    ]
    return f"model_config_list {{\n{''.join(entries)}}}\n"


def _entry(name: str, base_path: str, policy: str = "", more: str = "") -> str:
    policy = f"    model_version_policy {{ {policy} }}\n" if policy else ""
    return (
        f'  config {{\n    name: "{name}"\n    base_path: "{base_path}"\n'
        f'    model_platform: "tensorflow"\n{policy}{more}  }}\n'
    )


def export_tf1(path: Path, *, constant: float) -> None:
    """A graph with variables, written by the TF1 builder, whose signatures name their methods.

    Args:
        path: the version's folder, is made.
        constant: y is half of x plus this; y2 and y3 add one more.
    """
    with v1.Session(graph=tf.Graph()) as session:
        half = v1.get_variable("half", initializer=0.5, use_resource=False)
        plus = v1.get_variable("plus", initializer=constant, use_resource=False)
        serialized = v1.placeholder(tf.string, [None], name="tf_example")
        features = v1.parse_example(
            serialized,
            {
                "x": v1.FixedLenFeature([1], tf.float32),
                "x2": v1.FixedLenFeature([1], tf.float32, default_value=[0.0]),
            },
        )
        x, x2 = tf.identity(features["x"], name="x"), tf.identity(features["x2"], name="x2")
        y = tf.add(half * x, plus, name="y")
        y2 = tf.add(half * x, plus + 1.0, name="y2")
        y3 = tf.add(half * x2, plus + 1.0, name="y3")
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(path))
        builder.add_meta_graph_and_variables(
            session,
            [tf.saved_model.SERVING],
            signature_def_map={
                "serving_default": _signature({"x": x}, {"y": y}, "predict"),
                "regress_x_to_y": _signature({"inputs": serialized}, {"outputs": y}, "regress"),
                "regress_x_to_y2": _signature({"inputs": serialized}, {"outputs": y2}, "regress"),
                "regress_x2_to_y3": _signature({"inputs": x2}, {"outputs": y3}, "regress"),
                "classify_x_to_y": _signature({"inputs": serialized}, {"scores": y}, "classify"),
            },
        )
        builder.save()


def _signature(inputs: dict, outputs: dict, method: str) -> meta_graph_pb2.SignatureDef:
    def info(tensors: dict) -> dict:
        return {name: v1.saved_model.build_tensor_info(tensor) for name, tensor in tensors.items()}

    return v1.saved_model.build_signature_def(info(inputs), info(outputs), f"tensorflow/serving/{method}")


def export_tf2(path: Path) -> None:
    """The same formulas as a tf.Module; TF2 writes the predict method for every signature."""
    module = tf.Module()
    module.half, module.plus = tf.Variable(0.5), tf.Variable(2.0)
    examples = tf.TensorSpec([None], tf.string, name="inputs")

    def parsed(inputs: tf.Tensor) -> tf.Tensor:
        return tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]

    module.predict = tf.function(
        lambda x: {"y": module.half * x + module.plus}, input_signature=[tf.TensorSpec(None, tf.float32, name="x")]
    )
    module.regress = tf.function(
        lambda inputs: {"outputs": module.half * parsed(inputs) + module.plus}, input_signature=[examples]
    )
    module.regress2 = tf.function(
        lambda inputs: {"outputs": module.half * parsed(inputs) + module.plus + 1.0}, input_signature=[examples]
    )
    module.classify = tf.function(
        lambda inputs: {"scores": module.half * parsed(inputs) + module.plus}, input_signature=[examples]
    )
    tf.saved_model.save(
        module,
        str(path),
        signatures={
            "serving_default": module.predict,
            "regress_x_to_y": module.regress,
            "regress_x_to_y2": module.regress2,
            "classify_x_to_y": module.classify,
        },
    )


def command(folder: str) -> str:
    """The command line of a real TF Serving for these models."""
    files = (f"--model_config_file={folder}/models.config", f"--monitoring_config_file={folder}/monitoring.config")
    return " ".join(("tensorflow_model_server --port=8500 --rest_api_port=8501", *files, *FLAGS))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the models and print how to serve them; 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.models", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="is made")
    parser.add_argument("--seen_as", help="the folder's path where the server runs, such as a container's mount")
    options = parser.parse_args(arguments)
    if options.folder.exists() and any(options.folder.iterdir()):
        parser.error(f"{options.folder}: is not empty; name a new folder")
    seen_as = options.seen_as or str(options.folder.resolve())
    write(options.folder, seen_as=seen_as)
    print(command(seen_as))
    print(f"python -m pytest tests/conformance --target HOST:8500 --rest_target HOST:8501 --models {seen_as}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
