"""The TF Lite variants of a model by name. No TensorFlow here: configs are validated against them."""

from __future__ import annotations

from typing import Literal

Variant = Literal["float32", "float16", "dynamic_range", "int8"]
