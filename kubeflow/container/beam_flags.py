"""Beam's flags among a container's arguments: where the workers are, and the value of one flag."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

# Runners with workers in the task's own container.
_HERE = {"fnapirunner", "directrunner", "bundlebaseddirectrunner"}


def distributed(beam_args: Sequence[str]) -> bool:
    """Whether Beam's workers are other machines than this one."""
    runner = beam_option(beam_args, "--runner") or "DirectRunner"
    return runner.rpartition(".")[2].lower() not in _HERE


def beam_option(beam_args: Sequence[str], flag: str) -> str | None:
    """The value of one of Beam's flags, written ``--flag=value`` or as two words; None if it is missing."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(flag, dest="value")
    return parser.parse_known_args(beam_args)[0].value
