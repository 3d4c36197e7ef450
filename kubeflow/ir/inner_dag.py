"""The inner DAG that holds the tasks of a pipeline with an exit handler."""

from __future__ import annotations

from kubeflow.ir.pipeline_spec import INNER_DAG, Tree


def pass_parameters_inwards(spec: Tree) -> None:
    """Pass the pipeline's parameters to the inner DAG that an exit handler brings along, in place.

    TFX moves the tasks there and leaves the parameters outside, so the tasks would refer to nothing.
    """
    inner = spec["components"].get(INNER_DAG)
    if inner is None:
        return
    outside = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    for name in sorted(_referred(inner)):
        definition = {"parameterType": outside[name]["parameterType"]}
        inner.setdefault("inputDefinitions", {}).setdefault("parameters", {})[name] = definition
        call = spec["root"]["dag"]["tasks"][INNER_DAG]
        call.setdefault("inputs", {}).setdefault("parameters", {})[name] = {"componentInputParameter": name}


def _referred(inner: Tree) -> set[str]:
    """Names of the parameters that the tasks take from their DAG."""
    parameters = [task.get("inputs", {}).get("parameters", {}) for task in inner["dag"]["tasks"].values()]
    return {
        source["componentInputParameter"]
        for named in parameters
        for source in named.values()
        if "componentInputParameter" in source
    }
