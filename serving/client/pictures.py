"""Picture files as rows for the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from serving.client.messages import holds

_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".bmp")
# What a column's kind is called in the metadata, where it may be followed by other kinds.
_KIND = "image"
_STRING = 7


def files(source: str) -> list[Path]:
    """The picture that ``--input`` names, or those in a folder and in its folders, in order; empty for other files.

    Raises:
        ValueError: there is no picture in the folder.
    """
    path = Path(source)
    if not path.is_dir():
        return [path] if path.suffix.lower() in _ENDINGS else []
    found = sorted(each for each in path.rglob("*") if each.suffix.lower() in _ENDINGS and each.is_file())
    if not found:
        raise ValueError(f"{source} has no pictures; they end in {', '.join(_ENDINGS)}")
    return found


def column(inputs: Mapping[str, Any]) -> str:
    """The only column of encoded pictures among a signature's inputs, or the only one of bytes.

    Args:
        inputs: TensorInfo messages by name.

    Raises:
        ValueError: there is none, or there are several.
    """
    texts = {name: info for name, info in inputs.items() if info.dtype == _STRING}
    named = [name for name, info in texts.items() if _KIND in _kinds(info)]
    found = named or list(texts)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(sorted(found))
        raise ValueError(
            f'a picture may be any of {names}; write JSON lines such as {{"{found[0]}": {{"b64": "..."}}}}'
        )
    raise ValueError(f"the model reads no encoded pictures, but {', '.join(sorted(inputs)) or 'nothing'}")


def rows(paths: Sequence[Path], name: str) -> list[dict[str, object]]:
    """A row for each file, with its bytes."""
    return [{name: path.read_bytes()} for path in paths]


def _kinds(info: Any) -> tuple[str, ...]:
    dims = info.tensor_shape.dim
    return holds.parse(dims[0].name).kinds if dims else ()
