"""The ways to train that `bench.train` compares, each as a function that returns the seconds of a step."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tfx_bsl.public import tfxio

import trainer  # noqa: F401, I001 (pins Keras 3)
from bench.train import transformed
from trainer import models
from trainer.data.batches import Batches, Call
from trainer.data.columns import Columns, read_columns
from trainer.distribution import replicas
from trainer.features.transformed import LABEL_KEY, TransformedFeatures
from trainer.loop import optimizers
from trainer.loop.checkpoints import Checkpoints, TrainingState
from trainer.loop.controller import Controller
from trainer.loop.evaluation import Evaluation
from trainer.loop.intervals import Intervals
from trainer.loop.progress import Journal
from trainer.loop.step import StepRunner
from trainer.models.heads import head_of
from trainer.parameters import Parameters

STEPS_PER_CALL = 64
# Examples per turn of each way, for half a second or more.
EXAMPLES = {"stock": 2**15, "keras": 2**20, "ours": 2**21, "streamed": 2**20, "floor": 2**21}
_STREAM_COPIES, _STREAM_MEMORY_MB = 150, 16


class TrainingBench:
    """Builds each way for one batch size; each method returns a function that times it.

    Args:
        parameters: parameters of the taxi pipeline.
        data: the transformed examples.
        batch_size: int, examples per step.
        folder: folder for summaries, checkpoints and mapped files.
    """

    def __init__(self, parameters: Parameters, data: transformed.Transformed, *, batch_size: int, folder: Path):
        self._parameters = parameters
        self._data = data
        self._batch_size = batch_size
        self._folder = folder
        self._output = tft.TFTransformOutput(data.graph)
        self._head = head_of(parameters.label)

    def stock(self) -> Callable[[], float]:
        """Seconds per step of tfxio and ``model.fit``."""
        options = tfxio.TensorFlowDatasetOptions(batch_size=self._batch_size, label_key=LABEL_KEY)
        record = tfxio.TFExampleRecord(
            self._data.train, schema=self._output.transformed_metadata.schema, telemetry_descriptors=["bench"]
        )
        batches = record.TensorFlowDataset(options).repeat()
        model = self._model()
        model.compile(optimizer=self._optimizer(), **_compile_options())
        return _fit_timer(model, batches, steps=self._steps("stock"))

    def keras(self) -> Callable[[], float]:
        """Seconds per step of a compiled ``fit`` on decoded columns."""
        columns = self._columns(self._data, memory_mb=4096)
        features = columns.layout.unpack(
            {name: matrix.take(np.arange(columns.rows)) for name, matrix in columns.matrices.items()}
        )
        label = features.pop(LABEL_KEY)
        batch_size, rows = self._batch_size, columns.rows
        order = tf.random.shuffle(tf.range(rows))

        def gather(step: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
            positions = (tf.cast(step, tf.int64) * batch_size + tf.range(batch_size, dtype=tf.int64)) % rows
            chosen = tf.gather(order, positions)
            return {name: tf.gather(values, chosen) for name, values in features.items()}, tf.gather(label, chosen)

        batches = tf.data.Dataset.range(2**40).map(gather).prefetch(tf.data.AUTOTUNE)
        model = self._model()
        model.compile(
            optimizer=self._optimizer(), steps_per_execution=STEPS_PER_CALL, jit_compile=True, **_compile_options()
        )
        return _fit_timer(model, batches, steps=self._steps("keras"))

    def ours(self) -> Callable[[], float]:
        """Seconds per step of our loop."""
        return self._loop_timer(self._data, name="ours", memory_mb=4096)

    def streamed(self) -> Callable[[], float]:
        """Seconds per step of our loop on a mapped file."""
        data = self._data.repeated(_STREAM_COPIES, self._folder / "repeated")
        return self._loop_timer(data, name="streamed", memory_mb=_STREAM_MEMORY_MB)

    def floor(self) -> Callable[[], float]:
        """Seconds per step of the compiled steps alone."""
        columns = self._columns(self._data, memory_mb=4096)
        runner = self._runner(columns)
        batches = Batches(columns, batch_size=self._batch_size, replicas=1, seed=0)
        call = Call(start=0, steps=STEPS_PER_CALL)
        block = tf.nest.map_structure(tf.constant, batches.block(call, replica=0, steps=STEPS_PER_CALL))

        def run() -> float:
            start = time.perf_counter()
            for _ in range(self._steps("floor") // STEPS_PER_CALL):
                runner.run(block, start=0, steps=STEPS_PER_CALL, stop=False)
            return (time.perf_counter() - start) / self._steps("floor")

        return run

    def _loop_timer(self, data: transformed.Transformed, *, name: str, memory_mb: int) -> Callable[[], float]:
        columns = self._columns(data, memory_mb=memory_mb)
        assert columns.in_memory == (name == "ours")
        runner, folder, where = self._runner(columns), self._folder / name, replicas.choose("one_device")
        batches = Batches(columns, batch_size=self._batch_size, replicas=1, seed=0)
        weights = [variable.value for variable in runner.model.variables]
        checkpoints = Checkpoints(
            folder=str(folder / "checkpoints"),
            keep=2,
            variables={"model": weights, "optimizer": [variable.value for variable in runner.optimizer.variables]},
            weights=weights,
            chief=True,
        )
        # Each turn ends with an evaluation of one example and a checkpoint.
        one_example = Columns.from_arrays(
            {name: values.numpy() for name, values in columns.layout.unpack(columns.take(np.arange(1))).items()}
        )
        folder.mkdir(parents=True)
        journal = Journal(history=str(folder / "history.jsonl"), tensorboard=str(folder / "tensorboard"))
        state, steps = TrainingState(), self._steps(name)

        def run() -> float:
            nonlocal state
            options = self._parameters.loop.model_copy(
                update={
                    "steps": state.step + steps,
                    "epochs": None,
                    "evaluate_every_steps": 2**40,
                    "memory_mb": memory_mb,
                }
            )
            controller = Controller(
                runner=runner,
                batches=batches,
                batch_size=self._batch_size,
                evaluation=Evaluation(model=runner.model, columns=one_example, head=self._head, eager=False),
                checkpoints=checkpoints,
                intervals=Intervals.of(options, batches),
                options=options,
                head=self._head,
                replicas=where,
                report=journal.report,
            )
            start = time.perf_counter()
            state = controller.run(state)
            return (time.perf_counter() - start) / steps

        return run

    def _steps(self, way: str) -> int:
        return max(EXAMPLES[way] // self._batch_size, STEPS_PER_CALL)

    def _columns(self, data: transformed.Transformed, *, memory_mb: int) -> Columns:
        return read_columns(
            [data.train],
            self._output.transformed_feature_spec(),
            memory_bytes=memory_mb * 2**20,
            scratch=str(self._folder / "mapped"),
        )

    def _runner(self, columns: Columns) -> StepRunner:
        where = replicas.choose("one_device")
        with where.strategy.scope():
            return StepRunner(
                model=self._model(),
                optimizer=self._optimizer(),
                head=self._head,
                layout=columns.layout,
                options=self._parameters.loop,
                class_weights=None,
                replicas=where,
            )

    def _model(self) -> keras.Model:
        columns = self._parameters.resolved_features(self._output.raw_feature_spec())
        features = TransformedFeatures.read(columns, self._output)
        return models.build(self._parameters.model, features=features, units=self._head.units)

    def _optimizer(self) -> keras.optimizers.Optimizer:
        return optimizers.build(self._parameters.loop, steps=10**6)


def _compile_options() -> dict[str, object]:
    return {"loss": keras.losses.BinaryCrossentropy(from_logits=True), "metrics": ["binary_accuracy"]}


def _fit_timer(model: keras.Model, batches: tf.data.Dataset, *, steps: int) -> Callable[[], float]:
    """Time ``fit`` from the first to the last batch, without its set-up and end."""

    class Clock(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.marks: list[tuple[int, float]] = []

        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            self.marks.append((batch, time.perf_counter()))

    def run() -> float:
        clock = Clock()
        model.fit(batches, steps_per_epoch=steps, epochs=1, verbose=0, callbacks=[clock])
        (first, start), (last, end) = clock.marks[0], clock.marks[-1]
        return (end - start) / (last - first)

    return run
