"""The exception by which a training refuses what it gets."""


class TrainingRefused(ValueError):
    """The training was not begun: what it gets cannot be learnt from.

    The local runner shows it as it shows a gate's refusal, in one line and with exit code 3.
    """
