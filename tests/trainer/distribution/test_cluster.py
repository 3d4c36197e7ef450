import contextlib
import json
import socket
import subprocess
import sys
import threading
import time

import pytest

from trainer.distribution import cluster, rendezvous
from trainer.distribution.cluster import Cluster, ClusterError
from trainer.job import JobError, read

HOSTS = {"chief": ["a:2222"], "worker": ["b:2222", "c:2222"]}


def environment(config) -> dict[str, str]:
    return {"TF_CONFIG": config if isinstance(config, str) else json.dumps(config)}


@pytest.mark.parametrize("text", ["", "{}", '{"cluster": {}, "task": {}}'])
def test_without_a_cluster_there_is_none(text):
    assert cluster.from_environment({"TF_CONFIG": text}) is None
    assert cluster.from_environment({}) is None


@pytest.mark.parametrize(
    ("task", "place"),
    [({"type": "chief", "index": 0}, 0), ({"type": "worker", "index": 1}, 2), ({"type": "worker", "index": "0"}, 1)],
)
def test_the_chief_is_first(task, place):
    found = cluster.from_environment(environment({"cluster": HOSTS, "task": task, "environment": "cloud"}))
    assert found == Cluster(
        names=("chief 0", "worker 0", "worker 1"), addresses=("a:2222", "b:2222", "c:2222"), place=place
    )
    assert found.chief == (place == 0)


def test_without_a_chief_worker_0_is_the_chief():
    config = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    assert cluster.from_environment(environment(config)).chief


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("{cluster", "TF_CONFIG is not JSON"),
        (
            {"cluster": HOSTS, "task": {"type": "worker", "index": 2}},
            "the task is worker 2, but the cluster has chief 0,",
        ),
        ({"cluster": HOSTS, "task": {"type": "evaluator", "index": 0}}, "the task is evaluator 0, but the cluster has"),
        ({"cluster": HOSTS}, "the task is None None, but"),
        (
            {"cluster": {**HOSTS, "ps": ["d:1"]}, "task": {}},
            "has 'ps', but this trainer supports chief and worker only",
        ),
        ({"cluster": {**HOSTS, "evaluator": ["d:1"]}, "task": {}}, "has 'evaluator', but"),
        ({"cluster": {"master": ["d:1"]}, "task": {}}, "has 'master', but"),
        ({"cluster": {"chief": ["a:1", "b:1"]}, "task": {}}, "more than one chief"),
        ({"cluster": {"chief": ["a"]}, "task": {}}, "'a' must be HOST:PORT"),
        ({"cluster": ["a:1"]}, "cluster must map jobs to lists"),
    ],
)
def test_what_cannot_train_is_refused(config, expected):
    with pytest.raises(ClusterError, match=expected):
        cluster.from_environment(environment(config))


def test_hosts_become_tf_config():
    text = cluster.tf_config(["a:1", "b:2"], 1)
    found = cluster.from_environment({"TF_CONFIG": text})
    assert (found.addresses, found.place) == (("a:1", "b:2"), 1)


@pytest.mark.parametrize(
    ("hosts", "index", "expected"),
    [
        (["a:1", "b"], 0, "--hosts: 'b' must be HOST:PORT"),
        (["a:1", "a:1"], 0, "--hosts: one occurs twice"),
        (["a:1", "b:1"], 2, "--index 2: there are 2 --hosts"),
        (["a:99999"], 0, "must be HOST:PORT"),
    ],
)
def test_wrong_hosts_are_refused(hosts, index, expected):
    with pytest.raises(ClusterError, match=expected):
        cluster.tf_config(hosts, index)


def free_ports(count):
    sockets = [socket.create_server(("", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def places(addresses) -> list[Cluster]:
    names = tuple(f"worker {index}" for index in range(len(addresses)))
    return [Cluster(names=names, addresses=tuple(addresses), place=place) for place in range(len(addresses))]


def meet_all(clusters, *, seconds=20) -> list[str]:
    """What each process says, in threads; empty where all is well."""
    said = [""] * len(clusters)

    def one(index):
        try:
            rendezvous.meet(clusters[index], timeout_seconds=seconds)
        except ClusterError as error:
            said[index] = str(error)

    threads = [threading.Thread(target=one, args=(index,)) for index in range(len(clusters))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said


def test_all_find_each_other_and_leave_their_ports_free():
    ports = free_ports(3)
    assert meet_all(places([f"127.0.0.1:{port}" for port in ports])) == ["", "", ""]
    for port in ports:
        socket.create_server(("", port)).close()


def test_who_is_missing_is_named():
    first, second, third = free_ports(3)
    clusters = places([f"127.0.0.1:{first}", f"localhost:{second}", f"127.0.0.1:{third}"])
    said = meet_all(clusters[:2], seconds=1)
    assert (
        said
        == [f"after 1 s there is no answer from worker 2 (127.0.0.1:{third}): is it running, and its port open?"] * 2
    )


def test_another_list_of_hosts_is_found_out():
    ports = free_ports(2)
    addresses = [f"127.0.0.1:{port}" for port in ports]
    clusters = [places(addresses)[0], places([addresses[0].replace("127.0.0.1", "localhost"), addresses[1]])[1]]
    said = meet_all(clusters, seconds=5)
    assert any("was started with another list of hosts" in text for text in said)
    assert all(said)


def test_a_port_that_is_taken_is_named():
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
        [own, _] = places([f"127.0.0.1:{port}", "127.0.0.1:1"])
        with pytest.raises(
            ClusterError, match=f"cannot listen on 127.0.0.1:{port}, .*: does another training run here"
        ):
            rendezvous.meet(own, timeout_seconds=1)


def empties(door) -> bool:
    """Whether nobody is awaited any more; the door notes who knocked once it has answered."""
    deadline = time.monotonic() + 20
    while door.awaited and time.monotonic() < deadline:
        time.sleep(0.01)
    return not door.awaited


def test_a_stranger_at_the_door_does_no_harm():
    ports = free_ports(2)
    clusters = places([f"127.0.0.1:{port}" for port in ports])
    with rendezvous._Door(clusters[0]) as door:
        for noise in (b"GET / HTTP/1.1\r\n\r\n", b"[1]\n", b"", b"1\n", b"null\n", b'{"a": 1}\n', b"[[], []]\n"):
            with socket.create_connection(("127.0.0.1", ports[0]), timeout=20) as connection:
                connection.sendall(noise)
                connection.shutdown(socket.SHUT_WR)
                assert connection.recv(100) in (b"", rendezvous._STRANGER)
        assert rendezvous._reaches(clusters[1], 0)
        assert empties(door)


def test_a_silent_caller_does_not_keep_the_others_waiting():
    ports = free_ports(2)
    clusters = places([f"127.0.0.1:{port}" for port in ports])
    with rendezvous._Door(clusters[0]) as door:
        silent = [socket.create_connection(("127.0.0.1", ports[0])) for _ in range(3)]
        assert rendezvous._reaches(clusters[1], 0)
        assert empties(door)
        for connection in silent:
            connection.close()


def test_a_line_without_an_end_is_not_read_to_the_end():
    ports = free_ports(2)
    [own, _] = places([f"127.0.0.1:{port}" for port in ports])
    with rendezvous._Door(own), socket.create_connection(("127.0.0.1", ports[0]), timeout=60) as connection:
        connection.sendall(b"9" * 10_000)
        # The door closes, which this side sees as an end or, since not all was read, as a reset.
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(100) == b""


JOB = {
    "train": ["t"],
    "eval": ["e"],
    "transform_graph": "g",
    "model": "m",
    "model_run": "r",
    "parameters": {"label": {"column": "y"}},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "is not JSON"),
        (json.dumps({**JOB, "modell": "m"}), "modell: Extra inputs are not permitted"),
        (json.dumps({**JOB, "train": []}), "train: .* at least 1 item"),
        (
            json.dumps({**JOB, "parameters": {"label": {"column": "y"}, "loop": {"epochs": 1, "steps": 1}}}),
            "parameters.loop",
        ),
    ],
)
def test_a_wrong_job_is_refused(tmp_path, text, expected):
    file = tmp_path / "job.json"
    file.write_text(text)
    with pytest.raises(JobError, match=expected):
        read(file)


@pytest.mark.parametrize(
    ("arguments", "config", "expected"),
    [
        (["--hosts", "a:1,b:1"], "", "--hosts and --index go together"),
        (["--hosts", "a:1,b:1", "--index", "7"], "", "--index 7: there are 2 --hosts"),
        ([], '{"cluster": {"ps": ["a:1"]}}', "has 'ps'"),
        ([], "", "job.json: cannot be read (No such file or directory)."),
    ],
)
def test_the_command_answers_without_tensorflow(tmp_path, arguments, config, expected):
    words = [sys.executable, "-X", "importtime", "-m", "trainer", "--job", str(tmp_path / "job.json"), *arguments]
    done = subprocess.run(words, capture_output=True, text=True, env={"TF_CONFIG": config, "PYTHONPATH": "."})
    assert done.returncode == 2
    assert expected in done.stderr
    assert "tensorflow" not in done.stderr


def test_an_input_that_is_not_there_is_named_before_tensorflow_starts(tmp_path):
    (tmp_path / "t").mkdir()
    (tmp_path / "job.json").write_text(json.dumps({**JOB, "train": [str(tmp_path / "t")], "eval": ["gs://b/e"]}))
    words = [sys.executable, "-X", "importtime", "-m", "trainer", "--job", str(tmp_path / "job.json")]
    done = subprocess.run(words, capture_output=True, text=True, env={"PYTHONPATH": "."})
    assert done.returncode == 2
    assert "transform_graph: there is no folder g; is it mounted on this host?" in done.stderr
    assert "tensorflow" not in done.stderr
