"""Networks for one picture: what they take, what they refuse, and what of them is trained."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.training import build_for_pictures, fit, make_pictures
from trainer import models
from trainer.data.columns import Columns
from trainer.distribution import replicas
from trainer.features.transformed import TransformedFeatures
from trainer.loop import optimizers
from trainer.loop.step import StepRunner
from trainer.models import backbone, lenet, resnet
from trainer.models.heads import head_of
from trainer.options import Loop
from trainer.parameters import Label

pytestmark = pytest.mark.tensorflow

APPLICATION = "MobileNetV3Small"
RANDOM = np.random.default_rng(0)


def features(*shape: int) -> TransformedFeatures:
    return TransformedFeatures(images={"image_0": shape})


def some(*shape: int) -> dict[str, np.ndarray]:
    return {"image_0": RANDOM.random((4, *shape), np.float32)}


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> str:
    """A file of random weights, as Keras writes one."""
    path = tmp_path_factory.mktemp("weights") / "small.weights.h5"
    network = getattr(keras.applications, APPLICATION)(include_top=False, weights=None, input_shape=(32, 32, 3))
    network.save_weights(path)
    return str(path)


@pytest.mark.parametrize("shape", [(8, 8, 1), (33, 9, 3)])
def test_resnet_takes_small_pictures_and_comes_back_from_its_file(tmp_path, shape):
    model = resnet.build(features=features(*shape), units=5, filters=(8, 16, 24), blocks=2, dropout=0.1)
    picture = some(*shape)
    logits = np.array(model(picture))
    assert logits.shape == (4, 5)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(models.load(str(tmp_path / "model.keras"))(picture), logits)
    # Whatever else is in the batch, in training and out of it.
    alone = {"image_0": picture["image_0"][:1]}
    np.testing.assert_allclose(model(alone)[0], logits[0], atol=1e-5)
    still = resnet.build(features=features(*shape), units=5, filters=(8, 16, 24))
    np.testing.assert_allclose(still(picture, training=True), still(picture), atol=1e-5)


def test_a_backbone_has_the_weights_of_its_file_and_trains_what_is_new(tmp_path, weights):
    model = backbone.build(features=features(40, 32, 1), units=3, weights=weights, application=APPLICATION)
    assert [variable.path for variable in model.trainable_variables] == ["logits/kernel", "logits/bias"]
    reference = getattr(keras.applications, APPLICATION)(include_top=False, weights=None, input_shape=(40, 32, 3))
    reference.load_weights(weights)
    inside = model.get_layer(APPLICATION).network.get_weights()
    for mine, its in zip(inside, reference.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, its)
    picture = some(40, 32, 1)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(models.load(str(tmp_path / "model.keras"))(picture), model(picture))
    last = backbone.build(
        features=features(40, 32, 1), units=3, weights=weights, application=APPLICATION, trained_layers=3
    )
    assert "conv_1/kernel" in [variable.path for variable in last.trainable_variables]
    assert len(last.trainable_variables) < 8


def test_a_training_leaves_the_frozen_weights_and_all_statistics_alone(tmp_path, weights):
    columns = Columns.from_arrays(
        {"image_0": RANDOM.random((20, 32, 32, 3), np.float32), "label": np.eye(20, 1, dtype=np.float32)}
    )
    options = {"steps": 3, "epochs": None, "augmentation": {"flip": "horizontal"}}
    made = []

    def build() -> keras.Model:
        made.append(
            backbone.build(
                features=features(32, 32, 3), units=1, weights=weights, application=APPLICATION, trained_layers=3
            )
        )
        return made[0]

    before = getattr(keras.applications, APPLICATION)(include_top=False, weights=None, input_shape=(32, 32, 3))
    before.load_weights(weights)
    trained, _ = fit(columns, tmp_path, build=build, **options)
    after = {variable.path: variable.numpy() for variable in trained.model.get_layer(APPLICATION).network.variables}
    changed = {path for path, value in zip(after, before.get_weights(), strict=True) if (after[path] != value).any()}
    assert "conv_1/kernel" in changed
    assert changed <= {"conv_1/kernel", "conv_1_bn/gamma", "conv_1_bn/beta"}


@pytest.mark.slow
@pytest.mark.parametrize("application", backbone._PREPROCESSING)
def test_every_application_gets_pixels_as_its_own_preprocessing_makes_them(tmp_path, application):
    make = getattr(keras.applications, application)
    network = make(include_top=False, weights=None, input_shape=(32, 32, 3))
    path = str(tmp_path / "some.weights.h5")
    network.save_weights(path)
    model = backbone.build(features=features(32, 32, 3), units=3, weights=path, application=application, dropout=0.0)
    pixels = RANDOM.integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    module = keras.src.applications
    name = {
        "MobileNetV2": "mobilenet_v2",
        "MobileNetV3Small": "mobilenet_v3",
        "MobileNetV3Large": "mobilenet_v3",
        "EfficientNetV2B0": "efficientnet_v2",
        "ResNet50V2": "resnet_v2",
        "DenseNet121": "densenet",
    }[application]
    expected = network(getattr(module, name).preprocess_input(pixels.copy()), training=False)
    average = keras.Model(model.input, model.get_layer("average").output)
    np.testing.assert_allclose(average({"image_0": pixels / 255}), np.mean(expected, axis=(1, 2)), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": "/nowhere/w.h5"}, r"^trainer\.model\.weights: there is no file /nowhere/w\.h5 here; name a file"),
        ({"application": "MobileNetV2"}, r"small\.weights\.h5 has no weights of MobileNetV2 without its top layers"),
        ({"weights": __file__}, r"test_pictures\.py has no weights of MobileNetV3Small"),
    ],
)
def test_a_file_without_the_weights_is_refused_by_its_name(weights, options, message):
    with pytest.raises(ValueError, match=message) as error:
        backbone.build(
            features=features(32, 32, 3), units=3, **{"weights": weights, "application": APPLICATION} | options
        )
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("build", "given", "message"),
    [
        (resnet.build, features(3, 40, 3), "resnet needs pictures of at least 4 x 4; image_0 is 3 x 40"),
        (backbone.build, features(31, 40, 3), "backbone needs pictures of at least 32 x 32; image_0 is 31 x 40"),
        (resnet.build, TransformedFeatures(numbers={"numbers": 1}), "resnet reads one picture .* are numbers"),
    ],
)
def test_what_they_cannot_read_is_refused(build, given, message):
    with pytest.raises(ValueError, match=message):
        build(features=given, units=2, **({"weights": "w"} if build is backbone.build else {}))


@pytest.mark.parametrize("jit_compile", [None, True])
@pytest.mark.parametrize("convolutions", [True, False])
def test_xla_compiles_no_convolutions_on_a_cpu_unless_it_is_told_to(jit_compile, convolutions):
    columns, options = make_pictures(8), Loop(jit_compile=jit_compile, steps=1)
    where = replicas.choose("one_device")
    with where.strategy.scope():
        runner = StepRunner(
            model=lenet.build(features=features(10, 12, 3), units=1) if convolutions else build_for_pictures(),
            optimizer=optimizers.build(options, steps=1),
            head=head_of(Label(column="label")),
            layout=columns.layout,
            options=options,
            class_weights=None,
            replicas=where,
        )
    # TensorFlow's word for "compile it".
    assert bool(runner._run._jit_compile) == (jit_compile is True or not convolutions)
    assert tf.config.list_physical_devices("GPU") == []
