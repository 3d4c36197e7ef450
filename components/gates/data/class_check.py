"""Classes of the label that the training split lacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from components.gates.data.drift.profile import label_seen
from components.gates.data.label_check import split_statistics
from components.gates.data.label_rows import LabelRows
from components.gates.findings import Finding, finding
from components.messages import shown
from trainer.labels.config import Label

_TRAIN = "train"
# Of a split's rows; a class that is rarer may be missing in train by chance.
_MOST_BY_CHANCE = 0.01


def unseen_classes(statistics: str, *, splits: Sequence[str], label: Label, labels: LabelRows) -> Iterator[Finding]:
    """Classes that other splits hold and train does not, so that no answer can be one of them.

    Args:
        statistics: folder of an ExampleStatistics artifact.
        splits: names of the splits.
        label: the label, in which nothing else is wrong.
        labels: reads it from the examples.
    """
    if label.task != "multiclass" or _TRAIN not in splits:
        return
    learnt = _counts(statistics, _TRAIN, label, labels)
    for split in splits:
        counts = _counts(statistics, split, label, labels)
        for name, count, in_train in zip(label.class_names(), counts, learnt, strict=False):
            if count and not in_train:
                share = count / sum(counts)
                rows = f"{round(count):,} rows ({share:.1%})"
                text = f"the label is {shown(name)} in {rows}, a class of which train has no row"
                yield finding(split, label.column, "LABEL_CLASS_UNSEEN", text, refuses=share > _MOST_BY_CHANCE)


def _counts(statistics: str, split: str, label: Label, labels: LabelRows) -> tuple[float, ...]:
    """The rows of each class; none where they cannot be read."""
    rows, features = split_statistics(statistics, split)
    seen = label_seen(label, features, rows, labels, split)
    return tuple(seen.classes) if seen and seen.classes else ()
