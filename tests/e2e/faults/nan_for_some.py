"""A user module whose export answers NaN about the few longest trips, and as it should about all others."""

from unittest import mock

import tensorflow as tf

from trainer import run_fn as good
from trainer.export.saved_model import ServingModel
from trainer.features.raw import stack

_MILES = 100.0
_predict = ServingModel._predict


def run_fn(fn_args):
    """Train as usual, and export with the fault."""
    with mock.patch.object(ServingModel, "_predict", _with_nan):
        good.run_fn(fn_args)


def _with_nan(self, raw):
    miles = stack(raw, ["trip_miles"])
    return _predict(self, raw) + tf.where(miles > _MILES, float("nan"), tf.zeros_like(miles))
