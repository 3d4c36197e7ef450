"""The exception by which a gate stops a run."""


class GateRefused(Exception):
    """A gate refused its input.

    Raised inside an executor, so the node fails on every orchestrator and no later node runs. The local runner turns it
    into exit code 3, one line on the terminal and a property of the execution in ML Metadata.

    Attributes:
        reason: one line with what was refused, where, and by which limit.
    """

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason
