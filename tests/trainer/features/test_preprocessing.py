"""preprocessing_fn through the real Transform: analysed with Beam, written, and parsed as the trainer parses it."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image as Pillow

from tests.shared import exports
from trainer.features.columns import Features
from trainer.features.transformed import TransformedFeatures, model_inputs
from trainer.parameters import Parameters

pytestmark = pytest.mark.tensorflow

SCALAR = [1]
OPTIONAL = {
    "size": tf.io.VarLenFeature(tf.float32),
    "count": tf.io.VarLenFeature(tf.int64),
    "kind": tf.io.VarLenFeature(tf.string),
    "hour": tf.io.VarLenFeature(tf.int64),
}
FEATURES = {
    "numeric": ["size"],
    "bucketized": {"count": 3},
    "vocabulary": {"kind": {"top_k": 2}},
    "identity": {"hour": 24},
}
LABEL_SPEC = {"y": tf.io.FixedLenFeature(SCALAR, tf.float32)}


def columns(rows, spec, tmp_path, **parameters):
    """Transformed columns as arrays."""
    output = exports.transform(rows, spec, Parameters(**parameters), tmp_path)
    return {name: tensor.numpy() for name, tensor in exports.transformed_columns(output, tmp_path).items()}


def label(rows, kind, tmp_path, **label):
    spec = {"y": tf.io.VarLenFeature(kind), "x": tf.io.FixedLenFeature(SCALAR, tf.float32)}
    rows = [{"x": 1.0, **({} if y is None else {"y": y})} for y in rows]
    found = columns(rows, spec, tmp_path, label={"column": "y", **label}, features={"numeric": ["x"]})["label"]
    assert found.shape == (len(rows), 1)
    return found.dtype, found[:, 0].tolist()


def test_every_kind_of_feature_and_its_missing_value(tmp_path):
    rows = [
        {"y": 1.0, "size": 1.0, "count": 1, "kind": "a", "hour": 0},
        {"y": 0.0, "size": 3.0, "count": 5, "kind": "a", "hour": 23},
        {"y": 0.0, "size": 5.0, "count": 9, "kind": "b", "hour": 99},
        {"y": 0.0},
        {"y": 0.0, "size": 3.0, "count": 5, "kind": "c", "hour": -4},
    ]
    output = exports.transform(
        rows, OPTIONAL | LABEL_SPEC, Parameters(label={"column": "y"}, features=FEATURES), tmp_path
    )
    found = exports.transformed_columns(output, tmp_path)
    assert {name: (tensor.dtype.name, tensor.shape[1:].as_list()) for name, tensor in found.items()} == {
        "label": ("float32", [1]),
        "size_scaled": ("float32", [1]),
        "count_bucket": ("int64", [1]),
        "kind_token": ("int64", [1]),
        "hour_identity": ("int64", [1]),
    }
    deviation = np.std([1, 3, 5, 3])
    np.testing.assert_allclose(found["size_scaled"][:, 0], [-2 / deviation, 0, 2 / deviation, 0, 0], atol=1e-6)
    buckets = found["count_bucket"][:, 0].numpy().tolist()
    assert (buckets[0], buckets[2], buckets[3]) == (1, 3, 0)
    assert buckets[1] == buckets[4] != 0
    # The most frequent first; what is cut off or unseen shares the last id.
    assert found["kind_token"][0, 0] == found["kind_token"][1, 0] == 1
    assert sorted(found["kind_token"][:, 0].numpy().tolist()) == [0, 1, 1, 2, 3]
    assert found["hour_identity"][:, 0].numpy().tolist() == [1, 24, 24, 0, 1]
    sizes = TransformedFeatures.read(Features.model_validate(FEATURES), output)
    assert dict(sizes.categorical) == {"count_bucket": 4, "hour_identity": 25, "kind_token": 4}
    assert (sizes.numeric, dict(sizes.images)) == (("size_scaled",), {})


def test_binary_labels(tmp_path):
    assert label([0, 1, None], tf.int64, tmp_path) == (np.float32, [0, 1, 0])


def test_a_comparison_makes_a_binary_label(tmp_path):
    spec = {name: tf.io.VarLenFeature(tf.float32) for name in ("tips", "fare")}
    rows = [{"tips": 3.0, "fare": 10.0}, {"tips": 2.0, "fare": 10.0}, {"tips": 1.0}, {"fare": 1.0}, {}]
    made = {"column": "tips", "above": {"column": "fare", "times": 0.2}}
    found = columns(rows, spec, tmp_path, label=made, features={"numeric": ["fare"]})["label"]
    assert found[:, 0].tolist() == [1, 0, 1, 0, 0]


@pytest.mark.parametrize("kind", [tf.int64, tf.float32])
def test_numbered_classes(kind, tmp_path):
    rows = [value if value is None else kind.as_numpy_dtype(value).item() for value in (2, 0, 1, None)]
    assert label(rows, kind, tmp_path, task="multiclass", classes=3) == (np.int64, [2, 0, 1, 0])


def test_named_classes(tmp_path):
    found = label(
        ["dog", "cat", "bird", None, "fox"], tf.string, tmp_path, task="multiclass", classes=["cat", "dog", "bird"]
    )
    assert found == (np.int64, [1, 0, 2, 0, 0])


def test_numbers_to_predict(tmp_path):
    assert label([2.5, -1.0, None], tf.float32, tmp_path, task="regression") == (np.float32, [2.5, -1.0, 0.0])


def test_the_preprocessed_label_is_the_one_that_parameters_tell(tmp_path):
    parameters = Parameters(
        label={"column": "y", "task": "multiclass", "classes": ["a", "b"]}, features={"numeric": ["x"]}
    )
    rows = [{"x": 1.0, "y": "b"}, {"x": 1.0, "y": "z"}, {"x": 1.0}]
    spec = {"y": tf.io.VarLenFeature(tf.string), "x": tf.io.FixedLenFeature(SCALAR, tf.float32)}
    found = columns(rows, spec, tmp_path, label=parameters.label, features=parameters.features)["label"][:, 0]
    assert found.tolist() == [parameters.label.of(row) for row in rows]


@pytest.mark.parametrize("configured", [True, False])
@pytest.mark.parametrize("kind", [tf.int64, tf.float32])
def test_example_weights_count_one_where_missing_and_are_no_feature(kind, configured, tmp_path):
    weights = [kind.as_numpy_dtype(value).item() for value in (3, 0)]
    rows = [{"y": 1.0, "x": 1.0, "w": weights[0]}, {"y": 0.0, "x": 2.0, "w": weights[1]}, {"y": 0.0, "x": 3.0}]
    spec = {**LABEL_SPEC, "x": tf.io.FixedLenFeature(SCALAR, tf.float32), "w": tf.io.VarLenFeature(kind)}
    found = columns(
        rows,
        spec,
        tmp_path,
        label={"column": "y"},
        features={"numeric": ["x"]} if configured else None,
        example_weight="w",
    )
    assert set(found) == {"label", "example_weight", "x_scaled"}
    assert found["example_weight"].dtype == np.float32
    assert found["example_weight"].tolist() == [[3.0], [0.0], [1.0]]
    assert set(model_inputs(found)) == {"x_scaled"}


def picture(seed: int, height: int, width: int, channels: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def encode(pixels: np.ndarray, kind: str) -> bytes:
    stream = io.BytesIO()
    Pillow.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(stream, format=kind)
    return stream.getvalue()


def images(raw, feature, tmp_path, **options):
    rows = [{"y": 1.0, **({} if value is None else {"p": value})} for value in raw]
    return columns(
        rows, {**LABEL_SPEC, "p": feature}, tmp_path, label={"column": "y"}, features={"image": {"p": options}}
    )["p_image"]


@pytest.mark.parametrize("optional", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_lists_of_numbers_become_pictures(channels, optional, tmp_path):
    pixels = [picture(seed, 2, 3, channels) for seed in range(2)]
    raw = [pixels[0].flatten().tolist(), pixels[1].flatten().tolist()]
    expected = np.stack(pixels) / 255
    feature = tf.io.FixedLenFeature([6 * channels], tf.int64)
    if optional:
        feature = tf.io.VarLenFeature(tf.int64)
        raw.append(None)
        expected = np.concatenate([expected, np.zeros_like(expected[:1])])
    found = images(raw, feature, tmp_path, height=2, width=3, channels=channels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_pixels_are_divided_by_the_scale(tmp_path):
    found = images(
        [[0.0, 8.0, 16.0, 4.0]], tf.io.FixedLenFeature([2, 2], tf.float32), tmp_path, height=2, width=2, scale=16.0
    )
    assert found[0, ..., 0].tolist() == [[0.0, 0.5], [1.0, 0.25]]


def test_a_list_of_another_length_is_refused(tmp_path):
    with pytest.raises(ValueError, match="features.image.p: a row holds 4 numbers, and a picture of 2 x 3 x 1 needs 6"):
        images([[1, 2, 3, 4]], tf.io.FixedLenFeature([4], tf.int64), tmp_path, height=2, width=3)


@pytest.mark.parametrize("optional", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_encoded_pictures_are_decoded(channels, optional, tmp_path):
    pixels = [picture(seed, 4, 6, channels) for seed in range(2)]
    raw, expected = [encode(one, "PNG") for one in pixels], np.stack(pixels) / 255
    feature = tf.io.FixedLenFeature(SCALAR, tf.string)
    if optional:
        feature = tf.io.VarLenFeature(tf.string)
        raw.append(None)
        expected = np.concatenate([expected, np.zeros_like(expected[:1])])
    found = images(raw, feature, tmp_path, height=4, width=6, channels=channels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_any_format_and_number_of_channels_is_converted(tmp_path):
    stored = {
        f"{kind}{channels}": encode(np.full((4, 4, channels), 200, np.uint8), kind)
        for kind in ("PNG", "JPEG", "GIF", "BMP")
        for channels in (1, 3)
        # A grey BMP has a palette, which TensorFlow does not read.
        if (kind, channels) != ("BMP", 1)
    }
    row = {f"{name}to{wanted}": encoded for name, encoded in stored.items() for wanted in (1, 3)}
    found = columns(
        [{"y": 1.0, **row}],
        {**LABEL_SPEC, **{name: tf.io.FixedLenFeature(SCALAR, tf.string) for name in row}},
        tmp_path,
        label={"column": "y"},
        features={"image": {name: {"height": 4, "width": 4, "channels": int(name[-1])} for name in row}},
    )
    for name in row:
        np.testing.assert_allclose(
            found[f"{name}_image"], np.full((1, 4, 4, int(name[-1])), 200 / 255), atol=0.01, err_msg=name
        )


def test_transparency_is_dropped(tmp_path):
    found = images(
        [encode(np.full((2, 2, 4), 100, np.uint8), "PNG")],
        tf.io.FixedLenFeature(SCALAR, tf.string),
        tmp_path,
        height=2,
        width=2,
        channels=3,
    )
    np.testing.assert_allclose(found, np.full((1, 2, 2, 3), 100 / 255), atol=1e-5)


def test_pictures_of_other_sizes_are_resized(tmp_path):
    halves = np.concatenate([np.full((16, 8, 1), 40, np.uint8), np.full((16, 8, 1), 240, np.uint8)], axis=1)
    raw = [encode(halves, "PNG"), encode(halves[::4, ::4], "PNG")]
    found = images(raw, tf.io.FixedLenFeature(SCALAR, tf.string), tmp_path, height=8, width=8)
    assert found.shape == (2, 8, 8, 1)
    np.testing.assert_allclose(found[:, :, :2], 40 / 255, atol=1e-3)
    np.testing.assert_allclose(found[:, :, 6:], 240 / 255, atol=1e-3)


def test_sizes_of_pictures_reach_the_model(tmp_path):
    parameters = Parameters(label={"column": "y"}, features={"image": {"p": {"height": 2, "width": 2}}})
    spec = {**LABEL_SPEC, "p": tf.io.VarLenFeature(tf.int64)}
    output = exports.transform([{"y": 1.0, "p": [1, 2, 3, 4]}], spec, parameters, tmp_path)
    assert output.transformed_feature_spec()["p_image"].shape == [2, 2, 1]
    assert dict(TransformedFeatures.read(parameters.features, output).images) == {"p_image": (2, 2, 1)}
