"""The list of mutations fits the tree; ``python -m tests.mutate`` runs the tests on each."""

from pathlib import Path

import pytest

from tests.mutate.mutations import MUTATIONS


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_changes_one_place_and_names_tests_that_are_there(mutation):
    source = Path(mutation.file).read_text()
    assert mutation.plant(source) != source
    assert all(Path(test).exists() for test in mutation.tests if test.startswith("tests/"))
