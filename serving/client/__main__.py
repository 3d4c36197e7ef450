"""The client's command line: ``python -m serving.client predict|classify|regress|status|metadata``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from serving.client import Client, Connection, ServingError, features_of_schema, pictures, tls_flags
from serving.client.messages.dtypes import TensorError, numpy_dtype
from serving.client.messages.examples import takes_examples
from serving.client.rows import read_rows
from serving.client.steps import COLUMNAR


def predict(client: Client, options: argparse.Namespace) -> None:
    """Print the outputs for each row, one JSON object per line, in the order of the input."""
    given = _input(client, options, keys=options.keys)
    outputs = client.predict(options.model, given.rows, **given.call)
    taken = sorted(set(options.keys) & set(outputs))
    if taken:
        raise ValueError(f"--keys: {', '.join(taken)}: the model has an output of this name")
    for index, start in enumerate(given.starts):
        print(json.dumps(start | {name: _plain(array[index]) for name, array in outputs.items()}))


def classify(client: Client, options: argparse.Namespace) -> None:
    """Print score by class for each row, one JSON object per line."""
    given = _input(client, options)
    for start, classes in zip(given.starts, client.classify(options.model, given.rows, **given.call), strict=True):
        print(json.dumps(start | dict(classes)))


def regress(client: Client, options: argparse.Namespace) -> None:
    """Print a number for each row, one per line."""
    given = _input(client, options)
    for value in client.regress(options.model, given.rows, **given.call).tolist():
        print(json.dumps(value))


def status(client: Client, options: argparse.Namespace) -> None:
    """Print version and state, one per line, and why a version could not be loaded."""
    states, errors = client.status(options.model), client.load_errors(options.model)
    for version, state in sorted(states.items()):
        print(f"{version}  {state}" + (f"  {errors[version]}" if version in errors else ""))


def metadata(client: Client, options: argparse.Namespace) -> None:
    """Print signatures with the names, types and shapes of inputs and outputs, and what a raw column holds."""
    for name, signature in sorted(client.signatures(options.model, **_version(options)).items()):
        print(name)
        for title, infos in (("in", signature.inputs), ("out", signature.outputs)):
            for key, info in sorted(infos.items()):
                dims = info.tensor_shape.dim
                shape = str([dim.size for dim in dims])
                print(f"  {title:<4}{key:<28}{_type_name(info):<9}{shape:<10}{dims[0].name if dims else ''}".rstrip())


def _type_name(info: Any) -> str:
    """The numpy name, else TensorFlow's: metadata may name types that no request can carry."""
    try:
        dtype = numpy_dtype(info.dtype)
    except TensorError:
        known = info.DESCRIPTOR.fields_by_name["dtype"].enum_type.values_by_number.get(info.dtype)
        return known.name if known else str(info.dtype)
    return "string" if dtype.hasobject else dtype.name


_PICTURES_IN_A_REQUEST = 32
# Names in messages.
_FEW, _LONGEST = 3, 30
_COMMANDS: tuple[Callable[[Client, argparse.Namespace], None], ...] = (predict, classify, regress, status, metadata)


class _Input(NamedTuple):
    """What ``--input`` names.

    Attributes:
        rows: to be sent.
        starts: what the line of each row begins with: its keys, or the file's name where the rows are picture files.
        call: options of the call.
    """

    rows: list[dict[str, object]]
    starts: list[dict[str, object]]
    call: dict[str, Any]


def _input(client: Client, options: argparse.Namespace, *, keys: Sequence[str] = ()) -> _Input:
    """The input rows and the call's options; columns that the model does not take are named on standard error."""
    files = pictures.files(options.input)
    rows = [] if files else read_rows(options.input)
    absent = [key for key in keys if (rows or files) and not any(key in row for row in rows)]
    if absent:
        raise ValueError(f"--keys: no row has {', '.join(absent)}")
    schema = features_of_schema(options.schema) if options.schema else None
    known = schema
    if known is None or files:
        known = _inputs(client, options)
    if files:
        rows = pictures.rows(files, pictures.column(known or {}))
    unknown = {key for row in rows for key in row} - {*known, *keys} if known is not None else set()
    if known and unknown and not any(key in known for row in rows for key in row):
        # Such as a file with another delimiter, whose rows would all be answered as if nothing were known.
        raise ValueError(
            f"{options.input} has no column that the model takes, which are {_some(known)}; it has {_some(unknown)}. "
            "Cells of a CSV file are separated by commas."
        )
    # In JSON lines, what is not there is missing.
    if options.input.endswith(".csv") and (lacking := _lacking(rows, known or {})):
        print(f"taken as missing, no row has it: {', '.join(lacking)}", file=sys.stderr)
    if unknown:
        print(f"ignored, the model has no such input: {', '.join(sorted(unknown))}", file=sys.stderr)
    chunk = options.chunk_rows or (_PICTURES_IN_A_REQUEST if files else None)
    call = {"signature": options.signature, "schema": schema, "chunk_rows": chunk}
    starts: list[dict[str, object]] = [{"file": str(path)} for path in files]
    starts = starts or [{key: row.get(key) for key in keys} for row in rows]
    return _Input(rows, starts, call | _version(options))


def _lacking(rows: Sequence[Mapping[str, object]], known: Collection[str]) -> list[str]:
    """The columns that the model takes and no row has."""
    return sorted(set(known).difference(*rows)) if rows else []


def _some(names: Collection[str]) -> str:
    few = [repr(name[:_LONGEST]) for name in sorted(names)[:_FEW]]
    return ", ".join(few) + (f" and {len(names) - len(few)} more" if len(names) > len(few) else "")


def _inputs(client: Client, options: argparse.Namespace) -> Mapping[str, Any] | None:
    """The columns that the model takes; None if it does not name them."""
    signatures = client.signatures(options.model, **_version(options))
    asked = signatures.get(options.signature)
    # Rows are columns, also where they are sent as tf.Examples.
    named = COLUMNAR if asked is None or takes_examples(asked) else options.signature
    return signatures[named].inputs if named in signatures else None


def _version(options: argparse.Namespace) -> dict[str, Any]:
    return {"version": options.version, "label": options.label}


def _plain(value: np.ndarray) -> object:
    """JSON has no bytes: those that are not UTF-8 are shown as escapes."""
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, np.ndarray):
        items = [_plain(item) for item in value]
        return items[0] if len(items) == 1 else items
    return value.item()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m serving.client", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for function in _COMMANDS:
        command = commands.add_parser(function.__name__, help=(function.__doc__ or "").partition("\n")[0])
        command.set_defaults(function=function)
        _add_server(command)
        if function is not status:
            which = command.add_mutually_exclusive_group()
            which.add_argument("--version", type=int, help="default: the latest")
            which.add_argument("--label", help="of a version, such as stable")
        if function not in (status, metadata):
            _add_rows(command)
        if function is predict:
            command.add_argument(
                "--keys", nargs="+", default=[], metavar="COLUMN", help="of the input, to be printed with the outputs"
            )
    return parser


def _add_server(command: argparse.ArgumentParser) -> None:
    command.add_argument("--target", required=True, action="append", help="host:port; several: repeat, or commas")
    command.add_argument("--model", required=True)
    command.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS", help="of one request (default: 10)")
    tls_flags.add(command)


def _add_rows(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--input", required=True, help=".csv or JSON-lines file, a picture, a folder of pictures, or -: JSON lines"
    )
    command.add_argument("--signature", help="default: the usual one of the command")
    command.add_argument("--schema", metavar="FILE", help="schema.pbtxt, for models that do not name their features")
    command.add_argument("--chunk-rows", type=int, metavar="N", help="at most N rows in one request")


def _connection(options: argparse.Namespace) -> Connection:
    return Connection(addresses=Connection.of(",".join(options.target)).addresses, tls=tls_flags.read(options))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 done, 1 the server refused, 2 bad usage or input, 130 interrupted."""
    options = _parser().parse_args(arguments)
    try:
        with Client(_connection(options), timeout=options.timeout) as client:
            options.function(client, options)
    except ServingError as error:
        print(f"{','.join(options.target)}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader, such as head, is done; the rest of the buffer must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"{options.command}: {where}{error.strerror or error}", file=sys.stderr)
        return 2
    except ValueError as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


def _leave_native_logs_out() -> None:
    """A failed handshake would print the C++ core's log, on file descriptor 2, before our one line."""
    own = os.dup(2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    sys.stderr = os.fdopen(own, "w", buffering=1)


if __name__ == "__main__":
    _leave_native_logs_out()
    sys.exit(main())
