"""Transform a table with one of the forms, in this process."""

from __future__ import annotations

import functools
from contextlib import nullcontext
from pathlib import Path

import apache_beam as beam
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.options.pipeline_options import PipelineOptions
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from bench.forms import by_column
from bench.forms.tables import Table
from pipeline.beam.batching import batches_by_size
from pipeline.beam.source_columns import quick_source_columns
from pipeline.beam.tracing import lean_tracing
from trainer import preprocessing
from trainer.parameters import CUSTOM_CONFIG_KEY

FORMS = {"by kind": preprocessing.preprocessing_fn, "by column": by_column.preprocessing_fn}


def run(table: Table, form: str, folder: Path) -> tft.TFTransformOutput:
    """Analyse and transform all examples of a table.

    Args:
        table: the raw examples.
        form: a key of `FORMS`.
        folder: for the transform graph and the transformed examples; must exist.
    """
    config = {CUSTOM_CONFIG_KEY: table.parameters.model_dump_json()}
    source = table.source()
    with (
        quick_source_columns() if form == "by kind" else nullcontext(),
        lean_tracing() if form == "by kind" else nullcontext(),
        batches_by_size(),
        tft_beam.Context(temp_dir=str(folder / "temporary")),
        beam.Pipeline(runner="FnApiRunner", options=PipelineOptions(["--direct_num_workers=1"])) as pipeline,
    ):
        raw = pipeline | "Read" >> source.BeamSource()
        (transformed, metadata), transform_fn = (
            raw,
            source.TensorAdapterConfig(),
        ) | "Transform" >> tft_beam.AnalyzeAndTransformDataset(
            functools.partial(FORMS[form], custom_config=config), output_record_batches=True
        )
        transform_fn | "WriteGraph" >> tft_beam.WriteTransformFn(str(folder))
        encoder = RecordBatchToExamplesEncoder(metadata.schema)
        (
            transformed
            | "Encode" >> beam.FlatMapTuple(lambda batch, _: encoder.encode(batch))
            | "Write" >> beam.io.WriteToTFRecord(str(folder / "examples"), file_name_suffix=".gz")
        )
    raw = dataset_metadata.DatasetMetadata(table.schema)
    metadata_io.write_metadata(raw, str(folder / tft.TFTransformOutput.RAW_METADATA_DIR))
    return tft.TFTransformOutput(str(folder))
