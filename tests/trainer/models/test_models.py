import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from trainer import models
from trainer.features.transformed import BinPlaces, Ids, TransformedFeatures
from trainer.models import dnn, lenet
from trainer.models.heads import BinaryHead, MulticlassHead, RegressionHead
from trainer.models.layers.dropout import HashDropout
from trainer.models.layers.embeddings import BagEmbedding, IdEmbedding
from trainer.models.layers.places import PiecewiseLinear
from trainer.parameters import Model

pytestmark = pytest.mark.tensorflow

TABLE = TransformedFeatures(numbers={"numbers": 2}, ids={"ids": Ids(width=2, size=10)})
BAGS = TransformedFeatures(bags={"bag_text_0": Ids(width=4, size=9)})
BINNED = TransformedFeatures(numbers={"numbers": 2}, places={"bins_5": BinPlaces(width=3, bins=5)})
PICTURE = TransformedFeatures(images={"image_0": (9, 12, 3)})
BOTH = TransformedFeatures(
    numbers=TABLE.numbers, places=BINNED.places, ids=TABLE.ids, bags=BAGS.bags, images=PICTURE.images
)
CASES = [
    ("wide_and_deep", TABLE),
    ("wide_and_deep", BAGS),
    pytest.param("wide_and_deep", BINNED, marks=pytest.mark.slow),
    ("tabm", TABLE),
    ("tabm", BAGS),
    ("tabm", BINNED),
    pytest.param("dnn", TABLE, marks=pytest.mark.slow),
    pytest.param("dnn", PICTURE, marks=pytest.mark.slow),
    ("dnn", BOTH),
    ("lenet", PICTURE),
]
every_model = pytest.mark.parametrize(("name", "features"), CASES)


def batch(features: TransformedFeatures, rows: int = 7) -> dict[str, tf.Tensor]:
    generator = np.random.default_rng(3)
    inputs = {
        name: tf.constant(generator.normal(size=(rows, width)), tf.float32) for name, width in features.numbers.items()
    }
    for name, places in features.places.items():
        inputs[name] = tf.constant(generator.uniform(0, places.bins, (rows, places.width)), tf.float32)
    for name, ids in {**features.ids, **features.bags}.items():
        inputs[name] = tf.constant(generator.integers(0, ids.size, (rows, ids.width)))
    for name, shape in features.images.items():
        inputs[name] = tf.constant(generator.uniform(size=(rows, *shape)), tf.float32)
    return inputs


def build(name: str, features: TransformedFeatures, units: int = 3, **options) -> keras.Model:
    keras.utils.set_random_seed(1)
    return models.build(Model(name=name, **options), features=features, units=units)


@pytest.fixture
def policy():
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)


@every_model
def test_weights_exist_before_the_first_call_and_logits_have_the_units(name, features):
    model = build(name, features, units=3)
    assert model.trainable_variables
    before = len(model.variables)
    shape = (7, 16, 3) if name == "tabm" else (7, 3)
    assert model(batch(features), training=True).shape == shape
    assert len(model.variables) == before


@every_model
def test_a_saved_model_answers_as_before(name, features, tmp_path):
    model = build(name, features)
    inputs = batch(features)
    # So that no weight has the value that a fresh model would give it.
    for variable in model.trainable_variables:
        variable.assign_add(tf.random.stateless_normal(variable.shape, seed=(1, 2), stddev=0.1))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(inputs, training=False), model(inputs, training=False))
    assert [v.path for v in loaded.trainable_variables] == [v.path for v in model.trainable_variables]


@every_model
def test_a_compiled_training_step_learns_and_equals_the_plain_one(name, features):
    model = build(name, features, dropout=0.0)
    inputs, label = batch(features), tf.constant([[0], [1], [2], [0], [1], [2], [0]], tf.int64)
    head = MulticlassHead(units=3)

    def loss_and_gradients():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(head.losses(label, model(inputs, training=True)))
        return loss, tape.gradient(loss, model.trainable_variables)

    compiled = tf.function(loss_and_gradients, jit_compile=True, autograph=False)
    plain_loss, plain = loss_and_gradients()
    loss, gradients = compiled()
    np.testing.assert_allclose(loss, plain_loss, rtol=1e-5)
    for variable, ours, theirs in zip(model.trainable_variables, gradients, plain, strict=True):
        assert ours is not None, f"{variable.path} is not trained"
        np.testing.assert_allclose(tf.convert_to_tensor(ours), tf.convert_to_tensor(theirs), atol=1e-5)
    for _ in range(100):
        _, gradients = compiled()
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
            # Each member has its own share of the loss, and so of the gradient.
            variable.assign_sub((1.0 if name == "tabm" else 0.05) * tf.convert_to_tensor(gradient))
    assert compiled()[0] < 0.8 * loss


@pytest.mark.parametrize("half", ["bfloat16", "float16"])
@every_model
def test_half_precision_computes_in_half_and_keeps_float32_weights(name, features, half, policy):
    exact = build(name, features)
    policy(f"mixed_{half}")
    model = build(name, features)
    logits = model(batch(features), training=False)
    assert logits.dtype == half
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    np.testing.assert_allclose(tf.cast(logits, tf.float32), exact(batch(features), training=False), atol=0.03)


@every_model
def test_dropout_acts_in_training_alone(name, features):
    model = build(name, features, dropout=0.5)
    if features is TABLE and name == "wide_and_deep":
        assert model.get_layer("ids_embedding").units == 3
    inputs = batch(features)
    np.testing.assert_array_equal(model(inputs, training=False), model(inputs, training=False))
    assert not np.array_equal(model(inputs, training=True), model(inputs, training=True))


def test_the_vector_holds_each_feature_in_its_place():
    layer = dnn.FeatureVector(
        numbers={"x": 1},
        places={"u": (1, 3)},
        ids={"k": {"width": 2, "size": 4, "dim": 1}},
        bags={"b": {"size": 3, "dim": 1}},
        images={"p": (1, 2, 1)},
    )
    layer.build({})
    layer.embeddings["k"].table.assign([[10.0], [11.0], [20.0], [21.0]])
    layer.embeddings["b"].table.assign([[99.0], [1.0], [5.0]])
    vector = layer(
        {
            "x": tf.constant([[0.5]]),
            "u": tf.constant([[1.25]]),
            "k": tf.constant([[1, 2]], tf.int64),
            "b": tf.constant([[1, 2, 2, 0]], tf.int64),
            "p": tf.constant([[[[3.0], [4.0]]]]),
        }
    )
    np.testing.assert_allclose(vector, [[0.5, 1.0, 0.25, 0.0, 11.0, 20.0, 11 / 3, 3.0, 4.0]], rtol=1e-6)
    assert layer.compute_output_shape({}) == (None, 9)


@pytest.mark.parametrize(("pooling", "expected"), [("mean", 6.5), ("max", 12.5)])
def test_subsampling_is_one_value_times_a_factor_plus_a_bias(pooling, expected):
    layer = lenet.Subsampling(pooling=pooling)
    layer.build((None, 2, 2, 1))
    layer.factor.assign([2.0])
    layer.bias.assign([0.5])
    picture = tf.constant([[[[1.0], [2.0]], [[3.0], [6.0]]]])
    assert layer(picture).numpy().tolist() == [[[[expected]]]]
    assert lenet.Subsampling.from_config(layer.get_config()).pooling == pooling


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (33, 9, 3)])
@pytest.mark.parametrize("filters", [(4,), (6, 16), (4, 8, 8)])
def test_lenet_takes_any_size_from_eight_on(shape, filters):
    features = TransformedFeatures(images={"image_0": shape})
    assert build("lenet", features, units=10, filters=filters)(batch(features)).shape == (7, 10)


@pytest.mark.parametrize(
    ("name", "features", "message"),
    [
        ("wide_and_deep", BOTH, "wide_and_deep reads numbers and ids; there is the picture image_0"),
        ("wide_and_deep", TransformedFeatures(), "there is no features at all"),
        ("tabm", BOTH, "tabm reads numbers and ids; there is the picture image_0"),
        ("dnn", TransformedFeatures(), "dnn needs at least one feature"),
        ("lenet", TABLE, "lenet reads one picture .* the features are numbers, ids"),
        ("lenet", BOTH, "lenet reads one picture .* and nothing else"),
        (
            "lenet",
            TransformedFeatures(images={"image_0": (7, 28, 1)}),
            "at least 8 x 8; image_0 is 7 x 28",
        ),
    ],
)
def test_a_model_says_which_features_it_needs(name, features, message):
    with pytest.raises(ValueError, match=message):
        build(name, features)


@pytest.mark.parametrize("name", ["layers", "inputs", "heads"])
def test_what_networks_share_is_not_a_network(name):
    with pytest.raises(ValueError, match=f"trainer.models.{name} is not a network"):
        build(name, TABLE)


@pytest.mark.parametrize(
    "features",
    [TransformedFeatures(numbers={"x": 1}), TransformedFeatures(ids={"k": Ids(width=1, size=3)})],
)
@pytest.mark.parametrize("name", ["wide_and_deep", "dnn"])
def test_one_kind_of_feature_is_enough(name, features):
    assert build(name, features, units=1, hidden_units=())(batch(features)).shape == (7, 1)


def test_wrong_options_are_refused():
    with pytest.raises(ValidationError, match="hidden_units.0"):
        build("dnn", TABLE, hidden_units=[0])
    with pytest.raises(ValidationError, match="hidden_unit"):
        build("wide_and_deep", TABLE, hidden_unit=[4])


def test_an_embedding_has_a_deep_and_a_wide_table():
    layer = IdEmbedding(width=2, size=5, dim=1, units=1)
    layer.build((None, 2))
    layer.table.assign([[0.0], [1.0], [10.0], [11.0], [12.0]])
    layer.wide.assign([[1.0], [2.0], [3.0], [4.0], [5.0]])
    deep, wide = layer(tf.constant([[0, 2], [1, 4], [-4, 9]], tf.int64))
    assert deep.numpy().tolist() == [[0.0, 10.0], [1.0, 12.0], [0.0, 12.0]]
    assert wide.numpy().tolist() == [[4.0], [7.0], [6.0]]


def test_ids_without_an_example_add_nothing():
    layer = IdEmbedding(width=1, size=4, dim=3, units=2, untrained=(0, 2))
    layer.build((None, 1))
    assert np.flatnonzero(layer.table.numpy().any(axis=1)).tolist() == [1, 3]
    clone = IdEmbedding.from_config(layer.get_config())
    assert clone.get_config() == layer.get_config()


def test_the_padding_of_a_bag_does_not_count():
    layer = BagEmbedding(size=3, dim=2)
    layer.build((None, 4))
    layer.table.assign([[9.0, 9.0], [1.0, 2.0], [3.0, 6.0]])
    means = layer(tf.constant([[1, 2, 0, 0], [2, 2, 2, 2], [0, 0, 0, 0]], tf.int64))
    np.testing.assert_allclose(means, [[2.0, 4.0], [3.0, 6.0], [0.0, 0.0]])


def test_hash_dropout_leaves_out_its_share_and_never_the_same_twice():
    layer = HashDropout(0.3, seed=5)
    ones = tf.ones([1000, 64])
    np.testing.assert_array_equal(layer(ones), ones)
    first, second = layer(ones, training=True).numpy(), layer(ones, training=True).numpy()
    assert set(np.unique(first)) == {0.0, np.float32(1 / 0.7)}
    left_out = first == 0, second == 0
    # Each column of 1000 has a standard deviation of 0.0145, the correlation of 64,000 pairs one of 0.004.
    assert abs(left_out[0].mean() - 0.3) < 0.01
    assert np.abs(left_out[0].mean(axis=0) - 0.3).max() < 0.07
    assert abs(np.corrcoef(left_out[0].ravel(), left_out[1].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(left_out[0].ravel()[:-1], left_out[0].ravel()[1:])[0, 1]) < 0.02
    layer.count.assign(0)
    np.testing.assert_array_equal(layer(ones, training=True), first)
    compiled = tf.function(lambda values: layer(values, training=True), jit_compile=True)
    np.testing.assert_array_equal(compiled(ones), second)


def test_an_ensemble_s_loss_is_the_mean_of_its_members_and_so_is_its_prediction():
    logits = tf.constant([[[0.0], [2.0]], [[-1.0], [2.0]]])
    label = tf.constant([[1.0], [0.0]])
    head = BinaryHead()
    members = [head.losses(label, logits[:, member]) for member in range(2)]
    np.testing.assert_allclose(head.losses(label, logits), np.mean(members, axis=0), rtol=1e-6)
    probabilities = 1 / (1 + np.exp(-logits.numpy()[..., 0]))
    np.testing.assert_allclose(head.predictions(logits)[:, 0], probabilities.mean(axis=1), rtol=1e-6)
    assert head.score(label, logits).numpy().tolist() == [1.0, 0.0]
    classes = tf.constant([[[0.0, 1.0], [3.0, 0.0]]])
    expected = tf.reduce_mean(tf.nn.softmax(classes), axis=1)
    np.testing.assert_allclose(MulticlassHead(units=2).predictions(classes), expected, rtol=1e-6)
    assert RegressionHead().losses(tf.constant([[2.0]]), tf.constant([[[1.0], [5.0]]])).numpy().tolist() == [5.0]


def test_members_differ_and_a_feature_is_scaled_as_one():
    model = build("tabm", BINNED, units=1, members=4, embedding_dim=2)
    scale = model.get_layer("hidden_0").scale.numpy()
    assert scale.shape == (4, 2 + 3 * 2)
    np.testing.assert_array_equal(scale[:, 2::2], scale[:, 3::2])
    assert len(np.unique(scale[:, 0])) == 4
    assert np.ptp(model(batch(BINNED)).numpy()[:, :, 0], axis=1).min() > 0


def test_places_are_spread_over_their_bins():
    spread = PiecewiseLinear(bins=3)(tf.constant([[0.0, 3.0], [1.5, 2.25]]))
    assert spread.numpy().tolist() == [[0, 0, 0, 1, 1, 1], [1, 0.5, 0, 1, 1, 0.25]]
