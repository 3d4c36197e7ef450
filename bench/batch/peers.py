"""What one would do without ``predict-batch``: each is a process of its own that reads files and writes answers.

``client`` sends the rows of Parquet files as dicts to a running server, and writes Parquet. ``bulk_inferrer`` is TFX's
component.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# A request of the client; larger ones are not faster.
_CHUNK = 1024


def client(folder: str, output: str, *, target: str, rows: int) -> None:
    """Send the first rows of the Parquet files in ``folder``."""
    import pyarrow as pa
    from pyarrow import parquet

    from serving.client import Client

    writer: Any = None
    with Client(target, timeout=60) as caller:
        for batch in _batches(folder, rows):
            said = caller.predict("taxi", batch.to_pylist(), chunk_rows=_CHUNK)
            table = pa.table({name: array[:, 0] for name, array in said.items()})
            if writer is None:
                writer = parquet.ParquetWriter(output, table.schema)
            writer.write_table(table)
    if writer:
        writer.close()


def _batches(folder: str, rows: int) -> Iterator:
    from pyarrow import parquet

    for path in sorted(Path(folder).iterdir()):
        for batch in parquet.ParquetFile(path).iter_batches(batch_size=8 * _CHUNK):
            if rows <= 0:
                return
            yield batch.slice(0, rows)
            rows -= batch.num_rows


def bulk_inferrer(folder: str, output: str, *, saved_model: str) -> None:
    """Run the component's executor on an Examples artifact with the split ``all``."""
    from tfx.components.bulk_inferrer.executor import Executor
    from tfx.types import standard_artifacts

    examples, model = standard_artifacts.Examples(), standard_artifacts.Model()
    result = standard_artifacts.InferenceResult()
    examples.uri, model.uri, result.uri = folder, saved_model, output
    examples.split_names = '["all"]'
    arguments: list[Any] = [
        "--runner=FnApiRunner",
        "--direct_running_mode=in_memory",
        "--sdk_container_image=none",
    ]
    context = Executor.Context(beam_pipeline_args=arguments, tmp_dir=f"{output}.tmp", unique_id="1")
    Executor(context).Do(
        {"examples": [examples], "model": [model]},
        {"inference_result": [result]},
        {
            "model_spec": '{"model_signature_name": ["serving_default"]}',
            "data_spec": '{"example_splits": ["all"]}',
            "output_example_spec": None,
        },
    )


def main() -> None:
    """Run one peer."""
    parser = argparse.ArgumentParser(prog="python -m bench.batch.peers", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("peer", choices=("client", "bulk_inferrer"))
    parser.add_argument("--input", required=True, metavar="FOLDER")
    parser.add_argument("--output", required=True)
    parser.add_argument("--target", help="of the server that the client asks")
    parser.add_argument("--rows", type=int, default=0, help="how many of them the client sends")
    parser.add_argument("--saved_model", help="a Model artifact, for the component")
    options = parser.parse_args()
    if options.peer == "client":
        client(options.input, options.output, target=options.target, rows=options.rows)
    else:
        bulk_inferrer(options.input, options.output, saved_model=options.saved_model)


if __name__ == "__main__":
    main()
