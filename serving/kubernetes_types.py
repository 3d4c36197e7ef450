"""Amounts and names as Kubernetes writes them, as types of strict options."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

_NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
_CPU = re.compile(r"(?P<number>[0-9]+(\.[0-9]{1,3})?)(?P<unit>m?)")
_MEMORY = re.compile(r"(?P<number>[1-9][0-9]*)(?P<unit>Ki|Mi|Gi)")
_KIBIBYTES = {"Ki": 1, "Mi": 1024, "Gi": 1024 * 1024}


def cpu_cores(quantity: str) -> float:
    """``500m`` is 0.5, ``2`` is 2.0."""
    parts = _CPU.fullmatch(quantity)
    if parts is None or float(parts["number"]) == 0:
        raise ValueError(f"{quantity!r} is not an amount of CPU; write cores, such as 2 or 0.5, or 500m")
    return float(parts["number"]) / (1000 if parts["unit"] else 1)


def memory_kibibytes(quantity: str) -> int:
    """``1Gi`` is 1048576."""
    parts = _MEMORY.fullmatch(quantity)
    if parts is None:
        raise ValueError(f"{quantity!r} is not an amount of memory; write 512Mi or 2Gi")
    return int(parts["number"]) * _KIBIBYTES[parts["unit"]]


def _number_as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _cpu(quantity: str) -> str:
    cpu_cores(quantity)
    return quantity


def _memory(quantity: str) -> str:
    memory_kibibytes(quantity)
    return quantity


def object_name(name: str) -> str:
    """``name``, if Kubernetes objects of ours may have it.

    Raises:
        ValueError: they may not.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} must be up to 40 lower-case letters, digits and '-', and begin with a letter")
    return name


Cpu = Annotated[str, BeforeValidator(_number_as_text), AfterValidator(_cpu)]
Memory = Annotated[str, AfterValidator(_memory)]
ObjectName = Annotated[str, AfterValidator(object_name)]
