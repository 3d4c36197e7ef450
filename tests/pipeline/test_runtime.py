"""Keras 3 in every entry point, and Beam's remembered answers."""

import subprocess
import sys

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.transforms import core

from pipeline.beam.memoization import lean_beam

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize(
    ("module", "before"),
    [
        pytest.param("trainer.run_fn", "", marks=pytest.mark.slow),
        pytest.param("trainer.preprocessing", "import tensorflow_transform\n", marks=pytest.mark.slow),
        pytest.param("components.gates.infra_validator", "import tensorflow_transform\n", marks=pytest.mark.slow),
        ("pipeline.dag", ""),
    ],
)
def test_every_entry_point_gets_keras_3(module, before):
    code = f"{before}import {module}, tensorflow as tf, keras; print(tf.keras.__version__, keras.__version__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    versions = done.stdout.split()
    assert all(version.startswith("3.") for version in versions), versions


def test_the_server_needs_no_keras_and_no_tfx():
    code = "import serving.server.servicers, sys; print('tfx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


class _Scale(beam.DoFn):
    def process(self, element, factor, window=beam.DoFn.WindowParam):
        yield f"{element[0]}{element[1] * factor}-{type(window).__name__}"


def _run_words(path) -> list[str]:
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        counts = pipeline | beam.Create(["a", "b", "a"]) | beam.combiners.Count.PerElement()
        counts | beam.ParDo(_Scale(), 3) | beam.io.WriteToText(str(path / "out"))
    return sorted("".join(file.read_text() for file in path.iterdir()).split())


def test_lean_beam_changes_no_result_and_is_undone(tmp_path):
    originals = core.get_signature, PipelineOptions.view_as
    (tmp_path / "stock").mkdir()
    (tmp_path / "lean").mkdir()
    stock = _run_words(tmp_path / "stock")
    with lean_beam():
        lean = _run_words(tmp_path / "lean")
    assert stock == lean == ["a6-GlobalWindow", "b3-GlobalWindow"]
    assert (core.get_signature, PipelineOptions.view_as) == originals


def test_views_of_the_same_options_share_their_values_and_others_do_not():
    with lean_beam():
        options = PipelineOptions(["--runner=FnApiRunner"])
        options.view_as(StandardOptions).streaming = True
        assert options.view_as(StandardOptions).streaming is True
        assert PipelineOptions([]).view_as(StandardOptions).streaming is False


def test_farmhash_gives_the_fingerprints_that_tfdv_was_built_with():
    import farmhash

    assert (farmhash.fingerprint64("abc"), farmhash.fingerprint32("abc")) == (2640714258260161385, 795041479)
