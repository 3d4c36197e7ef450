"""The mutations of the comparisons with earlier data and with requests."""

from tests.mutate.mutation import Mutation

_FOLDER = "components/gates/data/drift"
_TESTS = ("tests/components/gates/data/test_drift.py",)
_DISTANCES = ("tests/components/gates/data/test_distances.py",)

DRIFT = (
    Mutation(
        "DataGate ignores the schema's comparators",
        f"{_FOLDER}/by_schema.py",
        "moved.value > moved.threshold",
        "False",
        _TESTS,
    ),
    Mutation(
        "DataGate ignores the limits of distributions",
        f"{_FOLDER}/by_default.py",
        "if moved and moved.exceeds(given.limit):",
        "if False:",
        _TESTS,
    ),
    Mutation(
        "DataGate ignores emptied columns",
        f"{_FOLDER}/by_default.py",
        "if moved.exceeds(missing.limit):",
        "if False:",
        _TESTS,
    ),
    Mutation(
        "DataGate ignores the mean of the labels",
        f"{_FOLDER}/by_default.py",
        "if not moved.exceeds(limits.label.mean):",
        "if True:",
        _TESTS,
    ),
    Mutation(
        "DataGate ignores the shares of the classes",
        f"{_FOLDER}/by_default.py",
        "if not moved[worst].exceeds(limits.label.limit):",
        "if True:",
        _TESTS,
    ),
    Mutation(
        "DataGate ignores repeated rows",
        f"{_FOLDER}/by_default.py",
        "if now / rows > before / before_rows and moved.exceeds(limit):",
        "if False:",
        _TESTS,
    ),
    Mutation(
        "DataGate ignores the number of rows",
        f"{_FOLDER}/by_default.py",
        "max(now / before, before / now) > factor",
        "False",
        _TESTS,
    ),
    Mutation(
        "DataGate compares what is known only roughly",
        f"{_FOLDER}/distances.py",
        "return np.clip(shares, known[after], np.where(exact, known[after], known[after + 1]))",
        "return self.even(points)",
        _DISTANCES,
    ),
    Mutation(
        "DataGate takes chance for drift",
        f"{_FOLDER}/distances.py",
        "return self.value > limit + self.chance",
        "return self.value > limit",
        _DISTANCES,
    ),
    Mutation(
        "An exception holds for ever",
        f"{_FOLDER}/limits.py",
        "return today <= self.until",
        "return True",
        _TESTS,
    ),
    Mutation(
        "An exception accepts every check of its column",
        f"{_FOLDER}/exceptions.py",
        "(each.column, each.check) == (change.column, change.check)",
        "each.column == change.column",
        _TESTS,
    ),
    Mutation(
        "Repeated rows are counted as different ones",
        "components/example_gen/rows/distinct.py",
        "return round(rows * len(self._hashes) / counted) if counted else 0",
        "return rows",
        ("tests/components/example_gen/rows/test_distinct.py",),
    ),
)
