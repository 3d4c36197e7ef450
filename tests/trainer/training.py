"""A small real training that tests of the loop share, in this process or as a script in another."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np

from trainer.data.columns import Columns
from trainer.distribution import replicas
from trainer.features.transformed import Ids, TransformedFeatures
from trainer.labels.values import class_weights
from trainer.loop import controller
from trainer.models import dnn, wide_and_deep
from trainer.models.heads import head_of
from trainer.objectives.chosen import DEFAULTS as DEFAULTS_OF_TASK
from trainer.options import Loop
from trainer.parameters import Label

FEATURES = TransformedFeatures(numbers={"numbers": 1}, ids={"ids": Ids(width=2, size=10)})
DEFAULTS = {"global_batch_size": 32, "epochs": 3, "steps_per_loop": 4, "optimizer": {"learning_rate": 0.02}}


def make_arrays(rows: int) -> dict[str, np.ndarray]:
    """Features and a label that depends on them."""
    generator = np.random.default_rng(1)
    x, k = generator.normal(size=(rows, 1)), generator.integers(0, 4, (rows, 1))
    return {
        "numbers": x.astype(np.float32),
        "ids": np.concatenate([k, 4 + generator.integers(0, 6, (rows, 1))], axis=1),
        "label": (x + (k == 2) > 0.5).astype(np.float32),
    }


def make_columns(rows: int) -> Columns:
    """As `make_arrays`, decoded."""
    return Columns.from_arrays(make_arrays(rows))


def make_pictures(rows: int) -> Columns:
    """Pictures and a label that depends on them."""
    generator = np.random.default_rng(1)
    pictures = generator.integers(0, 256, (rows, 10, 12, 3)).astype(np.float32) / 255
    bright = pictures[:, 2:8].mean(axis=(1, 2, 3))[:, np.newaxis]
    return Columns.from_arrays({"image_0": pictures, "label": (bright > np.median(bright)).astype(np.float32)})


def build_for_pictures():
    """A small network for them."""
    return dnn.build(
        features=TransformedFeatures(images={"image_0": (10, 12, 3)}), units=1, hidden_units=(4,), dropout=0.0
    )


def build_model(*, units: int = 1, dropout: float = 0.0):
    """The small network."""
    return wide_and_deep.build(features=FEATURES, units=units, hidden_units=(8,), dropout=dropout)


def fit(
    columns: Columns,
    folder,
    *,
    label: Label | None = None,
    dropout: float = 0.0,
    build=None,
    where=None,
    watch=lambda report: None,
    keep_checkpoints=False,
    chosen=DEFAULTS_OF_TASK,
    **options,
):
    """Train and return the result and all reports; ``watch`` sees each report as it comes."""
    reports = []

    def report(progress):
        reports.append(progress)
        watch(progress)

    label = label or Label(column="label")
    loop_options = Loop(**{**DEFAULTS, **options})
    head = head_of(label, chosen=chosen)
    # A training reports fifty times; here every call does, so that a test sees the loss of each.
    with patch("trainer.loop.meter._REPORTS", 10**9):
        trained = controller.fit(
            build_model=build or (lambda: build_model(units=head.units, dropout=dropout)),
            head=head,
            class_weights=class_weights(loop_options.class_weights, label=label, values=np.empty(0), row_weights=None),
            train=columns,
            evaluation=columns,
            options=loop_options,
            replicas=where or replicas.choose(loop_options.strategy),
            checkpoints=str(folder / "checkpoints"),
            report=report,
        )
    if not keep_checkpoints:
        trained.discard_checkpoints()
    return trained, reports
