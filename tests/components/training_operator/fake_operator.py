"""The part of a Kubernetes API that a TFJob needs, with an operator behind it that runs the pods as local processes."""

from __future__ import annotations

import datetime
import json
import re
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.pipeline.nodes import tfjob_schema
from tests.trainer.distribution.jobs import free_ports, start

_JOBS = re.compile(r"/apis/kubeflow\.org/v1/namespaces/(?P<namespace>[^/]+)/tfjobs(/(?P<name>[^/]+))?")
_PODS = re.compile(r"/api/v1/namespaces/(?P<namespace>[^/]+)/pods(/(?P<name>[^/]+)/log)?")


@dataclass
class Pod:
    """A pod and the process in it."""

    name: str
    job: str
    process: subprocess.Popen
    log: Path
    ended: datetime.datetime | None = None

    def manifest(self) -> dict[str, Any]:
        code = self.process.poll()
        phase = "Running" if code is None else "Failed" if code else "Succeeded"
        state: dict[str, Any] = {"running": {}}
        if code is not None:
            self.ended = self.ended or datetime.datetime.now(datetime.UTC)
            reason = "Error" if code else "Completed"
            state = {"terminated": {"exitCode": code, "reason": reason, "finishedAt": self.ended.isoformat()}}
        return {
            "metadata": {"name": self.name, "labels": {"training.kubeflow.org/job-name": self.job}},
            "status": {
                "phase": phase,
                "containerStatuses": [
                    {
                        "name": "tensorflow",
                        "state": state,
                        "ready": code is None,
                        "restartCount": 0,
                        "image": "",
                        "imageID": "",
                    }
                ],
            },
        }


@dataclass
class Cluster:
    """A namespace ``team``.

    Attributes:
        folder: for the pods' logs.
        refuse: answers a creation in the operator's place, with a status and a body.
        command: what a pod runs instead of its own command, by the replica's type.
        idle: whether the operator does nothing.
        created: every manifest that was posted.
        deleted: names.
        calls: methods and paths, in order.
        on_running: called whenever a job is seen to run.
        on_deletion: called when a job is deleted.
    """

    folder: Path
    refuse: tuple[int, str] | None = None
    command: dict[str, list[str]] = field(default_factory=dict)
    idle: bool = False
    created: list[dict[str, Any]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    on_running: Callable[[], None] | None = None
    on_deletion: Callable[[], None] = lambda: None
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    pods: list[Pod] = field(default_factory=list)

    def create(self, manifest: dict[str, Any]) -> tuple[int, Any]:
        if self.refuse:
            return self.refuse
        name = manifest["metadata"]["name"]
        if name in self.jobs:
            return status(409, f'tfjobs.kubeflow.org "{name}" already exists', kind="tfjobs")
        tfjob_schema.check(manifest)
        self.created.append(manifest)
        self.jobs[name] = {**manifest, "metadata": {**manifest["metadata"], "uid": "1"}}
        if not self.idle:
            self._start(manifest)
        return 201, self.jobs[name]

    def _start(self, manifest: dict[str, Any]) -> None:
        replicas = [
            (kind.lower(), index, spec)
            for kind, spec in manifest["spec"]["tfReplicaSpecs"].items()
            for index in range(spec["replicas"])
        ]
        cluster: dict[str, list[str]] = {}
        for (kind, _, _), port in zip(replicas, free_ports(len(replicas)), strict=True):
            cluster.setdefault(kind, []).append(f"127.0.0.1:{port}")
        for kind, index, spec in replicas:
            command = self.command.get(kind) or spec["template"]["spec"]["containers"][0]["command"]
            assert command[:2] == ["python", "-m"]
            name = f"{manifest['metadata']['name']}-{kind}-{index}"
            config = {"cluster": cluster, "task": {"type": kind, "index": index}, "environment": "cloud"}
            environment = {"TF_CONFIG": json.dumps(config)} if len(replicas) > 1 else {}
            log = self.folder / f"{name}.log"
            process = start(*command[3:], module=command[2], log=log, **environment)
            self.pods.append(Pod(name, manifest["metadata"]["name"], process, log))

    def get(self, name: str) -> tuple[int, Any]:
        if name not in self.jobs:
            return self.missing(name)
        pods = [pod for pod in self.pods if pod.job == name]
        found = ["Created"] if pods else []
        phases = {pod.name.split("-")[-2]: pod.manifest()["status"]["phase"] for pod in pods}
        if phases.get("chief") == "Running":
            found.append("Running")
        if phases.get("chief") == "Succeeded":
            found.append("Succeeded")
        elif "Failed" in phases.values():
            found.append("Failed")
        if {"Succeeded", "Failed"} & set(found):
            # cleanPodPolicy Running
            for pod in pods:
                pod.process.terminate()
        texts = {"Failed": f"TFJob team/{name} has failed because 1 replica(s) failed."}
        listed = [{"type": kind, "status": "True", "message": texts.get(kind, kind)} for kind in found]
        if "Running" in found and self.on_running:
            self.on_running()
        return 200, {**self.jobs[name], **({"status": {"conditions": listed}} if listed else {})}

    def delete(self, name: str) -> tuple[int, Any]:
        if name not in self.jobs:
            return self.missing(name)
        self.on_deletion()
        del self.jobs[name]
        self.deleted.append(name)
        for pod in self.pods:
            if pod.job == name:
                pod.process.terminate()
        return 200, {"kind": "Status", "status": "Success"}

    def missing(self, name: str) -> tuple[int, Any]:
        if self.refuse and self.refuse[0] == 404:
            return self.refuse
        return status(404, f'tfjobs.kubeflow.org "{name}" not found', kind="tfjobs")

    def close(self) -> None:
        for pod in self.pods:
            pod.process.kill()
            pod.process.wait()


def status(code: int, message: str, *, kind: str) -> tuple[int, str]:
    """An error as the API says it."""
    return code, json.dumps({"kind": "Status", "message": message, "code": code, "details": {"kind": kind}})


class Api:
    """Serves a `Cluster`; use as a context manager."""

    def __init__(self, cluster: Cluster):
        self._cluster = cluster
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    def __enter__(self) -> Api:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._cluster.close()

    def kubeconfig(self, file: Path) -> Path:
        url = f"http://127.0.0.1:{self._server.server_address[1]}"
        context = {"cluster": "fake", "user": "fake", "namespace": "team"}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": {"server": url}}],
            "users": [{"name": "fake", "user": {"token": "none"}}],
            "contexts": [{"name": "fake", "context": context}],
        }
        file.write_text(json.dumps(content))
        return file

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        cluster = self._cluster

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments):
                pass

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert _JOBS.fullmatch(self.path)["namespace"] == "team"
                self._answer(*cluster.create(body))

            def do_GET(self):
                parts = urlsplit(self.path)
                if job := _JOBS.fullmatch(parts.path):
                    self._answer(*cluster.get(job["name"]))
                elif (pod := _PODS.fullmatch(parts.path)) and pod["name"]:
                    [log] = [each.log.read_text() for each in cluster.pods if each.name == pod["name"]]
                    self._answer(200, log)
                else:
                    label, _, name = parse_qs(parts.query)["labelSelector"][0].partition("=")
                    assert label == "training.kubeflow.org/job-name"
                    items = [pod.manifest() for pod in cluster.pods if pod.job == name]
                    self._answer(200, {"kind": "PodList", "apiVersion": "v1", "items": items})

            def do_DELETE(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self._answer(*cluster.delete(_JOBS.fullmatch(urlsplit(self.path).path)["name"]))

            def _answer(self, code, body):
                cluster.calls.append(f"{self.command} {urlsplit(self.path).path}")
                text = body if isinstance(body, str) else json.dumps(body)
                kind = "application/json" if text.startswith("{") else "text/plain"
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

        return Handler
