"""Vertex AI's REST endpoints as far as submission, the endpoint pusher and the trainer use them, with their checks."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

from tests.kubeflow.fakes.http_service import Asked, Refusal, Service

_V1 = "type.googleapis.com/google.cloud.aiplatform.v1."
_PARENT = r"/v1/(projects/[^/]+/locations/[^/:]+)"


def refusal(status: int, message: str, *, name: str = "", reason: str = "") -> Refusal:
    """An error as Google's APIs write it."""
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}] if reason else []
    return Refusal(status, {"error": {"code": status, "message": message, "status": name, "details": details}})


class FakeVertex(Service):
    """Jobs, schedules, models, endpoints, custom jobs and operations in memory.

    Attributes:
        jobs: by their names.
        schedules: by their names.
        models: the versions, in order, by the names of their models.
        endpoints: by their names.
        ends: states of a job, one for each time it is asked for; the last one stays.
        lasts: how many requests more an operation of a kind takes; it then ends whether it is asked for or not.
        operation_errors: what the next operations of a kind (``deployModel``) end with.
        custom_jobs: by their names.
        custom_states: fields of a custom job, one for each time one is asked for; the last one stays.
        pools: starts the workers of a custom job; what it returns tells the job's fields in place of ``custom_states``.
        listed_after: how many lists a new custom job is missing from.
    """

    def __init__(self):
        super().__init__()
        self.jobs: dict[str, dict[str, Any]] = {}
        self.schedules: dict[str, dict[str, Any]] = {}
        self.models: dict[str, list[dict[str, Any]]] = {}
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.operations: dict[str, dict[str, Any]] = {}
        self.ends: list[dict[str, Any]] = [{"state": "PIPELINE_STATE_SUCCEEDED"}]
        self.lasts: dict[str, int] = {}
        self.operation_errors: dict[str, list[dict[str, Any]]] = {}
        self.custom_jobs: dict[str, dict[str, Any]] = {}
        self.custom_states: list[dict[str, Any]] = [{"state": "JOB_STATE_SUCCEEDED"}]
        self.pools: Callable[[dict[str, Any]], Callable[[], dict[str, Any]]] | None = None
        self.listed_after = 0
        self._fields: dict[str, Callable[[], dict[str, Any]]] = {}
        self._numbers = itertools.count(1)
        self.route("POST", _PARENT + "/pipelineJobs", self._create_job)
        self.route("GET", _PARENT + "/pipelineJobs/([^/]+)", self._get_job)
        self.route("POST", _PARENT + "/schedules", self._create_schedule)
        self.route("POST", _PARENT + "/models:upload", self._upload)
        self.route("GET", _PARENT + "/models/([^/]+)", self._get_model)
        self.route("GET", "/v1/(.+/models/[^/]+)/operations", self._list_operations)
        self.route("GET", _PARENT + "/endpoints", self._list_endpoints)
        self.route("POST", _PARENT + "/endpoints", self._create_endpoint)
        self.route("GET", _PARENT + "/endpoints/([^/:]+)", self._get_endpoint)
        self.route("POST", _PARENT + "/endpoints/([^/:]+):deployModel", self._deploy)
        self.route("POST", _PARENT + "/endpoints/([^/:]+):undeployModel", self._undeploy)
        self.route("GET", r"/v1/(.+/operations/[^/]+)", self._get_operation)
        self.route("POST", _PARENT + "/customJobs", self._create_custom_job)
        self.route("GET", _PARENT + "/customJobs", self._list_custom_jobs)
        self.route("GET", _PARENT + "/customJobs/([^/:]+)", self._get_custom_job)
        self.route("POST", _PARENT + "/customJobs/([^/:]+):cancel", self._cancel_custom_job)

    def answer(self, request: Asked) -> Any:
        for operation in self.operations.values():
            if operation["left"]:
                operation["left"] -= 1
                if not operation["left"]:
                    self._end(operation)
        return super().answer(request)

    def _create_job(self, asked: Asked, parent: str) -> Any:
        job_id = asked.query.get("pipelineJobId", "")
        if not re.fullmatch(r"[a-z][-a-z0-9]{0,127}", job_id):
            raise refusal(400, f"pipeline_job_id {job_id!r} is invalid", name="INVALID_ARGUMENT")
        name = f"{parent}/pipelineJobs/{job_id}"
        if name in self.jobs:
            raise refusal(409, f"{name} already exists", name="ALREADY_EXISTS")
        self.jobs[name] = {**asked.body, "name": name, "state": "PIPELINE_STATE_PENDING"}
        return self.jobs[name]

    def _get_job(self, asked: Asked, parent: str, job_id: str) -> Any:
        name = f"{parent}/pipelineJobs/{job_id}"
        if name not in self.jobs:
            raise refusal(404, f"{name} is not found", name="NOT_FOUND")
        end = self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
        return {**self.jobs[name], **end}

    def _create_schedule(self, asked: Asked, parent: str) -> Any:
        name = f"{parent}/schedules/{next(self._numbers)}"
        self.schedules[name] = {**asked.body, "name": name, "state": "ACTIVE"}
        return self.schedules[name]

    def _upload(self, asked: Asked, parent: str) -> Any:
        name = asked.body.get("parentModel") or f"{parent}/models/{asked.body.get('modelId') or next(self._numbers)}"
        versions = self.models.setdefault(name, [])
        if asked.body.get("parentModel") and not versions:
            raise refusal(404, f"{name} is not found", name="NOT_FOUND")
        if asked.body.get("modelId") and (versions or self._left(name)):
            raise refusal(409, f"{name} already exists", name="ALREADY_EXISTS")
        for alias in asked.body["model"].get("versionAliases", []):
            if not re.fullmatch(r"[a-z][a-zA-Z0-9-]{0,126}[a-z0-9]", alias):
                raise refusal(400, f"alias {alias!r} is invalid", name="INVALID_ARGUMENT")

        def done() -> dict[str, Any]:
            version = {**asked.body["model"], "name": name, "versionId": str(len(versions) + 1)}
            versions.append(version)
            return {"@type": _V1 + "UploadModelResponse", "model": name, "modelVersionId": version["versionId"]}

        return self._operation(name, "uploadModel", done)

    def _get_model(self, asked: Asked, parent: str, model: str) -> Any:
        model, _, version = model.partition("@")
        for each in reversed(self.models.get(f"{parent}/models/{model}", [])):
            if version in ("", each["versionId"], *each.get("versionAliases", [])):
                return each
        raise refusal(404, f"{parent}/models/{model}@{version} is not found", name="NOT_FOUND")

    def _list_endpoints(self, asked: Asked, parent: str) -> Any:
        wanted = re.fullmatch(r'display_name="(.*)"', asked.query["filter"])[1]
        return {"endpoints": [each for each in self.endpoints.values() if each["displayName"] == wanted]}

    def _create_endpoint(self, asked: Asked, parent: str) -> Any:
        def done() -> dict[str, Any]:
            name = f"{parent}/endpoints/{next(self._numbers)}"
            self.endpoints[name] = {**asked.body, "name": name, "deployedModels": [], "trafficSplit": {}}
            return {"@type": _V1 + "Endpoint", **self.endpoints[name]}

        return self._operation(parent, "createEndpoint", done)

    def _get_endpoint(self, asked: Asked, parent: str, endpoint: str) -> Any:
        name = f"{parent}/endpoints/{endpoint}"
        if name not in self.endpoints:
            raise refusal(404, f"{name} is not found", name="NOT_FOUND")
        return self.endpoints[name]

    def _deploy(self, asked: Asked, parent: str, endpoint: str) -> Any:
        there = self.endpoints[f"{parent}/endpoints/{endpoint}"]
        given, split = asked.body["deployedModel"], asked.body["trafficSplit"]
        deployed_id = given.get("id") or str(next(self._numbers))
        if not re.fullmatch("[0-9]{1,10}", deployed_id):
            raise refusal(400, f"deployed model id {deployed_id!r} is invalid", name="INVALID_ARGUMENT")
        under_way = [each["deploys"] for each in self._left(there["name"])]
        if deployed_id in (*under_way, *(each["id"] for each in there["deployedModels"])):
            raise refusal(409, f"deployed model {deployed_id} already exists", name="ALREADY_EXISTS")
        known = {each["id"] for each in there["deployedModels"]}
        if sum(split.values()) != 100 or not set(split) <= {"0", *known}:
            raise refusal(400, f"traffic split {split} is invalid", name="INVALID_ARGUMENT")
        model, _, version = given["model"].partition("@")
        # Vertex answers with the project's number, and without the version.
        model = re.sub("projects/[^/]+", "projects/123456", model)

        def done() -> dict[str, Any]:
            number = next(self._numbers)
            deployed = {**given, "id": deployed_id, "model": model, "modelVersionId": version}
            deployed["createTime"] = f"2026-01-01T00:{number // 60:02}:{number % 60:02}Z"
            there["deployedModels"].append(deployed)
            there["trafficSplit"] = {deployed_id if key == "0" else key: share for key, share in split.items()}
            return {"@type": _V1 + "DeployModelResponse", "deployedModel": deployed}

        return self._operation(there["name"], "deployModel", done, deploys=deployed_id)

    def _undeploy(self, asked: Asked, parent: str, endpoint: str) -> Any:
        there = self.endpoints[f"{parent}/endpoints/{endpoint}"]
        deployed_id = asked.body["deployedModelId"]
        if there["trafficSplit"].get(deployed_id):
            raise refusal(400, f"deployed model {deployed_id} has traffic", name="FAILED_PRECONDITION")

        def done() -> dict[str, Any]:
            there["deployedModels"] = [each for each in there["deployedModels"] if each["id"] != deployed_id]
            return {"@type": _V1 + "UndeployModelResponse"}

        return self._operation(parent, "undeployModel", done)

    def _operation(self, parent: str, kind: str, done: Any, *, deploys: str = "") -> Any:
        """An operation that is carried out when it is asked for, or else by itself after what ``lasts`` says."""
        name = f"{parent}/operations/{next(self._numbers)}"
        metadata = {
            "@type": f"{_V1}{kind[0].upper()}{kind[1:]}OperationMetadata",
            "genericMetadata": {"createTime": "2026-01-01T00:00:00Z"},
        }
        self.operations[name] = {
            "done": done,
            "kind": kind,
            "metadata": metadata,
            "deploys": deploys,
            "left": self.lasts.get(kind, 0),
        }
        return {"name": name, "metadata": metadata}

    def _get_operation(self, asked: Asked, name: str) -> Any:
        operation = self.operations[name]
        if operation["left"]:
            return {"name": name, "metadata": operation["metadata"]}
        self._end(operation)
        return {"name": name, "metadata": operation["metadata"], "done": True, **operation["result"]}

    def _list_operations(self, asked: Asked, parent: str) -> Any:
        if parent not in self.models:
            raise refusal(404, f"{parent} is not found", name="NOT_FOUND")
        listed = [name for name in self.operations if name.startswith(f"{parent}/operations/")]
        return {"operations": [self._get_operation(asked, name) for name in listed]}

    def _end(self, operation: dict[str, Any]) -> None:
        if "result" not in operation:
            errors = self.operation_errors.get(operation["kind"])
            operation["result"] = {"error": errors.pop(0)} if errors else {"response": operation["done"]()}

    def _left(self, parent: str) -> list[dict[str, Any]]:
        """The operations on ``parent`` that are under way."""
        return [each for name, each in self.operations.items() if name.startswith(f"{parent}/op") and each["left"]]

    def _create_custom_job(self, asked: Asked, parent: str) -> Any:
        spec = asked.body["jobSpec"]
        for index, pool in enumerate(spec["workerPoolSpecs"]):
            count = int(pool["replicaCount"])
            if count < 1 or (index == 0 and count != 1):
                raise refusal(400, f"worker pool {index} cannot have {count} replicas", name="INVALID_ARGUMENT")
        for key, value in asked.body["labels"].items():
            if not re.fullmatch("[a-z][a-z0-9_-]{0,62}", key) or not re.fullmatch("[a-z0-9_-]{0,63}", value):
                raise refusal(400, f"label {key}={value} is invalid", name="INVALID_ARGUMENT")
        name = f"{parent}/customJobs/{next(self._numbers)}"
        self.custom_jobs[name] = {**asked.body, "name": name, "state": "JOB_STATE_PENDING"}
        if self.pools:
            self._fields[name] = self.pools(spec)
        return self.custom_jobs[name]

    def _list_custom_jobs(self, asked: Asked, parent: str) -> Any:
        key, value = re.fullmatch(r'labels\.([a-z]+)="(.*)"', asked.query["filter"]).groups()
        if self.custom_jobs and self.listed_after:
            self.listed_after -= 1
            return {}
        jobs = [job for name, job in self.custom_jobs.items() if name.startswith(parent)]
        return {"customJobs": [job for job in jobs if job["labels"].get(key) == value]}

    def _get_custom_job(self, asked: Asked, parent: str, job: str) -> Any:
        name = f"{parent}/customJobs/{job}"
        if name not in self.custom_jobs:
            raise refusal(404, f"{name} is not found", name="NOT_FOUND")
        if self.custom_jobs[name]["state"] == "JOB_STATE_CANCELLING":
            self.custom_jobs[name]["state"] = "JOB_STATE_CANCELLED"
        elif name in self._fields:
            self.custom_jobs[name].update(self._fields[name]())
        else:
            states = self.custom_states
            self.custom_jobs[name].update(states.pop(0) if len(states) > 1 else states[0])
        return self.custom_jobs[name]

    def _cancel_custom_job(self, asked: Asked, parent: str, job: str) -> Any:
        self.custom_jobs[f"{parent}/customJobs/{job}"]["state"] = "JOB_STATE_CANCELLING"
        return {}
