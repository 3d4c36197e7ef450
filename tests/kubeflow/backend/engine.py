"""A backend on this machine: runs a compiled pipeline as Vertex or Kubeflow Pipelines would, task by task.

It knows of the pipeline what a backend knows: the compiled YAML. It orders the tasks, resolves their inputs, evaluates
conditions, looks into its cache, starts the containers, tries failed ones again, and runs the exit handler at the end.
What it does not understand it refuses.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Literal

import celpy

from kubeflow.ir.pipeline_spec import CompiledPipeline, Tree
from tests.kubeflow.backend import containers, placeholders
from tests.kubeflow.backend.platform import Artifacts, Attempt, Platform

State = Literal["SUCCEEDED", "CACHED", "SKIPPED", "FAILED", "NOT_TRIGGERED"]


@dataclass(kw_only=True)
class Task:
    """What became of a task.

    Attributes:
        state: how it ended; NOT_TRIGGERED where something before it failed, SKIPPED where its condition was false.
        artifacts: its outputs by their keys.
        parameters: its output parameters.
        codes: the exit code of each attempt.
        logs: what each attempt printed.
    """

    state: State
    artifacts: Artifacts = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    codes: list[int] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether its outputs can be used."""
        return self.state in ("SUCCEEDED", "CACHED")


@dataclass(frozen=True)
class Run:
    """What became of a run.

    Attributes:
        tasks: of all DAGs by their names, in the order they ran in.
    """

    tasks: dict[str, Task]

    def states(self) -> dict[str, State]:
        """The tasks' states."""
        return {name: task.state for name, task in self.tasks.items()}

    def said(self) -> str:
        """The last lines of what failed: why a run did not end well."""
        failed = {name: task for name, task in self.tasks.items() if task.state == "FAILED"}
        return "\n".join(f"{name} {task.codes}: {''.join(task.logs[-1:])[-2000:]}" for name, task in failed.items())


class Backend:
    """Runs compiled pipelines; keeps their outputs and its cache from run to run.

    Args:
        platform: how this backend does what the platforms do differently.
        image: the container's working directory.
        environment: what the image sets.
    """

    def __init__(self, platform: Platform, *, image: Path, environment: Mapping[str, str] | None = None):
        self._platform, self._image = platform, image
        self._environment = dict(environment or {})
        self._cache: dict[str, Task] = {}
        self._runs = 0

    def run(
        self,
        compiled: CompiledPipeline,
        *,
        parameters: Mapping[str, Any] | None = None,
        fresh: Collection[str] = (),
        killed: Collection[str] = (),
    ) -> Run:
        """Run ``compiled`` to its end.

        Args:
            compiled: the pipeline.
            parameters: values of runtime parameters.
            fresh: tasks whose containers start Python afresh.
            killed: tasks whose first attempt is killed once its executor runs.
        """
        self._runs += 1
        name = f"{compiled.spec['pipelineInfo']['name']}-{self._runs}"
        run = _Run(self, compiled, name=name, fresh=fresh, killed=killed)
        declared = compiled.spec["root"].get("inputDefinitions", {}).get("parameters", {})
        values = {key: item["defaultValue"] for key, item in declared.items() if "defaultValue" in item}
        given = dict(parameters or {})
        if unknown := given.keys() - declared.keys():
            raise ValueError(f"{sorted(unknown)}: the pipeline has no such parameter")
        if missing := declared.keys() - (values | given).keys():
            raise ValueError(f"{sorted(missing)}: a parameter without a default needs a value")
        run.dag(compiled.spec["root"]["dag"], {"parameterValues": values | given, "artifacts": {}})
        return Run(run.tasks)


class _Run:
    def __init__(
        self,
        backend: Backend,
        compiled: CompiledPipeline,
        *,
        name: str,
        fresh: Collection[str],
        killed: Collection[str],
    ):
        self._platform, self._image = backend._platform, backend._image  # noqa: SLF001 (two halves of one thing)
        self._environment, self._cache = backend._environment, backend._cache  # noqa: SLF001
        self._compiled, self._name = compiled, name
        self._fresh, self._killed = fresh, set(killed)
        self._logs = self._platform.folder / "logs" / name
        self._logs.mkdir(parents=True)
        self.tasks: dict[str, Task] = {}

    def dag(self, dag: Tree, inputs: Tree) -> None:
        """Run the tasks of a DAG whose own inputs are ``inputs``."""
        tasks = dag["tasks"]
        order = TopologicalSorter({name: sorted(_upstream(task)) for name, task in sorted(tasks.items())})
        for name in order.static_order():
            if name not in tasks:
                raise ValueError(f"{name}: a task depends on it, and it is not in its DAG")
            self.tasks[name] = self._task(name, tasks[name], inputs)

    def _task(self, name: str, task: Tree, dag_inputs: Tree) -> Task:
        trigger = task.get("triggerPolicy", {})
        upstream = [self.tasks[other] for other in _upstream(task)]
        if trigger.get("strategy") != "ALL_UPSTREAM_TASKS_COMPLETED" and not all(other.done for other in upstream):
            return Task(state="NOT_TRIGGERED")
        inputs = self._inputs(task.get("inputs", {}), dag_inputs)
        if "condition" in trigger and not _holds(trigger["condition"], inputs):
            return Task(state="SKIPPED")
        component = self._compiled.spec["components"][task["componentRef"]["name"]]
        if "dag" in component:
            before = set(self.tasks)
            self.dag(component["dag"], inputs)
            inner = {name: task for name, task in self.tasks.items() if name not in before}
            failed = any(task.state == "FAILED" for task in inner.values())
            return Task(state="FAILED" if failed else "SUCCEEDED")
        return self._executed(name, task, component, inputs)

    def _inputs(self, wanted: Tree, dag_inputs: Tree) -> Tree:
        artifacts = {key: self._artifacts(source, dag_inputs) for key, source in wanted.get("artifacts", {}).items()}
        parameters = {key: self._parameter(source, dag_inputs) for key, source in wanted.get("parameters", {}).items()}
        return {"artifacts": artifacts, "parameterValues": parameters}

    def _artifacts(self, source: Tree, dag_inputs: Tree) -> Tree:
        if "componentInputArtifact" in source:
            return dag_inputs["artifacts"][source["componentInputArtifact"]]
        output = source["taskOutputArtifact"]
        artifact = self.tasks[output["producerTask"]].artifacts[output["outputArtifactKey"]]
        return {"artifacts": [self._platform.as_input(artifact)]}

    def _parameter(self, source: Tree, dag_inputs: Tree) -> Any:
        if "runtimeValue" in source:
            # Both backends keep parameters as protobuf values, which print 3.0 as 3.
            constant = source["runtimeValue"]["constant"]
            if isinstance(constant, str):
                return placeholders.fill_job(constant, job=self._platform.job(self._name))
            return int(constant) if isinstance(constant, float) and constant.is_integer() else constant
        if "componentInputParameter" in source:
            return dag_inputs["parameterValues"][source["componentInputParameter"]]
        if "taskOutputParameter" in source:
            output = source["taskOutputParameter"]
            return self.tasks[output["producerTask"]].parameters[output["outputParameterKey"]]
        if "taskFinalStatus" in source:
            name = source["taskFinalStatus"]["producerTask"]
            state = self.tasks[name].state
            error = "" if state == "SUCCEEDED" else f"The tasks {sorted(self._failed())} failed."
            return self._platform.final_status(run=self._name, task=name, state=state, error=error)
        raise ValueError(f"{source}: no backend knows such a parameter")

    def _failed(self) -> list[str]:
        return [name for name, task in self.tasks.items() if task.state == "FAILED"]

    def _executed(self, name: str, task: Tree, component: Tree, inputs: Tree) -> Task:
        label = component["executorLabel"]
        executor = self._compiled.spec["deploymentSpec"]["executors"][label]
        declared = component.get("outputDefinitions", {})
        outputs = self._platform.outputs(name, run=self._name, keys=declared.get("artifacts", {}))
        fingerprint = _fingerprint(executor, component, inputs)
        cached = self._cache.get(fingerprint)
        if cached and task.get("cachingOptions", {}).get("enableCache"):
            return Task(state="CACHED", artifacts=cached.artifacts, parameters=cached.parameters)
        result = Task(state="FAILED", artifacts=outputs)
        for number in range(1 + int(task.get("retryPolicy", {}).get("maxRetryCount", 0))):
            with self._platform.attempt(inputs, outputs, task=name, run=self._name, executor=label) as attempt:
                attempt.executor_input["outputs"]["parameters"] = {
                    key: {"outputFile": f"/tmp/kfp/outputs/{key}"} for key in declared.get("parameters", ())
                }
                self._attempt(f"{name}-{number}", name, executor, attempt, result)
                if result.codes[-1] == 0:
                    attempt.succeeded = True
                    result.state = "SUCCEEDED"
                    _record(json.loads(attempt.output_file.read_text()), result)
                    self._cache[fingerprint] = result
                    return result
        return result

    def _attempt(self, log: str, name: str, executor: Tree, attempt: Attempt, result: Task) -> None:
        if "container" not in executor:
            raise ValueError(f"{name}: this backend starts containers only, and this is {sorted(executor)}")
        if "lifecycle" in executor["container"]:
            raise ValueError(f"{name}: this backend, as Kubeflow Pipelines, runs nothing before a container")
        command = self._command(executor["container"], attempt.executor_input, attempt, log=log)
        stop_when = _executor_runs if name in self._killed else None
        self._killed.discard(name)
        result.codes.append(containers.run(command, fresh=name in self._fresh, stop_when=stop_when))
        result.logs.append(command.log.read_text(errors="replace"))

    def _command(self, container: Tree, told: Tree, attempt: Attempt, *, log: str) -> containers.Command:
        def local(uri: str) -> str:
            scheme, _, rest = uri.partition("://")
            return str(Path(attempt.environment["MOUNTS_ROOT"], {"gs": "gcs"}.get(scheme, scheme), rest))

        # New in every attempt, and at the same path.
        home = self._logs / f"{log.rpartition('-')[0]}.home"
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "TMPDIR": str(home),
            "PYTHONPATH": str(self._image),
            # There is no metadata server here that the clients could wait for.
            "NO_GCE_CHECK": "true",
            **self._environment,
            **attempt.environment,
            **{item["name"]: item["value"] for item in container.get("env", ())},
        }
        words = [*container.get("command", ()), *container.get("args", ())]
        return containers.Command(
            words=[placeholders.fill(word, told, local=local) for word in words],
            environment=environment,
            folder=self._image,
            log=self._logs / f"{log}.log",
        )


def _executor_runs(log: str) -> bool:
    return "Starting executor" in log


def _upstream(task: Tree) -> set[str]:
    sources = [*task.get("inputs", {}).get("artifacts", {}).values()]
    sources += [*task.get("inputs", {}).get("parameters", {}).values()]
    kinds = ("taskOutputArtifact", "taskOutputParameter", "taskFinalStatus")
    producers = {source[kind]["producerTask"] for source in sources for kind in kinds if kind in source}
    return producers | set(task.get("dependentTasks", ()))


def _holds(condition: str, inputs: Tree) -> bool:
    environment = celpy.Environment()
    program = environment.program(environment.compile(condition))
    told = {"artifacts": inputs["artifacts"], "parameter_values": inputs["parameterValues"]}
    # Protobuf values know no integers.
    told = json.loads(json.dumps(told), parse_int=float)
    return bool(program.evaluate({"inputs": celpy.json_to_cel(told)}))


def _fingerprint(executor: Tree, component: Tree, inputs: Tree) -> str:
    """What must be equal for an earlier execution to be taken: as both backends compute it.

    KFP: backend/src/v2/cacheutils/cache.go, GenerateCacheKey. The names of artifacts there are numbers of ML Metadata,
    so that what follows a task that ran again runs again.
    """
    names = {key: [one.get("name") for one in given["artifacts"]] for key, given in inputs["artifacts"].items()}
    key = [executor, component.get("outputDefinitions"), names, inputs["parameterValues"]]
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()


def _record(output: Tree, task: Task) -> None:
    """Take over what the executor output says of the outputs."""
    for key, artifacts in output.get("artifacts", {}).items():
        (said,) = artifacts["artifacts"]
        artifact = task.artifacts[key]
        if said.get("uri", artifact["uri"]) != artifact["uri"]:
            raise ValueError(f"{key}: the executor output says {said['uri']}, and not {artifact['uri']}")
        artifact["metadata"] = {**artifact["metadata"], **said.get("metadata", {})}
    task.parameters.update(output.get("parameterValues", {}))
