"""The client's command line: ``python -m serving.client predict|status|metadata``."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from serving.client import Client, ServingError
from serving.client.tensors import numpy_dtype


def read_rows(source: str) -> list[dict[str, object]]:
    """Rows of a ``.csv`` file with a header, of a JSON-lines file, or of standard input (``-``, JSON lines).

    Raises:
        ValueError: a line is not a JSON object; names the line.
    """
    if source.endswith(".csv"):
        with Path(source).open(newline="") as stream:
            return list(csv.DictReader(stream))
    lines = sys.stdin if source == "-" else Path(source).read_text().splitlines()
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{source}, line {number}: is not JSON ({error.msg}); give one object a line") from None
        if not isinstance(row, dict):
            raise ValueError(f"{source}, line {number}: must be a JSON object, one row")
        rows.append(row)
    return rows


def predict(client: Client, options: argparse.Namespace) -> None:
    """Print one JSON object per row, in the order of the input."""
    rows = read_rows(options.input)
    if not rows:
        raise ValueError(f"{options.input} holds no row")
    unknown = {key for row in rows for key in row} - set(_inputs(client, options))
    if unknown:
        print(f"ignored, since the model has no such input: {', '.join(sorted(unknown))}", file=sys.stderr)
    outputs = client.predict(options.model, rows, version=options.version, signature=options.signature)
    for index in range(len(rows)):
        print(json.dumps({name: _plain(array[index]) for name, array in outputs.items()}))


def _inputs(client: Client, options: argparse.Namespace) -> Collection[str]:
    signature = client.signatures(options.model, version=options.version).get(options.signature)
    return signature.inputs if signature else ()


def status(client: Client, options: argparse.Namespace) -> None:
    """Print version and state, one a line."""
    for version, state in sorted(client.status(options.model).items()):
        print(f"{version}  {state}")


def metadata(client: Client, options: argparse.Namespace) -> None:
    """Print signatures with the names and types of their inputs and outputs."""
    for name, signature in sorted(client.signatures(options.model, version=options.version).items()):
        print(name)
        for title, infos in (("in", signature.inputs), ("out", signature.outputs)):
            for key, info in sorted(infos.items()):
                shape = [dim.size for dim in info.tensor_shape.dim]
                kind = "string" if numpy_dtype(info.dtype).hasobject else numpy_dtype(info.dtype).name
                print(f"  {title:<4}{key:<28}{kind:<9}{shape}")


def _plain(value: np.ndarray) -> object:
    plain = np.asarray(value).tolist()
    return plain[0] if isinstance(plain, list) and len(plain) == 1 else plain


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 done, 1 the server refused, 2 bad usage or input."""
    parser = argparse.ArgumentParser(prog="python -m serving.client", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, function in (("predict", predict), ("status", status), ("metadata", metadata)):
        command = commands.add_parser(name, help=function.__doc__.splitlines()[0])
        command.set_defaults(function=function)
        command.add_argument("--target", required=True, help="host:port")
        command.add_argument("--model", required=True)
        if name != "status":
            command.add_argument("--version", type=int, help="default: the latest")
        if name == "predict":
            command.add_argument("--input", required=True, help=".csv or JSON-lines file, or - for standard input")
            command.add_argument("--signature", default="columnar")
    options = parser.parse_args(arguments)
    try:
        with Client(options.target) as client:
            options.function(client, options)
    except ServingError as error:
        print(f"{options.target}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader, such as head, has seen enough; what is left in the buffer must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError) as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
