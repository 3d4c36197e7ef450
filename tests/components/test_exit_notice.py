"""The exit handler: the notice that it makes of a platform's status, and where the notice arrives."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from gcp_storage_emulator.server import create_server
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from tfx.orchestration.kubeflow.decorators import FinalStatusStr
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig
from tfx.orchestration.pipeline import Pipeline

from components import exit_notice
from components.exit_notice import CREATED_PLACEHOLDER, RUN_PLACEHOLDER, ExitNotice, NoticeFailed, make_notice, post
from kubeflow.ir.fixes import fix
from tests.kubeflow.ir.nodes import Say

pytestmark = pytest.mark.tensorflow

VERTEX_JOB = "projects/123/locations/europe-west4/pipelineJobs/taxi-20260102030405"
GATE = "The DAG failed because some tasks failed. The failed tasks are: [ModelGate]."
VERTEX = {
    "state": "SUCCEEDED",
    "pipelineJobResourceName": VERTEX_JOB,
    "pipelineTaskName": "tfx-dag",
    "error": {},
}
VERTEX_REFUSED = {**VERTEX, "state": "FAILED", "error": {"code": 9, "message": GATE}}
# Kubeflow passes a struct with its backend's word for the state, and no error.
KUBEFLOW = {"state": "COMPLETE", "pipelineJobResourceName": "taxi-x7hs2", "pipelineTaskName": "tfx-dag", "error": {}}
KUBEFLOW_REFUSED = {**KUBEFLOW, "state": "FAILED"}
SECRET = "T0/B1/a-secret"


def struct(fields: dict) -> Struct:
    return json_format.ParseDict(fields, Struct())


@pytest.mark.parametrize(
    ("status", "run", "state", "error"),
    [
        (json.dumps(VERTEX), "taxi-20260102030405", "SUCCEEDED", None),
        (json.dumps(VERTEX_REFUSED), "taxi-20260102030405", "FAILED", {"code": 9, "message": GATE}),
        (struct(KUBEFLOW), "taxi-x7hs2", "SUCCEEDED", None),
        (struct(KUBEFLOW_REFUSED), "taxi-x7hs2", "FAILED", None),
        (struct(VERTEX_REFUSED), "taxi-20260102030405", "FAILED", {"code": 9, "message": GATE}),
        (json.dumps({"state": "FAILED", "pipeline_job_resource_name": "a/b"}), "b", "FAILED", None),
        (json.dumps({"state": "CANCELED", "pipelineJobUuid": "77"}), "77", "CANCELLED", None),
        (json.dumps({"state": "FAILED"}), "from-placeholder", "FAILED", None),
        (json.dumps({"state": "FAILED", "pipelineJobResourceName": "../../etc/x y"}), "x-y", "FAILED", None),
    ],
)
def test_the_notice_of_a_run(status, run, state, error):
    notice = make_notice(status, run="projects/1/from-placeholder", created="2026-01-02T03:04:05Z")
    assert (notice["run"], notice["state"], notice["error"]) == (run, state, error)
    assert notice["created"] == "2026-01-02T03:04:05Z"
    assert notice["ended"].endswith("+00:00")


@pytest.mark.parametrize("status", ["", "no JSON", "[]"])
def test_a_platform_that_passes_nothing_still_leaves_a_notice(status):
    notice = make_notice(status, run=RUN_PLACEHOLDER, created=CREATED_PLACEHOLDER)
    assert notice["run"].startswith("unnamed-2")
    assert notice["state"] == "UNKNOWN"
    assert repr(status) in notice["error"]["message"]
    assert notice["resource"] is notice["created"] is None


class Webhook:
    """An HTTP server that answers with one status after the other, and repeats the last one."""

    def __init__(self):
        self.statuses = [200]
        self.received: list[bytes] = []
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):  # noqa: N802
                webhook.received.append(self.rfile.read(int(self.headers["Content-Length"])))
                status = webhook.statuses.pop(0) if len(webhook.statuses) > 1 else webhook.statuses[0]
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            do_GET = do_POST  # noqa: N815

            def log_message(self, *arguments):
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/{SECRET}"


@pytest.fixture
def webhook(monkeypatch) -> Iterator[Webhook]:
    hook = Webhook()
    thread = threading.Thread(target=hook.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("NOTICE_URL", hook.url)
    yield hook
    hook.server.shutdown()
    hook.server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The address of a storage emulator with a bucket named ``bucket``."""
    server = create_server("127.0.0.1", 0, in_memory=True, default_bucket="bucket")
    server.start()
    yield f"http://127.0.0.1:{server._api._httpd.socket.getsockname()[1]}"
    server.stop()


def run_container(status: str | dict, *, folder: str, webhook_env: str, output: Path) -> None:
    """What a platform does with the compiled exit handler, through TFX's own entry point."""
    handler = ExitNotice(final_status=FinalStatusStr(), folder=folder, webhook_env=webhook_env, run=RUN_PLACEHOLDER)
    pipeline = Pipeline(pipeline_name="small", pipeline_root="root", components=[Say(text="x")])
    runner = KubeflowV2DagRunner(KubeflowV2DagRunnerConfig(default_image="image", use_pipeline_spec_2_1=True))
    runner.set_exit_handler(handler)
    spec = fix(runner.run(pipeline, write_out=False)["pipelineSpec"], pipeline=pipeline, exit_handler=handler)
    given = spec["root"]["dag"]["tasks"]["ExitNotice"]["inputs"]["parameters"]
    constants = {name: value["runtimeValue"]["constant"] for name, value in given.items() if "runtimeValue" in value}
    invocation = {
        "inputs": {"parameterValues": {**constants, "final_status": status, "run": "a/named-by-placeholder"}},
        "outputs": {"outputFile": str(output / "executor_output.json")},
    }
    arguments = spec["deploymentSpec"]["executors"]["ExitNotice_executor"]["container"]["args"]
    filled = [json.dumps(invocation) if argument == "{{$}}" else argument for argument in arguments]
    kubeflow_v2_run_executor.main(kubeflow_v2_run_executor._parse_flags(filled))


@pytest.mark.parametrize("status", [json.dumps(VERTEX_REFUSED), VERTEX_REFUSED], ids=["text", "struct"])
def test_a_refused_run_reaches_folder_and_webhook(status, webhook, tmp_path, capsys):
    run_container(status, folder=str(tmp_path / "new" / "ended"), webhook_env="NOTICE_URL", output=tmp_path)
    files = list((tmp_path / "new" / "ended").iterdir())
    assert [file.name for file in files] == ["taxi-20260102030405.json"]
    notice = json.loads(files[0].read_text())
    assert notice["error"]["message"] == GATE
    assert [json.loads(body) for body in webhook.received] == [notice]
    output = capsys.readouterr()
    assert f"run taxi-20260102030405 ended: FAILED {GATE}" in output.out
    assert SECRET not in output.out + output.err


def test_a_status_without_a_name_takes_the_placeholders(tmp_path):
    run_container({"state": "SUCCEEDED"}, folder=str(tmp_path / "ended"), webhook_env="", output=tmp_path)
    assert [file.name for file in (tmp_path / "ended").iterdir()] == ["named-by-placeholder.json"]


def test_a_bucket_gets_the_notice(bucket, tmp_path, monkeypatch):
    from google.cloud import storage

    monkeypatch.setenv("STORAGE_EMULATOR_HOST", bucket)
    run_container(json.dumps(VERTEX), folder="gs://bucket/state/ended", webhook_env="", output=tmp_path)
    blob = storage.Client().bucket("bucket").blob("state/ended/taxi-20260102030405.json")
    assert json.loads(blob.download_as_text())["state"] == "SUCCEEDED"


def test_a_bucket_that_is_not_there_is_one_line(bucket, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", bucket)
    with pytest.raises(
        NoticeFailed, match=r"^gs://none/x/a\.json cannot be written \(.*there is no bucket none; .*\)$"
    ):
        exit_notice.write("{}", folder="gs://none/x/", name="a.json")


def test_a_folder_that_cannot_be_written_does_not_keep_the_webhook_from_its_notice(webhook, tmp_path, capsys):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(NoticeFailed) as failed:
        run_container(json.dumps(VERTEX), folder=str(blocked), webhook_env="NOTICE_URL", output=tmp_path)
    assert str(failed.value) == (
        "the notice of the run (SUCCEEDED) is incomplete: "
        f"{blocked}/taxi-20260102030405.json cannot be written (Not a directory)"
    )
    assert len(webhook.received) == 1
    assert "run taxi-20260102030405 ended: SUCCEEDED\n" in capsys.readouterr().out


def test_a_busy_webhook_is_retried_and_one_that_refuses_is_not(webhook):
    webhook.statuses = [503, 429, 408, 200]
    post("{}", webhook_env="NOTICE_URL", backoff_factor=0)
    assert len(webhook.received) == 4
    webhook.received.clear()
    webhook.statuses = [503]
    with pytest.raises(NoticeFailed, match=r"the webhook of NOTICE_URL did not accept it \(it answered 503\)"):
        post("{}", webhook_env="NOTICE_URL", backoff_factor=0)
    assert len(webhook.received) == 4
    for status in (404, 302):
        webhook.received.clear()
        webhook.statuses = [status]
        with pytest.raises(NoticeFailed, match=rf"it answered {status}"):
            post("{}", webhook_env="NOTICE_URL", backoff_factor=0)
        assert len(webhook.received) == 1


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"http://127.0.0.1:9/{SECRET}", "ConnectionError"),
        (f"file:///{SECRET}", "its value is not an http"),
        (f"http://127.0.0.1:9/{SECRET} x", "ConnectionError"),
        (f"http://127.0.0.1:port/{SECRET}", "InvalidURL"),
        (f"http://[/{SECRET}", "InvalidURL"),
    ],
)
def test_no_failure_contains_the_url(url, reason, monkeypatch, caplog, capfd):
    monkeypatch.setenv("NOTICE_URL", url)
    caplog.set_level("DEBUG")
    with pytest.raises(NoticeFailed, match=reason) as failed:
        post("{}", webhook_env="NOTICE_URL", backoff_factor=0)
    assert failed.value.__cause__ is None
    assert failed.value.__context__ is None
    output = capfd.readouterr()
    assert SECRET not in str(failed.value) + caplog.text + output.out + output.err


def test_a_variable_that_is_not_set_is_named(monkeypatch):
    monkeypatch.delenv("NOTICE_URL", raising=False)
    with pytest.raises(NoticeFailed, match="the environment variable NOTICE_URL with the webhook's URL is not set"):
        post("{}", webhook_env="NOTICE_URL")
