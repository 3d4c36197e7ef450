"""The exception by which a gate stops a run."""

from components.messages import one_line


class GateRefused(Exception):
    """A gate refused its input.

    Raised inside an executor, so the node fails on every orchestrator and no later node runs. The local runner turns it
    into exit code 3, one line on the terminal and a property of the execution in ML Metadata.

    Attributes:
        reason: one line of at most 300 characters with what was refused, where, and by which limit.
    """

    def __init__(self, reason: str):
        self.reason = one_line(reason)
        super().__init__(self.reason)
