"""Beam runners that are refused by name, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Runners that silently lose data, with what was seen; by the last part of their dotted path, in lower case.
LOSING = {
    "daskrunner": "it loses data silently (whole splits were missing)",
    "rayrunner": "it loses data silently (whole bundles were missing)",
    "rayfnapirunner": "it loses data silently (whole bundles were missing)",
    "raybeamrunner": "it loses data silently (whole bundles were missing)",
    "pysparkrunner": "it loses data silently; SparkRunner is Beam's own",
    "beampysparkrunner": "it loses data silently; SparkRunner is Beam's own",
}
REFUSED = LOSING | {
    "directrunner": "it may try to download another runner; FnApiRunner is what it would use here",
    "switchingdirectrunner": "it may try to download another runner; FnApiRunner is what it would use here",
    "bundlebaseddirectrunner": "it is the slowest and keeps all data in memory; use FnApiRunner",
    "prismrunner": "it downloads its program from a code host at every new version",
    "interactiverunner": "it is for notebooks",
}


def refusal(runner: str, reasons: Mapping[str, str]) -> str | None:
    """Why ``runner``, in any spelling, is refused; None where ``reasons`` does not list it."""
    return reasons.get(plain_name(runner))


def plain_name(runner: str) -> str:
    """``daskrunner`` for ``apache_beam.runners.dask.dask_runner.DaskRunner``, ``dask`` and ``Dask-Runner`` alike."""
    name = re.sub("[-_ ]", "", runner.rpartition(".")[2].lower())
    return name if name.endswith("runner") else f"{name}runner"
