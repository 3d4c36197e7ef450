"""Keras 3 in every entry point, and Beam's remembered answers."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module", ["trainer.run_fn", "trainer.preprocessing", "components.infra_validator", "pipeline.dag"]
)
@pytest.mark.parametrize("before", ["", "import tensorflow_transform\n"])
def test_every_entry_point_gets_keras_3(module, before):
    code = f"{before}import {module}, tensorflow as tf, keras; print(tf.keras.__version__, keras.__version__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    versions = done.stdout.split()
    assert all(version.startswith("3.") for version in versions), versions


def test_the_server_needs_no_keras_and_no_tfx():
    code = "import serving.servicers, sys; print('tfx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_lean_beam_changes_no_result_and_is_undone():
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
    from apache_beam.transforms import core

    from pipeline.beam_tuning import lean_beam

    def count(path) -> list:
        collected = []

        class Collect(beam.DoFn):
            def process(self, element, scale=2, timestamp=beam.DoFn.TimestampParam):
                collected.append((element[0], element[1] * scale))
                yield element

        with beam.Pipeline(runner="FnApiRunner") as pipeline:
            words = pipeline | beam.Create(["a", "b", "a"]) | beam.combiners.Count.PerElement()
            words | beam.ParDo(Collect(), scale=3) | beam.Map(lambda kv: f"{kv[0]}{kv[1]}") | beam.io.WriteToText(path)
        return collected

    import tempfile
    from pathlib import Path

    originals = core.get_signature, PipelineOptions.view_as
    written = []
    for lean in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            if lean:
                with lean_beam():
                    count(f"{folder}/out")
            else:
                count(f"{folder}/out")
            written.append(sorted("".join(file.read_text() for file in Path(folder).iterdir()).split()))
    assert written == [["a2", "b1"], ["a2", "b1"]]
    assert (core.get_signature, PipelineOptions.view_as) == originals

    with lean_beam():
        options = PipelineOptions(["--runner=FnApiRunner"])
        options.view_as(StandardOptions).streaming = True
        assert options.view_as(StandardOptions).streaming is True
        assert PipelineOptions([]).view_as(StandardOptions).streaming is False


def test_farmhash_gives_the_fingerprints_that_tfdv_was_built_with():
    import farmhash

    assert (farmhash.fingerprint64("abc"), farmhash.fingerprint32("abc")) == (2640714258260161385, 795041479)
