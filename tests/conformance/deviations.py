"""Where the embedded server departs from TF Serving on purpose: the whole list.

A test of such a point carries ``@pytest.mark.deviation("name")`` and accepts either behaviour; all others accept
TF Serving's alone.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """One point.

    Attributes:
        stock: what TF Serving does.
        ours: what the embedded server does.
    """

    stock: str
    ours: str


DEVIATIONS = {
    "metadata_field": Deviation(
        stock='says "Metadata field %s is not supportedX": a format that was never filled in',
        ours='says "Metadata field X is not supported"',
    ),
    "missing_base_path": Deviation(
        stock="a base path that is not there stops the look for versions of every model",
        ours="the other models go on",
    ),
    "retries": Deviation(
        stock="a version that failed to load is given up after --max_num_load_retries, for as long as it is aspired",
        ours="it is tried again, with growing pauses",
    ),
    "status_label": Deviation(
        stock="a status asked by label is that of all versions, whatever the label",
        ours="it is that of the label's version; a label that is not there is refused as everywhere else",
    ),
    "unknown_names": Deviation(
        stock="counts a request for a model it does not have under the name that was sent, whatever that is",
        ours="counts it under an empty name, so that nobody can fill the memory and the metrics with names",
    ),
}
