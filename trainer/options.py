"""The training loop's options, all reachable from the pipeline's YAML under ``trainer.loop``. No TensorFlow here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator, model_validator


class Strict(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Schedule(Strict):
    """The learning rate over the steps: a linear warm-up from 0, then a decay to the end of the training.

    Attributes:
        decay: ``cosine``, ``linear``, ``exponential`` or ``constant``.
        warmup_steps: int, steps until the peak is reached.
        final: the learning rate at the end as a fraction of the peak, in [0, 1]; ``exponential`` needs more than 0.
    """

    decay: Literal["cosine", "linear", "exponential", "constant"] = "cosine"
    warmup_steps: int = Field(default=0, ge=0)
    final: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _exponential_never_reaches_zero(self) -> Schedule:
        if self.decay == "exponential" and self.final == 0:
            raise ValueError("final: an exponential decay never reaches 0; give a fraction such as 0.01")
        return self


class Optimizer(Strict):
    """How gradients change the weights.

    Attributes:
        name: name of a Keras optimizer.
        learning_rate: the peak.
        schedule: warm-up and decay of the learning rate.
        weight_decay: decoupled, per step and times the learning rate (Loshchilov and Hutter 2019, arXiv:1711.05101).
        momentum: in [0, 1), for ``sgd`` and ``rmsprop``.
        clip_norm: the global norm to which larger gradients are scaled down together; None does not clip.
        ema: momentum, in (0, 1), of an exponential moving average of the weights, which is then evaluated and exported;
            None keeps no average.
    """

    name: Literal["adamw", "adam", "sgd", "rmsprop", "adagrad", "lion", "lamb", "ftrl"] = "adamw"
    learning_rate: float = Field(default=2e-3, gt=0, allow_inf_nan=False)
    schedule: Schedule = Schedule()
    weight_decay: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    momentum: float = Field(default=0.0, ge=0, lt=1)
    clip_norm: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    ema: float | None = Field(default=None, gt=0, lt=1)


class EarlyStopping(Strict):
    """End the training when the rows of train that are held back no longer improve.

    Attributes:
        metric: figure of the rows held back: loss, or a metric of the task, such as auc, accuracy or
            mean_absolute_error. On few rows they are noisier than the loss.
        patience: int, evaluations without an improvement before the training ends.
        min_delta: the smallest improvement that counts.
        restore_best: whether to return to the weights of the best evaluation.
    """

    metric: str = "loss"
    patience: int = Field(default=12, gt=0)
    min_delta: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    restore_best: bool = True


class CheckpointOptions(Strict):
    """How often a training is saved.

    Attributes:
        every_steps: int, steps between two checkpoints; None saves one after each evaluation.
        keep: int, checkpoints to keep.
    """

    every_steps: PositiveInt | None = None
    keep: PositiveInt = 2


class Augmentation(Strict):
    """Random changes of the pictures in each training step; an evaluation and a server see them as they are.

    Seed, step and place in the batch decide each change, whatever the number of replicas.

    Attributes:
        flip: ``horizontal`` mirrors half of the pictures left to right, ``vertical`` upside down, ``both`` does either.
        shift: the longest shift as a share of height and width, in [0, 0.5], rounded to whole pixels; what
            is uncovered repeats the edge.
        crop: the shortest side of a random part as a share of the picture's, in (0, 1], which is enlarged to the whole
            picture; 1 does not crop.
    """

    flip: Literal["none", "horizontal", "vertical", "both"] = "none"
    shift: float = Field(default=0.0, ge=0, le=0.5)
    crop: float = Field(default=1.0, gt=0, le=1)

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return self != Augmentation()


class Loop(Strict):
    """The training loop.

    Attributes:
        global_batch_size: int, examples per step over all replicas and accumulated micro-batches; None chooses 32 to
            256 by the number of rows.
        epochs: int, passes over the training split. None and no ``steps`` means that the training ends by
            ``early_stopping``, or at the latest after a number of steps that follows from the number of rows.
        steps: int, steps of the whole training, instead of ``epochs``.
        steps_per_loop: int, steps in one compiled call, before the host sees the metrics.
        evaluate_every_steps: int, steps between evaluations; None evaluates after each epoch, but not before 20 steps
            if the length is not given.
        validation: the share of train, in (0, 1), that is held back where something is chosen by it: early stopping, a
            threshold, hyperparameters. The eval split belongs to the gates.
        optimizer: optimizer, learning-rate schedule, clipping and averaging.
        accumulation: int, micro-batches per step and replica.
        class_weights: weight of an example by its class's name, where classes not named weigh 1; ``balanced`` gives all
            classes the same total.
        augmentation: random changes of pictures.
        label_smoothing: share of a label, in [0, 1), that is spread evenly over all classes.
        early_stopping: when to end the training early; None trains to the end if ``steps`` or ``epochs`` say where it
            is, and else stops early with the defaults.
        precision: ``bfloat16`` and ``float16`` compute in half precision and keep the weights in float32; ``float16``
            scales the loss.
        jit_compile: whether to compile with XLA; None compiles where it works, on a single replica, but no
            convolutions on a CPU, where XLA is slower.
        eager: whether to run step by step in Python, for debugging; slow.
        strategy: ``auto`` takes a cluster of TF_CONFIG, else a TPU, else all GPUs, else one device.
        virtual_devices: int, devices into which the processor is divided for a mirrored training, to try one without
            GPUs; None for real devices.
        seed: int, seed of initialisation, order and dropout.
        deterministic: whether to make every operation repeatable, which is slower on GPUs.
        warm_start: whether to start from the weights of the model that was pushed last.
        worker_start_seconds: int, how long the processes of a cluster wait for each other before the training starts.
        memory_mb: int, MiB of decoded examples to keep in memory; larger splits go to a file on local disk.
        checkpoints: interval and number of checkpoints.
    """

    global_batch_size: PositiveInt | None = None
    epochs: PositiveInt | None = None
    steps: PositiveInt | None = None
    steps_per_loop: PositiveInt = 40
    evaluate_every_steps: PositiveInt | None = None
    validation: float = Field(default=0.15, gt=0, lt=1)
    optimizer: Optimizer = Optimizer()
    accumulation: PositiveInt = 1
    class_weights: Mapping[str, float] | Literal["balanced"] = {}
    augmentation: Augmentation = Augmentation()
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    early_stopping: EarlyStopping | None = None
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    jit_compile: bool | None = None
    eager: bool = False
    strategy: Literal["auto", "one_device", "mirrored", "multi_worker", "tpu"] = "auto"
    virtual_devices: int | None = Field(default=None, ge=2, le=16)
    seed: int = Field(default=0, ge=0, lt=2**31)
    deterministic: bool = False
    warm_start: bool = False
    worker_start_seconds: PositiveInt = 600
    memory_mb: PositiveInt = 2048
    checkpoints: CheckpointOptions = CheckpointOptions()

    @field_validator("class_weights", mode="before")
    @classmethod
    def _names_are_text(cls, weights: object) -> object:
        return {str(name): weight for name, weight in weights.items()} if isinstance(weights, Mapping) else weights

    @model_validator(mode="after")
    def _consistent(self) -> Loop:
        if self.epochs is not None and self.steps is not None:
            raise ValueError("steps: give steps or epochs, not both (set the other to null)")
        if self.global_batch_size is not None and self.global_batch_size < self.accumulation:
            raise ValueError("accumulation: there are more micro-batches than examples in a batch")
        for name, weight in self.class_weights.items() if isinstance(self.class_weights, Mapping) else ():
            if not 0 <= weight < float("inf"):
                raise ValueError(f"class_weights.{name}: must be 0 or more, got {weight}")
        if self.virtual_devices and self.strategy not in ("auto", "mirrored"):
            raise ValueError(f"virtual_devices: only a mirrored training uses them, and strategy is {self.strategy}")
        return self

    @property
    def open_end(self) -> bool:
        """Whether neither ``epochs`` nor ``steps`` say how long the training is."""
        return self.epochs is None and self.steps is None

    @property
    def stopping(self) -> EarlyStopping | None:
        """When to end the training early; None trains to the end."""
        return self.early_stopping or (EarlyStopping() if self.open_end else None)
