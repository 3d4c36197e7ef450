"""Ways to feed the same training step: ours, and plain tf.data pipelines under ``fit``. Each says how long it waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import keras
import tensorflow as tf
import tensorflow_transform as tft

import trainer  # noqa: F401, I001 (pins Keras 3)
from bench.images.data import CLASSES
from bench.train.transformed import Transformed
from trainer import models
from trainer.data.batches import Batches, Block, Call, plan, prefetched
from trainer.data.columns import read_columns
from trainer.distribution import replicas
from trainer.features.transformed import TransformedFeatures, pixel_scales
from trainer.loop import optimizers
from trainer.loop.step import StepRunner
from trainer.models.heads import head_of
from trainer.parameters import Parameters


class Turn(NamedTuple):
    """What one turn took, from its first data on: a training begins once.

    Attributes:
        seconds: of all steps.
        waited: seconds of them without data to compute on.
        cpu: seconds of all cores, which tell more than the others where a machine is shared.
    """

    seconds: float
    waited: float
    cpu: float


Timer = Callable[[], Turn]
T = TypeVar("T")


class _Clock:
    """Times what is taken from an iterator; the first of it starts the clock."""

    def __init__(self) -> None:
        self._start: float | None = None
        self._cpu = self._waited = 0.0

    def next(self, iterator: Iterator[T]) -> T:
        """The next of an iterator."""
        before = time.perf_counter()
        try:
            return next(iterator)
        finally:
            now = time.perf_counter()
            if self._start is None:
                self._start, self._cpu = now, time.process_time()
            else:
                self._waited += now - before

    def timed(self, iterator: Iterator[T]) -> Iterator[T]:
        """All of an iterator."""
        try:
            while True:
                yield self.next(iterator)
        except StopIteration:
            return

    def turn(self) -> Turn:
        """What it took until now."""
        return Turn(
            seconds=time.perf_counter() - (self._start or 0),
            waited=self._waited,
            cpu=time.process_time() - self._cpu,
        )


class Ways:
    """Makes each way; the parameters say network, batch size and augmentation.

    Args:
        parameters: of the pipeline.
        data: the transformed examples.
        pictures: the folder of the files.
        side: int, height and width.
        steps: int, steps of one turn.
        scratch: folder for mapped files.
    """

    def __init__(
        self, parameters: Parameters, data: Transformed, *, pictures: Path, side: int, steps: int, scratch: Path
    ):
        self._parameters = parameters
        self._data = data
        self._pictures = pictures
        self._side = side
        self._steps = steps
        self._scratch = scratch
        self._output = tft.TFTransformOutput(data.graph)
        self._features = parameters.resolved_features(self._output.raw_feature_spec())
        self._head = head_of(parameters.label)
        self._batch = parameters.loop.global_batch_size or 64

    def ours(self, **loop: object) -> Timer:
        """The trainer's own loop: rows decoded once, blocks of batches gathered ahead, many steps in a call."""
        options = self._parameters.loop.model_copy(update=loop)
        columns = read_columns(
            [self._data.train],
            self._output.transformed_feature_spec(),
            memory_bytes=options.memory_mb * 2**20,
            scratch=str(self._scratch / "mapped"),
            pixels=pixel_scales(self._features),
        )
        where = replicas.choose("one_device")
        with where.strategy.scope():
            runner = StepRunner(
                model=self._model(),
                optimizer=optimizers.build(options, steps=10**6),
                head=self._head,
                layout=columns.layout,
                options=options,
                class_weights=None,
                replicas=where,
            )
        batches = Batches(columns, batch_size=self._batch, replicas=1, seed=0)
        calls = plan(start=0, total=self._steps, per_call=options.steps_per_loop, stops=[self._steps])

        def make(call: Call) -> Block:
            return where.put(lambda replica: batches.block(call, replica=replica, steps=options.steps_per_loop))

        def run() -> Turn:
            clock = _Clock()
            for call, block in clock.timed(prefetched(make, calls)):
                runner.run(block, start=call.start, steps=call.steps, stop=False)
            return clock.turn()

        return run

    def decoding(self) -> Timer:
        """``image_dataset_from_directory``, which decodes in each epoch, and ``prefetch``, under ``fit``."""
        return self._fit(self._files().shuffle(16).prefetch(tf.data.AUTOTUNE))

    def cached(self) -> Timer:
        """The same with ``cache``: decoded pictures stay in memory as floats."""
        return self._fit(self._files().cache().shuffle(16).prefetch(tf.data.AUTOTUNE))

    def _files(self) -> tf.data.Dataset:
        found: Any = keras.utils.image_dataset_from_directory(
            self._pictures,
            class_names=list(CLASSES),
            batch_size=self._batch,
            image_size=(self._side, self._side),
            shuffle=True,
            seed=0,
            verbose=False,
        )
        return found.map(lambda pictures, labels: (pictures / 255.0, labels), num_parallel_calls=tf.data.AUTOTUNE)

    def _fit(self, batches: Any) -> Timer:
        model = self._model()
        [name] = models.inputs_of(model) or ["image_0"]
        model.compile(
            optimizer=optimizers.build(self._parameters.loop, steps=10**6),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=bool(self._parameters.loop.jit_compile),
        )
        whole = batches.filter(lambda pictures, labels: tf.shape(labels)[0] == self._batch).repeat()
        named = whole.map(lambda pictures, labels: ({name: pictures}, labels[:, tf.newaxis]))
        step: Any = tf.function(model.train_step, jit_compile=bool(self._parameters.loop.jit_compile))

        def run() -> Turn:
            clock = _Clock()
            # What `fit` would make, in two halves, so that each can be timed.
            model.train_function = lambda iterator: step(clock.next(iterator))
            model.fit(named, steps_per_epoch=self._steps, epochs=1, verbose=0)
            return clock.turn()

        return run

    def _model(self) -> keras.Model:
        features = TransformedFeatures.read(self._features, self._output)
        return models.build(self._parameters.model, features=features, units=self._head.units)
