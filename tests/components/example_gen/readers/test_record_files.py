"""TFRecord files that were written elsewhere: damage, other records and other types are refused with their place."""

import gzip
from pathlib import Path

import pytest
import tensorflow as tf

from components.example_gen.readers.record_files import RecordReader
from components.example_gen.reading import Reading
from components.refusal import GateRefused

pytestmark = pytest.mark.tensorflow


def example(**features) -> tf.train.Example:
    made = tf.train.Example()
    for name, values in features.items():
        for value in values:
            field = {int: "int64_list", float: "float_list", bytes: "bytes_list"}[type(value)]
            getattr(made.features.feature[name], field).value.append(value)
    return made


def write(path: Path, examples) -> str:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for each in examples:
            writer.write(each if isinstance(each, bytes) else each.SerializeToString())
    return str(path)


def read(path: str, **reading) -> list[tf.train.Example]:
    batches = RecordReader(Reading(kind="tfrecord", **reading)).examples(path)
    return [tf.train.Example.FromString(record) for batch in batches for record in batch]


@pytest.mark.parametrize("cut", [1, 17, 29])
def test_a_file_that_is_cut_off_says_how_many_records_are_whole(tmp_path, cut):
    path = tmp_path / "d.tfrecord"
    write(path, [example(x=[number]) for number in range(100)])
    assert len(read(str(path))) == 100
    record = path.stat().st_size // 100
    assert record > cut
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(GateRefused, match=r"d\.tfrecord is cut off or damaged: its first 99 records are whole"):
        read(str(path))
    path = tmp_path / "d.tfrecord.gz"
    path.write_bytes(gzip.compress((tmp_path / "d.tfrecord").read_bytes())[:-50])
    with pytest.raises(GateRefused, match=r"d\.tfrecord\.gz is cut off or damaged: its first \d+ records are whole"):
        read(str(path))


@pytest.mark.parametrize("place", [3, 70])
def test_a_feature_of_two_types_is_refused_with_both_and_the_record(tmp_path, place):
    examples = [example(x=[1.0], k=[1]) for _ in range(100)]
    examples[place] = example(x=[b"q"], k=[1])
    path = write(tmp_path / "d.tfrecord", examples)
    with pytest.raises(GateRefused, match=rf"record {place + 1}: feature 'x' holds bytes, but float before"):
        read(path)


def test_two_files_share_their_types(tmp_path):
    records = RecordReader(Reading(kind="tfrecord"))
    assert len(list(records.examples(write(tmp_path / "1.tfrecord", [example(x=[1])])))) == 1
    with pytest.raises(GateRefused, match=r"2\.tfrecord, record 1: feature 'x' holds float, but int64 before"):
        list(records.examples(write(tmp_path / "2.tfrecord", [example(x=[1.0])])))


def test_other_records_are_refused_by_name(tmp_path):
    sequence = tf.train.SequenceExample()
    sequence.feature_lists.feature_list["q"].feature.add().int64_list.value.append(1)
    path = write(tmp_path / "d.tfrecord", [example(x=[1]), sequence])
    with pytest.raises(GateRefused, match=r"record 2: it is a tf\.SequenceExample"):
        read(path)
    with pytest.raises(GateRefused, match=r"record 1: it is not a tf\.Example"):
        read(write(tmp_path / "e.tfrecord", [b"\xff\xff"]))


def test_what_is_no_tfrecord_file_says_what_it_is(tmp_path):
    whole = Path(write(tmp_path / "d.tfrecord", [example(x=[1])] * 9)).read_bytes()
    for name, data, reason in (
        ("e.tfrecord", gzip.compress(whole), r"e\.tfrecord is compressed by gzip; let its name end in \.gz"),
        ("e.tfrecord.gz", whole, r"is no TFRecord file.*: its first 0 records.* or without \.gz in its name"),
        ("f.tfrecord", b"x,y\n1,2\n" * 100, r"f\.tfrecord is no TFRecord file, or is cut off or damaged"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(GateRefused, match=reason):
            read(str(tmp_path / name))


@pytest.mark.parametrize("name", ["", "a\x1bb"])
def test_a_feature_whose_name_cannot_be_shown_is_refused(tmp_path, name):
    path = write(tmp_path / "d.tfrecord", [example(x=[1]), example(**{"x": [1], name: [2]})])
    with pytest.raises(
        GateRefused, match=r"record 2: feature '.*' has no name, or one with a control character"
    ) as bad:
        read(path)
    assert bad.value.reason.isprintable()


def test_nan_is_left_out_and_infinity_refused(tmp_path):
    path = write(tmp_path / "d.tfrecord", [example(x=[1.5]), example(x=[float("nan")], k=[1])])
    assert [list(each.features.feature["x"].float_list.value) for each in read(path)] == [[1.5], []]
    for values, reason in (([float("inf")], "is inf"), ([1.0, float("nan")], "has a missing value inside a list")):
        path = write(tmp_path / "e.tfrecord", [example(x=[1.5]), example(x=values)])
        with pytest.raises(GateRefused, match=f"record 2: feature 'x' {reason}"):
            read(path)


def test_features_that_do_not_fit_their_use_are_refused(tmp_path):
    path = write(tmp_path / "d.tfrecord", [example(x=[b"$1"], zone=[17031.0], tags=[b"a", b"b"])])
    assert len(read(path)) == 1
    for use, reason in (
        ({"numbers": ["x"]}, "feature 'x' is text, but the config uses it as a number"),
        ({"codes": ["zone"]}, "feature 'zone' holds floats, which round large codes"),
        ({"codes": ["tags"]}, "feature 'tags' holds 2 values, but the config uses it as a single one"),
    ):
        with pytest.raises(GateRefused, match=f"record 1: {reason}"):
            read(path, **use)


def test_a_weight_is_never_nan(tmp_path):
    path = write(tmp_path / "d.tfrecord", [example(w=[1.5]), example(x=[1]), example(w=[float("nan")])])
    assert len(read(path)) == 3
    with pytest.raises(GateRefused, match="record 3: feature 'w' is NaN, which no example weight can be"):
        read(path, weight="w")
