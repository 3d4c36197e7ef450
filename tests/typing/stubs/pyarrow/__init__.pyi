"""Arrow's classes are compiled and have no types; `compute` beside this file has."""

from typing import Any

def __getattr__(name: str) -> Any: ...
