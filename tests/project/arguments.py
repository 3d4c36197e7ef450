"""The options of a command line, read by the command's own parser, without running it."""

import argparse
from collections.abc import Sequence
from importlib import import_module
from unittest import mock


class _Parsed(Exception):  # noqa: N818
    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__()
        self.options = options


def parse(module: str, words: Sequence[str]) -> argparse.Namespace:
    """The options that ``main`` of ``module`` reads from ``words``.

    Raises:
        SystemExit: the parser refuses them.
    """
    real = argparse.ArgumentParser.parse_args

    def and_stop(parser: argparse.ArgumentParser, *given: object, **keys: object) -> None:
        raise _Parsed(real(parser, *given, **keys))

    main = import_module(module).main
    with mock.patch("sys.argv", ["command", *words]), mock.patch("argparse.ArgumentParser.parse_args", and_stop):
        try:
            main()
        except _Parsed as parsed:
            return parsed.options
    raise AssertionError(f"{module}.main parses no arguments")
