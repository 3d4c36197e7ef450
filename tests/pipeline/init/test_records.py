"""TFRecord files as data, which TensorFlow reads."""

import pytest
import tensorflow as tf

from tests.pipeline.init.tables import kinds, people

pytestmark = pytest.mark.tensorflow


def _feature(value) -> tf.train.Feature:
    if isinstance(value, str):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
    if isinstance(value, list):
        return tf.train.Feature(float_list=tf.train.FloatList(value=value))
    if isinstance(value, int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
    return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))


def _write(path, *, sequences: bool = False) -> None:
    columns = people()
    columns["position"] = [[x, x * k] for x, k in zip(columns["x"], columns["k"], strict=True)]
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row, values in enumerate(zip(*columns.values(), strict=True)):
            features = {name: _feature(value) for name, value in zip(columns, values, strict=True)}
            if row % 3 == 0:
                del features["c"]
            example = tf.train.Example(features=tf.train.Features(feature=features))
            if sequences:
                lists = tf.train.FeatureLists(feature_list={"a": tf.train.FeatureList(feature=[_feature(1)])})
                example = tf.train.SequenceExample(context=example.features, feature_lists=lists)
            writer.write(example.SerializeToString())


def test_examples_are_a_table(project):
    _write(project.folder / "d.tfrecord")
    found = kinds(project.config(project.folder / "d.tfrecord"))
    assert found == {"c": ["category"], "k": ["number", "category"], "position": ["vector"], "x": ["number"]}
    assert "# 33.3% missing, 3 values" in project.text


def test_damaged_files_and_sequences_get_one_line(project):
    _write(project.folder / "d.tfrecord")
    (project.folder / "cut.tfrecord").write_bytes((project.folder / "d.tfrecord").read_bytes()[:-7])
    line = project.init("--data", "cut.tfrecord", "--label", "y").refusal()
    assert "its first 239 records are whole" in line
    _write(project.folder / "s.tfrecord", sequences=True)
    assert "it is a tf.SequenceExample" in project.init("--data", "s.tfrecord", "--label", "y").refusal()
