"""Distinct rows are counted in constant memory, however they are spread over counters."""

import pytest

from components.example_gen.rows.distinct import DistinctRows

# 3,000 different rows, each third of them four times.
ROWS = [f"row {number}".encode() for number in range(3000)] + [
    f"row {number * 3}".encode() for number in range(1000)
] * 3


def counted(rows: list[bytes], *, most: int, step: int = 700) -> DistinctRows:
    found = DistinctRows(most)
    for start in range(0, len(rows), step):
        found.add(rows[start : start + step])
    return found


def test_a_few_are_counted_exactly_and_many_nearly():
    assert counted([], most=10).estimate(0) == 0
    assert counted(ROWS, most=3000).estimate(len(ROWS)) == 3000
    assert counted(ROWS, most=1000).estimate(len(ROWS)) == pytest.approx(3000, rel=0.1)


@pytest.mark.parametrize("most", [64, 1000, 3000])
def test_neither_order_nor_the_workers_change_the_count(most):
    first, second = counted(ROWS[:1234], most=most), counted(ROWS[1234:], most=most, step=99)
    first.merge(second)
    assert first.estimate(len(ROWS)) == counted(ROWS[::-1], most=most).estimate(len(ROWS))
