"""The user module that TFX ships to its workers: features, preprocessing, model, loop, export.

Importing this package pins Keras to version 3. tensorflow_transform sets ``TF_USE_LEGACY_KERAS=1`` if the variable is
unset; then the import order decides whether ``tf.keras`` is Keras 2 or 3. Every process that trains, transforms or
evaluates imports ``trainer`` first, so the assignment is here.
"""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "0"
