"""The exception by which a gate stops a run."""


class GateRefused(Exception):
    """A gate said no.

    Raised inside an executor, so that the node fails on every orchestrator and nothing after it runs. The
    local runner turns it into exit code 3, one line on the terminal, and a property of the execution in
    ML Metadata.

    Attributes:
        reason: one line: what was refused, where, and by which limit.
    """

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason
