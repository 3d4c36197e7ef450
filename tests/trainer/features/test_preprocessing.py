"""preprocessing_fn, once through the real Transform, else as the graph that Transform would trace."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image as Pillow

from tests.shared.models import exports
from tests.shared.models.small_model import serialize
from trainer.features.columns import Features
from trainer.features.meaning import meanings, unlearnt_columns
from trainer.features.outputs import softly_clipped
from trainer.features.raw import RawColumns
from trainer.features.transformed import BinPlaces, Ids, TransformedFeatures, model_inputs
from trainer.parameters import CUSTOM_CONFIG_KEY, Parameters
from trainer.preprocessing import preprocessing_fn

pytestmark = pytest.mark.tensorflow

SCALAR = [1]
OPTIONAL = {
    "size": tf.io.VarLenFeature(tf.float32),
    "count": tf.io.VarLenFeature(tf.int64),
    "kind": tf.io.VarLenFeature(tf.string),
    "hour": tf.io.VarLenFeature(tf.int64),
    "photo": tf.io.VarLenFeature(tf.int64),
}
FEATURES = {
    "size": "number",
    "count": {"kind": "number", "buckets": 3},
    "kind": {"kind": "category", "top_k": 2, "min_count": 1},
    "hour": {"kind": "category", "codes": 24},
    "photo": {"kind": "image", "height": 2, "width": 2},
}
LABEL_SPEC = {"y": tf.io.FixedLenFeature(SCALAR, tf.float32)}


def columns(rows, spec, **parameters):
    """Transformed columns as arrays, for features that learn nothing from the data."""
    config = {CUSTOM_CONFIG_KEY: Parameters(**{"features": {}, **parameters}).model_dump_json()}
    graph = tf.function(lambda records: preprocessing_fn(tf.io.parse_example(records, spec), config), autograph=False)
    return {name: tensor.numpy() for name, tensor in graph(tf.constant([serialize(row) for row in rows])).items()}


def test_every_kind_of_feature_and_its_missing_value(tmp_path):
    rows = [
        {"y": 1.0, "size": 1.0, "count": 1, "kind": "a", "hour": 0, "photo": [0, 51, 102, 255]},
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
        "numbers": ("float32", [2]),
        "ids": ("int64", [3]),
        "image_0": ("float32", [2, 2, 1]),
    }
    # Two standard deviations of [1, 3, 5, 3] from the mean, softly clipped at eight.
    far = 2 / np.std([1, 3, 5, 3])
    clipped = far / np.sqrt(1 + (far / 8) ** 2)
    np.testing.assert_allclose(found["numbers"][:, 0], [-clipped, 0, clipped, 0, 0], atol=1e-6)
    assert found["numbers"][:, 1].numpy().tolist() == [0, 0, 0, 1, 0]
    ids = found["ids"].numpy()
    # Four ids of count: missing and three buckets.
    assert (ids[0, 0], ids[2, 0], ids[3, 0]) == (1, 3, 0)
    assert ids[1, 0] == ids[4, 0] != 0
    # Then 26 of hour: missing, out of range, and 24 codes.
    assert (ids[:, 1] - 4).tolist() == [2, 25, 1, 0, 1]
    # Then two of kind, missing and unseen, and behind all columns the words, the most frequent first.
    assert (ids[:, 2] - 30).tolist() in ([2, 2, 1, 0, 3], [2, 2, 3, 0, 1])
    np.testing.assert_allclose(found["image_0"][0, ..., 0], [[0, 0.2], [0.4, 1]], atol=1e-6)
    assert not found["image_0"][1:].numpy().any()
    features = Features.model_validate(FEATURES)
    assert TransformedFeatures.read(features, output) == TransformedFeatures(
        numbers={"numbers": 2},
        ids={"ids": Ids(width=3, size=34, untrained=(0, 4, 5, 30, 31))},
        images={"image_0": (2, 2, 1)},
    )
    words = meanings(features, output)["ids"]
    assert words[:6] == [
        *(("count", "buckets", str(index)) for index in range(4)),
        *(("hour", "codes", str(index)) for index in range(2)),
    ]
    assert words[32] == ("kind", "words", "=a")


def test_words_may_hold_line_breaks_and_a_vocabulary_may_be_empty(tmp_path):
    words = ["main\nst", "side\nst", "main\r\nst"] * 3
    rows = [{"y": 1.0, "street": word, "own": f"id {place}", "tags": [word]} for place, word in enumerate(words)]
    spec = {**LABEL_SPEC, **{name: tf.io.VarLenFeature(tf.string) for name in ("street", "own", "tags")}}
    named = {"street": "category", "own": {"kind": "category", "top_k": 5}, "tags": "list"}
    output = exports.transform(rows, spec, Parameters(label={"column": "y"}, features=named), tmp_path)
    found = exports.transformed_columns(output, tmp_path)
    features = Features.model_validate(named)
    known = meanings(features, output)
    # Those of vocabularies of one kind stand together: own, then street.
    own, street = found["ids"].numpy().T
    assert len(set(street)) == 3
    assert min(street) >= 4
    assert set(own) == {1}
    assert len(set(found["bag_list_0"].numpy()[:, 0])) == 3
    assert unlearnt_columns(features, known) == ["own"]


def test_a_cross_joins_values_buckets_and_parts_of_dates(tmp_path):
    crossed = ["kind", {"column": "size", "buckets": 2}, {"column": "day", "part": "weekday"}]
    days = ("2024-01-01", "2024-01-08T23:00:00", "2024-01-02")
    rows = [{"y": 1.0, "kind": "a", "size": size, "day": day} for size in (1.0, 2.0, 8.0, 9.0) for day in days]
    rows += [{**rows[11], "kind": "b"}]
    rows += [{name: rows[11][name] for name in rows[11] if name != gone} for gone in ("size", "day")]
    spec = {**LABEL_SPEC, "kind": OPTIONAL["kind"], "size": OPTIONAL["size"], "day": tf.io.VarLenFeature(tf.string)}
    features = {"x": {"kind": "cross", "columns": crossed, "hash": 100_000}}
    output = exports.transform(rows, spec, Parameters(label={"column": "y"}, features=features), tmp_path)
    ids = exports.transformed_columns(output, tmp_path)["ids"].numpy()[:, 0].tolist()
    # Small or large, on a Monday or a Tuesday: four ids. Both days of the same weekday share one.
    small, large = ids[:6], ids[6:12]
    assert small == [small[0], small[0], small[2]] * 2
    assert large == [large[0], large[0], large[2]] * 2
    assert len({small[0], small[2], large[0], large[2], ids[12], 0}) == 6
    assert ids[13:] == [0, 0]


@pytest.mark.parametrize("kind", [tf.int64, tf.float32])
def test_example_weights_count_one_where_missing(kind):
    weights = [kind.as_numpy_dtype(value).item() for value in (3, 0)]
    rows = [{"y": 1.0, "w": weights[0]}, {"y": 0.0, "w": weights[1]}, {"y": 0.0}]
    spec = {**LABEL_SPEC, "w": tf.io.VarLenFeature(kind)}
    found = columns(rows, spec, label={"column": "y"}, example_weight="w")
    assert found["example_weight"].dtype == np.float32
    assert found["example_weight"].tolist() == [[3.0], [0.0], [1.0]]
    assert model_inputs(found) == {}


def test_label_and_weight_are_no_features():
    spec = dict.fromkeys(["y", "z", "x", "w"], tf.io.FixedLenFeature(SCALAR, tf.float32))
    label = {"column": "y", "above": {"column": "z", "times": 1}}
    assert Parameters(label=label, example_weight="w").resolved_features(spec).names() == ("x",)


def picture(seed: int, height: int, width: int, channels: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def encode(pixels: np.ndarray, kind: str) -> bytes:
    stream = io.BytesIO()
    Pillow.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(stream, format=kind)
    return stream.getvalue()


def images(raw, feature, **options):
    rows = [{"y": 1.0, **({} if value is None else {"p": value})} for value in raw]
    return columns(
        rows, {**LABEL_SPEC, "p": feature}, label={"column": "y"}, features={"p": {"kind": "image", **options}}
    )["image_0"]


@pytest.mark.parametrize("optional", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_lists_of_numbers_become_pictures(channels, optional):
    pixels = [picture(seed, 2, 3, channels) for seed in range(2)]
    raw = [pixels[0].flatten().tolist(), pixels[1].flatten().tolist()]
    expected = np.stack(pixels) / 255
    feature = tf.io.FixedLenFeature([6 * channels], tf.int64)
    if optional:
        feature = tf.io.VarLenFeature(tf.int64)
        raw.append(None)
        expected = np.concatenate([expected, np.zeros_like(expected[:1])])
    found = images(raw, feature, height=2, width=3, channels=channels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_pixels_are_divided_by_the_scale():
    found = images([[0.0, 8.0, 16.0, 4.0]], tf.io.FixedLenFeature([2, 2], tf.float32), height=2, width=2, scale=16.0)
    assert found[0, ..., 0].tolist() == [[0.0, 0.5], [1.0, 0.25]]


def test_a_list_of_another_length_is_refused():
    with pytest.raises(ValueError, match="features.p: a row holds 4 numbers, and a picture of 2 x 3 x 1 needs 6"):
        images([[1, 2, 3, 4]], tf.io.FixedLenFeature([4], tf.int64), height=2, width=3)


@pytest.mark.parametrize("optional", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_encoded_pictures_are_decoded(channels, optional):
    pixels = [picture(seed, 4, 6, channels) for seed in range(2)]
    raw, expected = [encode(one, "PNG") for one in pixels], np.stack(pixels) / 255
    feature = tf.io.VarLenFeature(tf.string) if optional else tf.io.FixedLenFeature(SCALAR, tf.string)
    if optional:
        raw += [None, b""]
        expected = np.concatenate([expected, np.zeros_like(expected)])
    found = images(raw, feature, height=4, width=6, channels=channels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("value", [b"photos/1.png", b""])
def test_what_is_no_picture_is_refused_by_the_columns_name(value):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"does not hold a picture \(PNG, .*\) in: \\'p"):
        images([value], tf.io.FixedLenFeature(SCALAR, tf.string), height=2, width=2, channels=1)


def test_any_format_and_number_of_channels_is_converted():
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
        label={"column": "y"},
        features={name: {"kind": "image", "height": 4, "width": 4, "channels": int(name[-1])} for name in row},
    )
    for index, name in enumerate(row):
        np.testing.assert_allclose(
            found[f"image_{index}"], np.full((1, 4, 4, int(name[-1])), 200 / 255), atol=0.01, err_msg=name
        )


def test_transparency_is_dropped():
    found = images(
        [encode(np.full((2, 2, 4), 100, np.uint8), "PNG")],
        tf.io.FixedLenFeature(SCALAR, tf.string),
        height=2,
        width=2,
        channels=3,
    )
    np.testing.assert_allclose(found, np.full((1, 2, 2, 3), 100 / 255), atol=1e-5)


def test_pictures_of_other_sizes_are_resized():
    halves = np.concatenate([np.full((16, 8, 1), 40, np.uint8), np.full((16, 8, 1), 240, np.uint8)], axis=1)
    raw = [encode(halves, "PNG"), encode(halves[::4, ::4], "PNG")]
    found = images(raw, tf.io.FixedLenFeature(SCALAR, tf.string), height=8, width=8)
    assert found.shape == (2, 8, 8, 1)
    np.testing.assert_allclose(found[:, :, :2], 40 / 255, atol=1e-3)
    np.testing.assert_allclose(found[:, :, 6:], 240 / 255, atol=1e-3)


def test_numbers_are_clipped_softly_however_far_out_they_are():
    found = softly_clipped(tf.constant([0.0, 0.5, -3.4e38 / 1e-6, 3.4e38, 1e20, 1e6], tf.float64)).numpy()
    assert found == pytest.approx([0.0, 0.5 / np.sqrt(1 + 0.25 / 64), -8.0, 8.0, 8.0, 8.0])


@pytest.mark.parametrize("sparse", [True, False])
def test_an_empty_text_in_a_list_is_none_wherever_it_stands(sparse):
    dense = tf.constant([["a", "", "b"], ["", "", ""], ["c", "", ""]])
    every = tf.SparseTensor([[0, 0], [0, 1], [0, 2], [2, 0]], tf.constant(["a", "", "b", "c"]), [3, 3])
    found = RawColumns({"tags": every if sparse else dense}, scalars=()).values("tags")
    assert found.indices.numpy().tolist() == [[0, 0], [0, 1], [2, 0]]
    assert found.values.numpy().tolist() == [b"a", b"b", b"c"]
    assert found.dense_shape.numpy().tolist() == [3, 2]


def test_words_alone_and_many_columns_of_them(tmp_path):
    rows = [{"y": 1.0, "a": "x", "b": "x"}, {"y": 0.0, "a": "x"}, {"y": 0.0, "a": "x", "b": "y"}]
    spec = LABEL_SPEC | {name: tf.io.VarLenFeature(tf.string) for name in "ab"}
    features = dict.fromkeys("ab", {"kind": "category", "min_count": 1})
    output = exports.transform(rows, spec, Parameters(label={"column": "y"}, features=features), tmp_path)
    ids = exports.transformed_columns(output, tmp_path)["ids"].numpy()
    # The same word is another id in another column.
    assert len(set(ids[:, 0])) == 1
    assert len(set(ids[:, 1])) == 3
    assert not set(ids[:, 0]) & set(ids[:, 1])


def test_a_number_with_bins_is_a_place_among_its_quantiles(tmp_path):
    sizes = [*range(101), *[50] * 99, None]
    rows = [{"y": 0.0} if size is None else {"y": 0.0, "size": float(size)} for size in sizes]
    spec = LABEL_SPEC | {"size": tf.io.VarLenFeature(tf.float32)}
    features = {"size": {"kind": "number", "bins": 4}}
    output = exports.transform(rows, spec, Parameters(label={"column": "y"}, features=features), tmp_path)
    assert TransformedFeatures.read(Features.model_validate(features), output).places == {
        "bins_4": BinPlaces(width=1, bins=4)
    }
    places = exports.transformed_columns(output, tmp_path)["bins_4"].numpy()[:, 0]
    assert places.dtype == np.float32
    assert places[-1] == places[0] == 0
    assert places[100] == 4
    assert np.all(np.diff(places[:101]) >= 0)
    # Half of the rows are 50, so that a quantile stands there twice: a bin without width, which is a step.
    assert places[50] - places[49] >= 1
    assert 0 < places[40] < 1
