"""The transform graph of each task."""

import pytest


@pytest.fixture(scope="package")
def graphs(tmp_path_factory):
    from tests.shared import stand_ins

    return {
        task: stand_ins.write_transform_graph(tmp_path_factory.mktemp(f"graph_{task}"), label)
        for task, label in stand_ins.LABELS.items()
    }
