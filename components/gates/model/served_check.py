"""How the served model does on the new data: what it got wrong from one day to the next is wrong in the data.

A new candidate learns whatever units and meanings the new columns have, and looks well. The model that is served learnt
the old ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from components.gates.evaluation import ALL_EXAMPLES, EXAMPLE_COUNT, Evaluated
from components.gates.findings import Finding, notice
from components.gates.model.policy import Policy

# With fewer rows, metrics of the same model differ by more than the limits.
_ROWS = 100
# A difference of binary fractions is inexact.
_ROUNDING = 1e-9


def served_findings(judged: Evaluated, pushed: Evaluated | None, policy: Policy) -> Iterator[Finding]:
    """Metrics of the served model that fell too far, or why they could not be compared.

    Args:
        judged: the evaluation of this run, in which the served model is the baseline.
        pushed: that of the run that pushed it, in which it was the candidate; None if that is not known.
        policy: which metrics, and how far.
    """
    now = judged.baseline.get(ALL_EXAMPLES)
    then = pushed and pushed.candidate.get(ALL_EXAMPLES)
    limit = policy.served_max_drop if policy.probabilities else policy.served_max_rise
    if not now or limit is None:
        return
    if then is None:
        yield notice(
            "what the served model reached when it was pushed is not known (its run left no evaluation), so no fall is "
            "seen"
        )
        return
    rows = int(min(now[EXAMPLE_COUNT], then[EXAMPLE_COUNT]))
    metrics = [name for name in policy.served_metrics if name in now and name in then]
    if rows < _ROWS or not metrics:
        why = f"{rows} examples are too few" if metrics else "the runs have no metric in common"
        yield notice(f"{why} to see whether the served model fell on the new data")
        return
    moves = {name: _moved(now[name], then[name], policy) for name in metrics}
    # A metric that cannot be computed is no sign of health.
    beyond = {name: moved for name, moved in moves.items() if not moved <= limit + _ROUNDING}
    if beyond:
        name = max(beyond, key=lambda each: math.inf if math.isnan(beyond[each]) else beyond[each])
        yield Finding(_in_words(name, now[name], then[name], beyond[name], policy))


def _moved(now: float, then: float, policy: Policy) -> float:
    return then - now if policy.probabilities else now / (then or _ROUNDING) - 1


def _in_words(name: str, now: float, then: float, moved: float, policy: Policy) -> str:
    if policy.probabilities:
        change = f"a fall of {moved:.4g}, more than the allowed {policy.served_max_drop:g}"
        key = "served_max_drop"
    else:
        change, key = f"{moved:.0%} more, and {policy.served_max_rise:.0%} are allowed", "served_max_rise"
    return (
        f"{name} of the served model is {now:.4g} on the new data and was {then:.4g} when it was pushed: {change} "
        f"(gates.evaluation.{key}); has a unit or the meaning of a column changed?"
    )
