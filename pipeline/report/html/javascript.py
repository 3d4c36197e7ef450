"""The JavaScript of the plots: Vega-Lite and what it needs, in one piece, to be put into each page."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from pathlib import Path


def vega() -> str:
    """Vega, Vega-Lite and vega-embed, 0.9 MB.

    vl-convert holds them, but takes seconds to join them; the result is kept in the environment, if that can be
    written.
    """
    path = kept()
    if path.is_file():
        return path.read_text()
    import vl_convert

    text = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    part = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text)
        part.replace(path)
    except OSError:
        # An environment of the system, or a full disk: the next page takes as long.
        part.unlink(missing_ok=True)
    return text


def kept() -> Path:
    """Where it is kept: once for each release of vl-convert."""
    release = importlib.metadata.version("vl-convert-python")
    return Path(sys.prefix) / "share" / "tfx-pipeline-template" / f"vega-{release}.js"
