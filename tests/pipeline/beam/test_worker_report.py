"""What a worker tells of itself, compared with this machine."""

import copy
import json

import pytest

from pipeline.beam.worker_report import BEGIN, END, faults_of, leave_report, report

PACKAGES = ("trainer", "components")


@pytest.fixture
def here() -> dict:
    return report(PACKAGES)


def test_a_worker_of_the_same_environment_has_no_faults(here):
    assert here["versions"]["tfx"].startswith("1.")
    assert "options.py" in here["sources"]["trainer"]
    assert list(faults_of({**here, "host": "w"}, expected=here)) == []


def changed(here: dict, *path: str, value: object) -> dict:
    worker = copy.deepcopy(here) | {"host": "w1"}
    inner = worker
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return worker


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("python",), "3.1", "beam: the worker on w1 has Python 3.1, and this machine 3."),
        (("versions", "tfx"), None, "beam: the worker on w1 lacks tfx, and this machine has 1."),
        (
            ("versions", "apache-beam"),
            "2.70.0",
            "beam: the worker on w1 has apache-beam 2.70.0, and this machine has 2.",
        ),
        (
            ("sources", "trainer"),
            None,
            "beam: the worker on w1 cannot import trainer; put the project's folder on the ",
        ),
        (
            ("sources", "trainer", "loop/controller.py"),
            "0",
            "has other code than this machine: trainer/loop/controller.py; bring it up to date.",
        ),
        (("sources", "trainer"), {}, "trainer/__init__.py, trainer/__main__.py, trainer/"),
    ],
)
def test_each_fault_is_one_line_with_what_to_do(here, path, value, said):
    (fault,) = faults_of(changed(here, *path, value=value), expected=here)
    assert said in fault
    assert fault.startswith("beam: the worker on w1 ")
    assert "\n" not in fault


def test_many_files_are_counted(here):
    (fault,) = faults_of(changed(here, "sources", "trainer", value={}), expected=here)
    assert fault.endswith(f" and {len(here['sources']['trainer']) - 3} more; bring it up to date.")


def leave(tmp_path, *, token: str = "x", data: str = "/") -> None:
    leave_report(0, folder=str(tmp_path), token=token, packages=PACKAGES, data=data)


def test_a_report_is_left_where_the_client_s_file_is(tmp_path, here):
    (tmp_path / "client").write_text("x")
    leave(tmp_path)
    (left,) = (json.loads(path.read_text()) for path in tmp_path.glob("*.json"))
    assert left == here


@pytest.mark.parametrize(
    ("token", "how", "said"),
    [
        (None, {}, "does not see the folder"),
        # The folder of another machine, of which this worker has a copy.
        ("y", {}, "does not see the folder"),
        ("x", {"data": "/nowhere"}, "does not see the data in /nowhere"),
    ],
)
def test_what_a_worker_does_not_see_is_marked_for_the_client(tmp_path, token, how, said):
    if token:
        (tmp_path / "client").write_text(token)
    with pytest.raises(OSError, match=said) as error:
        leave(tmp_path, **how)
    assert str(error.value).startswith(BEGIN)
    assert str(error.value).endswith(END)
