"""What `doctor` finds in a serving folder, by what ML Metadata know of the pushes."""

from __future__ import annotations

import pytest

from pipeline.running.recovery import examination
from tests.pipeline.running.test_served_model import History

pytestmark = pytest.mark.tensorflow


def test_a_version_is_whole_as_long_as_its_files_are_those_that_were_pushed(tmp_path):
    history = History(tmp_path)
    # No model server could load it, so it is only left alone because it is known.
    _, served = history.push(b"a model")
    _, other = history.push(b"another")
    (other / "assets.extra").mkdir()
    (other / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"added by the Pusher")
    assert list(examination.examine(history.config, build=lambda: pytest.fail("not needed"))) == []
    (served / "assets").mkdir()
    (served / "assets" / "vocabulary").write_text("Cash")
    [problem] = examination.examine(history.config, build=lambda: pytest.fail("not needed"))
    assert (problem.kind, problem.where) == ("serving", str(served))
