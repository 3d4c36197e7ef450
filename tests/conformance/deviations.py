"""All deliberate deviations of the embedded server from TF Serving.

A test of a deviation carries ``@pytest.mark.deviation("name")`` and accepts either behaviour; all others accept
TF Serving's alone.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """One deviation.

    Attributes:
        stock: what TF Serving does.
        ours: what the embedded server does.
    """

    stock: str
    ours: str


DEVIATIONS = {
    "metadata_field": Deviation(
        stock='says "Metadata field %s is not supportedX": with an unfilled format',
        ours='says "Metadata field X is not supported"',
    ),
    "missing_base_path": Deviation(
        stock="a missing base path stops the polling of all models",
        ours="the other models are still polled",
    ),
    "retries": Deviation(
        stock="a version that failed to load is given up after --max_num_load_retries, for as long as it is aspired",
        ours="it is retried, with growing delays",
    ),
    "status_label": Deviation(
        stock="a status by label is that of all versions, for any label",
        ours="it is that of the label's version; an unknown label is refused as in other calls",
    ),
    "unknown_names": Deviation(
        stock="counts a request for a model it does not have under the name that was sent",
        ours="counts it under an empty name, so that invented names cannot fill the memory",
    ),
}
