"""The user module that TFX ships to its workers: features, preprocessing, model, loop, export.

Importing this package pins Keras to version 3. tensorflow_transform sets ``TF_USE_LEGACY_KERAS=1`` when
it finds the variable unset, after which ``tf.keras`` is Keras 2 or 3 by import order. The assignment
stands here, once, because every process that trains, transforms or evaluates imports ``trainer`` first.
"""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "0"
