"""The golden files: what the shipped profiles compile to, so that a review sees every change of it.

``python -m tests.kubeflow.ir.golden_ir`` rewrites them. Digests of sources are replaced: an edit in
``trainer/`` is no change of the pipeline.
"""

import re
from pathlib import Path

from kubeflow.ir.pipeline_spec import CompiledPipeline
from pipeline.config import loading
from pipeline.config.config import Config

FOLDER = Path(__file__).parent / "golden"
PROFILES = (
    "kubeflow",
    "vertex",  # part: vertex
)
_DIGEST = re.compile(r'(?<="source_digest": ")[0-9a-f]{16}(?=")|(?<=constant: )\'?[0-9a-f]{16}\'?(?=\n)')


def config_of(profile: str, *overrides: str) -> Config:
    """The taxi pipeline in a profile."""
    root = Path(__file__).parents[3]
    return loading.load(config=root / "configs/taxi.yaml", profile=profile, overrides=overrides)


def golden_file(profile: str) -> Path:
    return FOLDER / f"taxi-{profile}.yaml"


def without_digests(compiled: CompiledPipeline) -> str:
    return _DIGEST.sub("DIGEST", compiled.to_yaml())


def main() -> None:
    from kubeflow.ir.compiler import compile_pipeline

    for profile in PROFILES:
        golden_file(profile).write_text(without_digests(compile_pipeline(config_of(profile))))


if __name__ == "__main__":
    main()
