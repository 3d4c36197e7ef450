"""Pictures change at random while training, alike for the same seed, step and place; an evaluation sees none of it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.training import build_for_pictures, fit, make_columns, make_pictures
from trainer.loop.augmentation import Augmenter
from trainer.options import Augmentation

pytestmark = pytest.mark.tensorflow

RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.integers(0, 256, (64, 10, 12, 3)).astype(np.float32)


def changed(*, seed: int = 1, step: int = 3, pictures: np.ndarray = PICTURES, **options: object) -> np.ndarray:
    augmenter = Augmenter(Augmentation.model_validate(options), seed=seed)
    found = augmenter.changed({"image_0": tf.constant(pictures), "label": tf.ones([64, 1])}, step=tf.constant(step))
    np.testing.assert_array_equal(found["label"], np.ones([64, 1]))
    return found["image_0"].numpy()


@pytest.mark.parametrize(("flip", "axes"), [("horizontal", (1,)), ("vertical", (0,)), ("both", (0, 1))])
def test_about_half_of_the_pictures_are_flipped_and_the_others_are_what_they_were(flip, axes):
    counts = dict.fromkeys(axes, 0)
    for before, after in zip(PICTURES, changed(flip=flip), strict=True):
        chosen = [
            some
            for some in ([], *([axis] for axis in axes), list(axes))
            if np.array_equal(after, np.flip(before, some))
        ]
        assert chosen
        for axis in chosen[0]:
            counts[axis] += 1
    assert all(16 < count < 48 for count in counts.values())


def test_a_shift_is_by_whole_pixels_up_to_its_limit_and_repeats_the_edge():
    seen = set()
    for before, after in zip(PICTURES, changed(shift=0.25), strict=True):
        padded = np.pad(before, [(2, 2), (3, 3), (0, 0)], mode="edge")
        places = [(y, x) for y in range(5) for x in range(7) if np.array_equal(after, padded[y : y + 10, x : x + 12])]
        assert len(places) == 1
        seen.update(places)
    assert {y for y, _ in seen} == set(range(5))
    assert {x for _, x in seen} == set(range(7))


def test_a_crop_is_a_part_of_the_picture_enlarged():
    rows = np.broadcast_to(np.arange(10, dtype=np.float32)[:, np.newaxis, np.newaxis], (64, 10, 12, 3))
    found = changed(pictures=np.ascontiguousarray(rows), crop=0.5)
    steps = np.diff(found[:, 1:-1, 0, 0], axis=1)
    # Each picture by one factor, from a half to all of it; at the edges, the last pixel is repeated.
    inside = np.median(steps, axis=1)
    assert 0.5 <= inside.min() < 0.6
    assert 0.9 < inside.max() <= 1.0
    assert np.ptp(found[:, 0, 0, 0]) > 2
    assert found.min() >= 0
    assert found.max() <= 9


def test_seed_step_and_place_decide():
    options = {"flip": "both", "shift": 0.2, "crop": 0.7}
    first = changed(**options)
    np.testing.assert_array_equal(first, changed(**options))
    assert not np.array_equal(first, changed(step=4, **options))
    assert not np.array_equal(first, changed(seed=2, **options))
    same = changed(pictures=np.repeat(PICTURES[:1], 64, axis=0), **options)
    assert len(np.unique(same.reshape(64, -1), axis=0)) > 60
    assert np.array_equal(changed(), PICTURES)


def test_the_compiled_step_draws_the_same():
    augmenter = Augmenter(Augmentation(flip="both", shift=0.2), seed=1)

    @tf.function(jit_compile=True)
    def run(pictures: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        return augmenter.changed({"p": pictures}, step=step)["p"]

    expected = changed(flip="both", shift=0.2)
    np.testing.assert_allclose(run(tf.constant(PICTURES), tf.constant(3)), expected, atol=1e-3)


def train(folder, **options):
    return fit(make_pictures(64), folder, build=build_for_pictures, **options)


CHANGES = {"flip": "horizontal", "shift": 0.2}


@pytest.mark.slow
def test_neither_the_length_of_a_call_nor_the_micro_batches_change_what_a_step_sees(tmp_path):
    weights = [
        train(tmp_path / str(index), augmentation=CHANGES, **options)[0].model.get_weights()
        for index, options in enumerate(({"steps_per_loop": 1}, {"steps_per_loop": 6}, {"accumulation": 2}))
    ]
    for others in weights[1:]:
        for one, other in zip(weights[0], others, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)
    plain = train(tmp_path / "plain")[0].model.get_weights()
    assert not np.allclose(plain[0], weights[0][0], atol=1e-4)


def test_an_evaluation_sees_pictures_as_they_are(tmp_path):
    still = {"optimizer": {"name": "sgd", "learning_rate": 1e-30}, "epochs": 1}
    plain, plain_reports = train(tmp_path / "plain", **still)
    augmented, reports = train(tmp_path / "augmented", augmentation=CHANGES, **still)
    assert plain.evaluation == augmented.evaluation
    assert plain_reports[0].loss != reports[0].loss


def test_an_augmentation_of_a_table_is_said_to_have_no_effect(tmp_path, caplog):
    fit(make_columns(64), tmp_path, augmentation=CHANGES, epochs=1)
    assert "augmentation has no effect: the network reads no picture." in caplog.text
    train(tmp_path / "pictures", augmentation={"shift": 0.04}, epochs=1)
    assert "augmentation.shift has no effect: 0.04 of 12 pixels is less than half of one." in caplog.text
