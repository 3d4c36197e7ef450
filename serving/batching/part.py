"""Dynamic batching as a part of the server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from serving.metrics import Metrics
from serving.options import ServerOptions
from serving.part import SWITCH, AddFlag, Part, Wrap

if TYPE_CHECKING:
    from serving.batching.parameters import BatchingParameters
    from serving.inference.servable import Servable

# Beside saved_model.pb (servables/tensorflow/saved_model_bundle_factory.cc).
PER_MODEL_FILE = "batching_params.pbtxt"


@dataclass(frozen=True, kw_only=True)
class BatchingPart(Part):
    """Batches requests where ``enable_batching`` is given; every field is the flag of the same name."""

    title: ClassVar[str] = "loading and running"
    enable_batching: bool
    batching_parameters_file: Path | None
    enable_per_model_batching_parameters: bool
    batch_only_while_busy: bool

    @classmethod
    def add_flags(cls, add: AddFlag) -> None:
        """See `Part.add_flags`."""
        add("--enable_batching", default=False, **SWITCH)
        add("--batching_parameters_file", type=Path, help="text-format BatchingParameters")
        add(
            "--enable_per_model_batching_parameters",
            default=False,
            help="read batching_params.pbtxt beside each saved_model.pb",
            **SWITCH,
        )
        add(
            "--batch_only_while_busy",
            default=False,
            help="a request runs at once unless another one of its model runs; those that come meanwhile form a batch",
            **SWITCH,
        )

    def problem(self, options: ServerOptions) -> str | None:
        """See `Part.problem`."""
        others = (self.batching_parameters_file, self.enable_per_model_batching_parameters, self.batch_only_while_busy)
        if any(others) and not self.enable_batching:
            return (
                "--batching_parameters_file, --enable_per_model_batching_parameters, --batch_only_while_busy: give "
                "--enable_batching, too"
            )
        return None

    def wrap(self, metrics: Metrics) -> Wrap | None:
        """See `Part.wrap`."""
        if not self.enable_batching:
            return None
        from serving.batching.batched import BatchedServable
        from serving.batching.parameters import BatchingParameters, read_parameters

        file = self.batching_parameters_file
        shared = read_parameters(file) if file else BatchingParameters()

        def parameters_of(folder: Path) -> BatchingParameters | None:
            """With the per-model flag only the model's own file counts: without it, no batching."""
            if not self.enable_per_model_batching_parameters:
                return shared
            own = folder / PER_MODEL_FILE
            return read_parameters(own) if own.exists() else None

        def wrap(servable: Servable, name: str, folder: Path) -> Servable:
            parameters = parameters_of(folder)
            if parameters is None:
                return servable
            return BatchedServable(
                servable, parameters=parameters, metrics=metrics, name=name, at_once=self.batch_only_while_busy
            )

        return wrap
