"""Where labels point after each command, and which versions that needs."""

import pytest

from serving.versions import labels, models_config
from serving.versions.models_config import ModelsConfigError


def test_labels_after_each_command():
    start = {"stable": 3, "canary": 5, "blue": 2}
    assert labels.promoted(start, None) == {"stable": 5, "previous": 3, "blue": 2}
    assert labels.promoted(start, 4) == {"stable": 4, "previous": 3, "canary": 5, "blue": 2}
    # Repeated, as after a crash: the previous version must not become the stable one itself.
    assert labels.promoted({"stable": 5, "previous": 3}, 5) == {"stable": 5, "previous": 3}
    assert labels.promoted({}, 5) == {"stable": 5}
    assert labels.rolled_back({"stable": 5, "previous": 3, "blue": 2}) == {"stable": 3, "blue": 2}
    assert labels.labelled(start, "canary", 6) == {"stable": 3, "canary": 6, "blue": 2}
    assert labels.labelled(start, "canary", None) == {"stable": 3, "blue": 2}
    assert labels.labelled({"stable": 5, "previous": 3}, "previous", None) == {"stable": 5}


@pytest.mark.parametrize(
    ("decide", "message"),
    [
        (lambda: labels.promoted({"stable": 3}, None), "no label canary to promote"),
        (lambda: labels.rolled_back({"stable": 3}), "no label previous to roll back to"),
        (lambda: labels.labelled({"stable": 3}, "canary", None), "no label canary; there are stable"),
        (lambda: labels.labelled({}, "stable", 3), "only promote and rollback set the label"),
        (lambda: labels.labelled({}, "previous", 3), "only promote and rollback set the label"),
    ],
)
def test_labels_that_cannot_be(decide, message):
    with pytest.raises(ModelsConfigError, match=message):
        decide()


def test_versions_to_load(file):
    config = models_config.read(file)
    # 1 was listed by a person and has no label: it stays. 3 loses its last label.
    assert labels.versions_after(config, "taxi", {"stable": 5, "previous": 4}) == {1, 4, 5}
    assert labels.versions_after(config, "other", {"stable": 5}) is None
    models_config.entry(config, "taxi").model_version_policy.latest.num_versions = 2
    assert labels.versions_after(config, "taxi", {"stable": 5, "previous": 4}) == {4, 5}
