"""The inner loop: a GradientTape step, many of them inside one compiled call.

The design is orbit's (tensorflow/models): steps do not leave the device, and the host sees sums after each call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass

import keras
import tensorflow as tf

from trainer import models
from trainer.data.batches import Block
from trainer.data.columns import MatrixLayout
from trainer.distribution.replicas import Replicas
from trainer.features.transformed import EXAMPLE_WEIGHT_KEY, LABEL_KEY
from trainer.loop.augmentation import Augmenter
from trainer.loop.progress import progress_logger
from trainer.models.heads import Head
from trainer.options import Loop

Tensors = Mapping[str, tf.Tensor]


@dataclass(frozen=True)
class Sums:
    """The sums of a call over its steps and all replicas.

    Attributes:
        loss: sum of the examples' losses times their weights.
        score: sum of the head's cheap metric times the weights.
        weight: sum of the weights.
        stop: more than 0 if any process asked to stop.
        rate: sum of the learning rate over steps and replicas.
    """

    loss: float = 0.0
    score: float = 0.0
    weight: float = 0.0
    stop: float = 0.0
    rate: float = 0.0

    def __add__(self, other: Sums) -> Sums:
        return Sums(*(mine + yours for mine, yours in zip(astuple(self), astuple(other), strict=True)))


class StepRunner:
    """Owns model, optimizer and averages, and runs N steps in one call. Create it inside the strategy's scope.

    Args:
        model: from transformed features to logits.
        optimizer: an optimizer, built or not.
        head: loss and score of the task.
        layout: places of the features in the blocks' matrices.
        options: the loop's options.
        class_weights: by class id; None weights all classes equally.
        replicas: where the steps run.
    """

    def __init__(
        self,
        *,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        head: Head,
        layout: MatrixLayout,
        options: Loop,
        class_weights: Sequence[float] | None,
        replicas: Replicas,
    ):
        self.model = model
        self.optimizer = optimizer
        optimizer.build(model.trainable_variables)
        self._head = head
        self._layout = layout
        self._options = options
        self._class_weights = None if class_weights is None else tf.constant(class_weights, tf.float32)
        self._replicas = replicas
        self._augmenter = Augmenter(options.augmentation, seed=options.seed)
        averaged = model.trainable_variables if options.optimizer.ema else []
        self._averaged = [(_copy(variable), variable) for variable in averaged]
        self.averages = [average for average, _ in self._averaged]
        self._gradients = self._sums_and_gradients
        # AutoGraph would convert every function that a step calls, which takes as long as XLA's compilation.
        self._run: Callable[..., tf.Tensor] = (
            self._steps if options.eager else tf.function(self._steps, autograph=False)
        )
        self._may_be_compiled = options.jit_compile is None
        # XLA compiles the whole call of a single replica. Several have variables on different devices, so it can only
        # compile what each computes by itself; a TPU compiles anyway.
        slower = options.jit_compile is None and replicas.on_cpu and _has_convolutions(model)
        if options.eager or options.jit_compile is False or slower or replicas.is_tpu:
            return
        if replicas.count == 1:
            self._run = tf.function(self._steps, jit_compile=True, autograph=False)
        elif options.jit_compile:
            self._gradients = tf.function(self._sums_and_gradients, jit_compile=True, autograph=False)

    def run(self, block: Block, *, start: int, steps: int, stop: bool) -> Sums:
        """Run the first ``steps`` steps of a block.

        Args:
            block: the local replicas' blocks, placed by `Replicas.put`.
            start: int, number of the first step.
            steps: int, number of steps.
            stop: whether this process wants to stop, which every process sees in the sums.
        """
        arguments = block.matrices, block.valid, tf.constant(start), tf.constant(steps), tf.constant(float(stop))
        try:
            sums = self._run(*arguments)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
            if self._may_be_compiled is False or "compil" not in str(error):
                raise
            progress_logger.warning("XLA cannot compile this model; training without it. Set jit_compile to false.")
            self._may_be_compiled = False
            self._run = tf.function(self._steps, autograph=False)
            sums = self._run(*arguments)
        return Sums(*sums.numpy().tolist())

    def _steps(
        self, matrices: Tensors, valid: tf.Tensor, start: tf.Tensor, steps: tf.Tensor, stop: tf.Tensor
    ) -> tf.Tensor:
        strategy = self._replicas.strategy

        def next_step(step: tf.Tensor, sums: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            parts = strategy.run(self._step, args=(matrices, valid, start, step, stop))
            sums += strategy.reduce(tf.distribute.ReduceOp.SUM, parts, axis=None)
            self._update_averages()
            return step + 1, sums

        # With a loop over ``tf.range(steps)`` XLA would compile again for every number of steps.
        _, sums = tf.while_loop(lambda step, _: step < steps, next_step, (tf.constant(0), tf.zeros([5])))
        return sums

    def _step(
        self, matrices: Tensors, valid: tf.Tensor, start: tf.Tensor, step: tf.Tensor, stop: tf.Tensor
    ) -> tf.Tensor:
        """One step of one replica; returns its sums."""
        features = self._layout.unpack({name: matrix[step] for name, matrix in matrices.items()})
        features = self._augmenter.changed(features, step=start + step)
        label = features.pop(LABEL_KEY)
        weight = valid[step] * tf.reshape(features.pop(EXAMPLE_WEIGHT_KEY, tf.ones([1])), [-1])
        if self._class_weights is not None:
            weight *= tf.gather(self._class_weights, tf.cast(label[:, 0], tf.int32))
        total = self._sum_over_replicas(tf.reduce_sum(weight))
        sums, gradients = self._accumulate(features, label, weight, total)
        scaled = isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer)
        rate = (self.optimizer.inner_optimizer if scaled else self.optimizer).learning_rate
        self.optimizer.apply(self._clipped(gradients), self.model.trainable_variables)
        return tf.concat([sums, [stop, tf.cast(rate, tf.float32)]], axis=0)

    def _accumulate(
        self, features: Tensors, label: tf.Tensor, weight: tf.Tensor, total: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Sums and gradients of a batch, computed in micro-batches, which need only a share of the memory."""
        pieces = self._options.accumulation
        if pieces == 1:
            return self._gradients(features, label, weight, total)
        rows = weight.shape[0] or 0

        def of_piece(piece: int) -> tuple[tf.Tensor, list[tf.Tensor]]:
            part = slice(piece * rows // pieces, (piece + 1) * rows // pieces)
            some = {name: values[part] for name, values in features.items()}
            return self._gradients(some, label[part], weight[part], total)

        sums, gradients = of_piece(0)
        for piece in range(1, pieces):
            new_sums, new = of_piece(piece)
            sums += new_sums
            gradients = [a + b for a, b in zip(gradients, new, strict=True)]
        return sums, gradients

    def _sums_and_gradients(
        self, features: Tensors, label: tf.Tensor, weight: tf.Tensor, total: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        variables = self.model.trainable_variables
        with tf.GradientTape() as tape:
            logits = models.apply(self.model, features, training=True)
            losses = self._head.losses(label, logits, smoothing=self._options.label_smoothing)
            # Gradients are summed over replicas and micro-batches, so each is divided by the weight of all of them.
            loss = tf.math.divide_no_nan(tf.reduce_sum(losses * weight), total)
            if self.model.losses:
                loss += tf.add_n(self.model.losses) / (self._replicas.count * self._options.accumulation)
            loss = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        # Keras' updates differ for sparse gradients; a dense one does not depend on how a batch is split.
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        score = self._head.score(label, logits)
        return tf.stack(
            [tf.reduce_sum(losses * weight), tf.reduce_sum(score * weight), tf.reduce_sum(weight)]
        ), gradients

    def _clipped(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        limit = self._options.optimizer.clip_norm
        if limit is None:
            return gradients
        gradients = [self._sum_over_replicas(gradient) for gradient in gradients]
        # A scaled loss has scaled gradients; the optimizer removes the scale.
        scale = self.optimizer.scale_loss(tf.constant(1.0))
        clipped, _ = tf.clip_by_global_norm(gradients, limit * scale)
        # The optimizer sums over the replicas again.
        return [gradient / self._replicas.count for gradient in clipped]

    def _sum_over_replicas(self, value: tf.Tensor) -> tf.Tensor:
        if self._replicas.count == 1:
            return value
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, value)

    def _update_averages(self) -> None:
        momentum = self._options.optimizer.ema
        if momentum is None:
            return
        for average, variable in self._averaged:
            self._replicas.strategy.extended.update(
                average, lambda a, v: a.assign(momentum * a + (1 - momentum) * v), args=(variable.value,)
            )

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """While open, the model has its averaged weights if the options ask for averages."""
        trained = [variable.numpy() for _, variable in self._averaged]
        self.use_averages()
        try:
            yield
        finally:
            for (_, variable), value in zip(self._averaged, trained, strict=True):
                variable.assign(value)

    def use_averages(self) -> None:
        """Give the model its averaged weights permanently if the options ask for averages."""
        for average, variable in self._averaged:
            variable.assign(average.numpy())


def _has_convolutions(model: keras.Model) -> bool:
    """Whether a network has layers that XLA computes on a CPU in some 25 times the time that TensorFlow takes."""
    convolutions = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D, keras.layers.DepthwiseConv2D)
    return any(isinstance(layer, convolutions) for layer in model._flatten_layers())  # noqa: SLF001 (no public name)


def _copy(variable: keras.Variable) -> tf.Variable:
    return tf.Variable(variable.value, trainable=False, name=f"{variable.name}_average")
