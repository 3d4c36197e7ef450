"""The REST endpoints of Kubeflow Pipelines 2 as far as submission uses them, with their checks."""

from __future__ import annotations

import itertools
import json
from typing import Any

from tests.kubeflow.fakes.http_service import Asked, Refusal, Service

_V2 = "/apis/v2beta1/"


def refusal(status: int, message: str) -> Refusal:
    """An error as the API server writes it."""
    return Refusal(status, {"error": message, "code": 2, "message": message, "details": []})


class FakeKfp(Service):
    """Experiments, runs and recurring runs in memory.

    Attributes:
        experiments: by their ids.
        runs: by their ids.
        recurring: by their ids.
        ends: what a run looks like, one for each time it is asked for; the last one stays.
    """

    def __init__(self):
        super().__init__()
        self.experiments: dict[str, dict[str, Any]] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.recurring: dict[str, dict[str, Any]] = {}
        self.ends: list[dict[str, Any]] = [{"state": "SUCCEEDED"}]
        self._numbers = itertools.count(1)
        self.route("GET", _V2 + "healthz", lambda asked: {"multi_user": False})
        self.route("GET", _V2 + "experiments", self._list_experiments)
        self.route("POST", _V2 + "experiments", self._create_experiment)
        self.route("GET", _V2 + "runs", self._list_runs)
        self.route("POST", _V2 + "runs", self._create_run)
        self.route("GET", _V2 + "runs/([^/]+)", self._get_run)
        self.route("POST", _V2 + "recurringruns", self._create_recurring)

    def _list_experiments(self, asked: Asked) -> Any:
        found = [
            each
            for each in self.experiments.values()
            if each["display_name"] == _wanted(asked)
            and (each.get("namespace") or "") == asked.query.get("namespace", "")
        ]
        return {"experiments": found, "total_size": len(found)}

    def _create_experiment(self, asked: Asked) -> Any:
        experiment_id = f"experiment-{next(self._numbers)}"
        self.experiments[experiment_id] = {**asked.body, "experiment_id": experiment_id}
        return self.experiments[experiment_id]

    def _list_runs(self, asked: Asked) -> Any:
        return {"runs": [each for each in self.runs.values() if each["display_name"] == _wanted(asked)]}

    def _create_run(self, asked: Asked) -> Any:
        if asked.body["experiment_id"] not in self.experiments:
            raise refusal(404, f"Experiment {asked.body['experiment_id']} not found")
        run_id = f"run-{next(self._numbers)}"
        self.runs[run_id] = {**asked.body, "run_id": run_id, "state": "PENDING"}
        return self.runs[run_id]

    def _get_run(self, asked: Asked, run_id: str) -> Any:
        if run_id not in self.runs:
            raise refusal(404, f"Run {run_id} not found")
        end = self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
        return {**self.runs[run_id], **end}

    def _create_recurring(self, asked: Asked) -> Any:
        if len(asked.body["trigger"]["cron_schedule"]["cron"].split()) != 6:
            raise refusal(400, "Expected 6 fields in the cron expression")
        recurring_id = f"recurring-{next(self._numbers)}"
        self.recurring[recurring_id] = {**asked.body, "recurring_run_id": recurring_id}
        return self.recurring[recurring_id]


def _wanted(asked: Asked) -> str:
    return json.loads(asked.query["filter"])["predicates"][0]["stringValue"]
