"""Small files of every format, and what can happen to them on their way."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import tensorflow as tf
from pyarrow import csv, parquet

_ROWS = 400


@dataclass(frozen=True)
class BadFile:
    """A file as somebody might pass it.

    Attributes:
        name: what is wrong with it.
        ending: how the file's name ends, which says the format.
        content: its bytes.
    """

    name: str
    ending: str
    content: bytes


def bad_files(folder: Path) -> Iterator[BadFile]:
    """All of them; ``folder`` is for files on the way."""
    good = _good(folder)
    for ending, content in good.items():
        for name, damage in _DAMAGES.items():
            yield BadFile(f"{ending}, {name}", ending, damage(content))
        for other in good.keys() - {ending}:
            yield BadFile(f"{ending} called {other}", other, content)
    for name, change in _LINES.items():
        lines = good["csv"].split(b"\n")
        yield BadFile(f"csv, {name}", "csv", b"\n".join(change(lines)))


def _good(folder: Path) -> dict[str, bytes]:
    random_numbers = np.random.default_rng(0)
    table = pa.table(
        {
            "x": random_numbers.normal(size=_ROWS),
            "k": random_numbers.integers(0, 50, _ROWS),
            "c": [f"town {row % 7}" for row in range(_ROWS)],
            "l": [[f"a{row % 3}", "b"][: row % 3] for row in range(_ROWS)],
        }
    )
    csv.write_csv(table.drop_columns("l"), folder / "csv", csv.WriteOptions(quoting_style="none"))
    parquet.write_table(table, folder / "parquet", row_group_size=100)
    with pa.ipc.new_file(str(folder / "arrow"), table.schema) as arrow:
        arrow.write_table(table, max_chunksize=100)
    with tf.io.TFRecordWriter(str(folder / "tfrecord")) as records:
        for row in table.to_pylist():
            records.write(_example(row).SerializeToString())
    good = {name: (folder / name).read_bytes() for name in ("csv", "parquet", "arrow", "tfrecord")}
    return good | {f"{name}.gz": gzip.compress(good[name], mtime=0) for name in ("csv", "tfrecord")}


def _example(row: dict) -> tf.train.Example:
    example = tf.train.Example()
    features = example.features.feature
    features["x"].float_list.value.append(row["x"])
    features["k"].int64_list.value.append(row["k"])
    features["c"].bytes_list.value.append(row["c"].encode())
    features["l"].bytes_list.value.extend(value.encode() for value in row["l"])
    return example


def _flipped(content: bytes, *, bits: int, seed: int) -> bytes:
    chosen, changed = random.Random(seed), bytearray(content)
    for _ in range(bits):
        changed[chosen.randrange(len(changed))] ^= 1 << chosen.randrange(8)
    return bytes(changed)


def _zeroed(content: bytes, *, seed: int) -> bytes:
    start = random.Random(seed).randrange(len(content))
    lost = content[start : start + 64]
    return content[:start] + bytes(len(lost)) + content[start + len(lost) :]


_DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "one byte": lambda content: content[:1],
    "eight bytes": lambda content: content[:8],
    "cut in half": lambda content: content[: len(content) // 2],
    "without the last byte": lambda content: content[:-1],
    "without the last 100 bytes": lambda content: content[:-100],
    "without the first byte": lambda content: content[1:],
    "without the first 100 bytes": lambda content: content[100:],
    "noise": lambda _: random.Random(1).randbytes(5000),
    "zeros": lambda _: bytes(5000),
    "noise at its end": lambda content: content + random.Random(2).randbytes(300),
    "an error page": lambda _: b"<html><body>404 Not Found</body></html>\n",
    "a pointer of Git LFS": lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:0a1b\nsize 12\n",
    **{f"flipped bit {seed}": lambda file, seed=seed: _flipped(file, bits=1, seed=seed) for seed in range(12)},
    **{
        f"20 flipped bits {seed}": lambda content, seed=seed: _flipped(content, bits=20, seed=seed) for seed in range(4)
    },
    **{f"64 zeros {seed}": lambda file, seed=seed: _zeroed(file, seed=seed) for seed in range(4)},
}


def _with(line: bytes, *, at: int = 200) -> Callable[[list[bytes]], list[bytes]]:
    return lambda lines: [*lines[:at], line, *lines[at + 1 :]]


_LINES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "a quote that is never closed": _with(b'1.0,3,"town 1'),
    "too few cells": _with(b"1.0,3"),
    "too many cells": _with(b"1.0,3,town 1,1,7,8"),
    "blanks": _with(b"   "),
    "a quote in a text": _with(b'1.0,3,to"wn'),
    "a NUL byte": _with(b"1.0,3,a\0b"),
    "another encoding": _with(b"1.0,3,M\xfcnchen"),
    "an overflow": _with(b"1e400,3,town 1"),
    "infinity": _with(b"-inf,3,town 1"),
    "a control character in a name": _with(b"x\x1b[31m,k,c", at=0),
    "a name twice": _with(b"x,x,c", at=0),
    "no name": _with(b"x,,c", at=0),
    "a name of 5,000 letters and a torn row": lambda lines: [b"x" * 5000 + b",k,c", *lines[1:99], b"1"],
    "a torn row of two million letters": _with(b"a" * 2_000_000),
    "a header alone": lambda lines: [lines[0], b""],
    "newlines alone": lambda _: [b""] * 500,
    "line ends of old Macs": lambda lines: [b"\r".join(lines)],
    "UTF-16": lambda lines: [b"\n".join(lines).decode().encode("utf-16")],
}
