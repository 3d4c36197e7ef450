"""The mutation of the gate of TF Lite files."""

from tests.mutate.mutation import Mutation

LITE_GATE = Mutation(
    "LiteGate allows any loss",
    "components/lite/gate.py",
    "    if losses:\n",
    "    if False:\n",
    ("tests/components/lite/test_nodes.py",),
)
