import multiprocessing
from pathlib import Path

import pytest

from pipeline.running.run_folder import RunFolderBusy, exclusive


def _hold(folder: Path, held, release) -> None:
    with exclusive(folder):
        held.set()
        release.wait(30)


def test_a_second_process_is_refused_until_the_first_ends(tmp_path):
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(tmp_path / "taxi", held, release))
    process.start()
    assert held.wait(30)
    with pytest.raises(RunFolderBusy, match="another run uses"), exclusive(tmp_path / "taxi"):
        pytest.fail("entered a folder that another process holds")
    release.set()
    process.join(30)
    with exclusive(tmp_path / "taxi"):
        pass
