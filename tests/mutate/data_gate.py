"""Mutations of what DataGate judges by itself."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

_TESTS = "tests/components/gates/data"
_GATE = (f"{_TESTS}/test_data_gate.py",)

DATA_GATE = (
    Mutation(
        "DataGate never refuses", "components/gates/data/data_gate.py", "    if found:\n", "    if False:\n", _GATE
    ),
    Mutation(
        "DataGate lets errors pass",
        "components/gates/data/data_gate.py",
        "info.severity >= _SEVERITY[fail_on]",
        "info.severity > _SEVERITY[fail_on]",
        _GATE,
    ),
    Mutation(
        "DataGate allows everything",
        "components/gates/data/data_gate.py",
        'if f"{feature}:{name}" not in allow',
        'if f"{feature}:{name}" in allow',
        _GATE,
    ),
    Mutation(
        "DataGate lets everything pass that a kind cannot read",
        "components/gates/data/feature_check.py",
        "faults = list(options.faults(found))",
        "faults = []",
        (f"{_TESTS}/test_feature_check.py",),
    ),
    Mutation(
        "DataGate lets a class pass that train lacks",
        "components/gates/data/class_check.py",
        "if count and not in_train:",
        "if count and in_train:",
        (f"{_TESTS}/test_class_check.py",),
    ),
    Mutation(
        "DataGate lets a row pass that Transform cannot read",
        "components/gates/data/feature_check.py",
        "if common and missing > 0 and",
        "if common and missing < 0 and",
        (f"{_TESTS}/test_feature_check.py",),
    ),
    Mutation(
        "DataGate lets a column pass that gives the label away",
        "components/reference/one_column.py",
        "score >= _LEAK[label.task]",
        "False",
        (f"{_TESTS}/test_leak_check.py",),
    ),
    Mutation(
        "A fault of one column hides others that give the label away",
        "components/gates/data/data_gate.py",
        "*(() if label_is_wrong else _leaks",
        "*(() if label_is_wrong or unreadable else _leaks",
        (f"{_TESTS}/test_leak_check.py",),
    ),
    Mutation(
        "A rare class hides a column that gives the label away",
        "components/gates/data/leak_check.py",
        'np.zeros(len(labels)) if label.task == "regression" else labels',
        "np.zeros(len(labels))",
        (f"{_TESTS}/test_leak_check.py",),
    ),
    Mutation(
        "The logarithm of a label gives nothing away",
        "components/reference/one_column.py",
        "((values, labels), (_ranks(values), _ranks(labels)))",
        "((values, labels),)",
        (f"{_TESTS}/test_leak_check.py",),
    ),
)
