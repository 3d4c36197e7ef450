import multiprocessing
import re
from pathlib import Path

import pytest

from pipeline.running.folder.run_folder import RunFolderBusy, exclusive, is_locked


def _hold(folder: Path, held, release) -> None:
    with exclusive(folder):
        held.set()
        release.wait(30)


def test_a_second_process_is_refused_or_waits_until_the_first_ends(tmp_path):
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(tmp_path / "taxi", held, release))
    process.start()
    assert held.wait(30)
    busy = re.escape(f"another run uses {tmp_path / 'taxi'} (process {process.pid}); ")
    with pytest.raises(RunFolderBusy, match=busy + "add --wait"), exclusive(tmp_path / "taxi"):
        pytest.fail("entered a folder that another process holds")
    assert is_locked(tmp_path / "taxi")
    said = []

    def hear(line: str) -> None:
        said.append(line)
        release.set()

    with exclusive(tmp_path / "taxi", on_wait=hear):
        process.join(30)
        assert process.exitcode == 0
    assert re.match(busy + "waiting for its end", said[0])
    assert not is_locked(tmp_path / "taxi")
