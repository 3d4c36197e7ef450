"""Data files that no run could read end the command before it starts, in one line."""

import gzip
import os
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from pipeline.checks.checks import check
from pipeline.checks.columns import check_data, check_schema
from pipeline.checks.files import data_files, known_columns
from pipeline.config.loading import ConfigError, load
from tests.shared.models.pictures import write


def taxi(folder: Path, *overrides: str):
    words = [f"data.path={folder}", *overrides]
    return load(config=Path("configs/taxi.yaml"), profile=None, overrides=words)


FILES = [
    ({"a.csv": b"x,y\n1,2\n", "b.csv": b"x,z\n1,2\n"}, r"b\.csv lacks the column 'y', which .*a\.csv has"),
    ({"a.csv": b"x,x\n1,2\n"}, r"a\.csv: column 'x' occurs twice"),
    ({"a.csv": b"x,examples\n1,2\n"}, r"a column is called 'examples', as is the exported model's input"),
    ({"a.csv": b""}, r"a\.csv is empty"),
    ({"a.csv": b"\n\n\n"}, r"a\.csv: no line names the columns"),
    ({"a.csv": b"\0" * 5000}, r"a\.csv: there are NUL bytes"),
    ({"a.csv": b"\xff\xfex\0"}, r"a\.csv is not text in utf-8.*set data\.csv\.encoding.*utf-16"),
    ({"a.csv": b",x\n0,1\n"}, r"the first column has no name.*data\.csv\.index"),
    ({"a.csv": b'"x\n1",y\n1,2\n'}, r"the header has a quote that is not closed"),
    ({"a.csv": b"x\x1b[2J,y\n1,2\n"}, r"the name of column 1 has a control character: 'x\\x1b\[2J'"),
    ({"a.txt": b"x"}, r"no \*\.csv\* file in"),
    ({"a.csv.bak": b"x,y\n1,2\n"}, r"no \*\.csv\* file in"),
]


def loaded(folder, *lines):
    """The config of these lines and of what every config needs."""
    needed = "name: c\nserving: {model_name: c}\ngates: {evaluation: {thresholds: [{metric: auc, min: 0.5}]}}\n"
    (folder / "c.yaml").write_text("\n".join([*lines, needed]))
    return load(config=folder / "c.yaml", profile=None, overrides=[])


@pytest.mark.parametrize(("files", "message"), FILES)
def test_broken_data_files_are_named(tmp_path, files, message):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=message) as error:
        check(taxi(tmp_path))
    assert len(str(error.value)) <= 300
    assert str(error.value).isprintable()


def test_a_named_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "d.csv")
    with pytest.raises(ConfigError, match=r"d\.csv is not a regular file"):
        check(taxi(tmp_path))


def test_a_header_of_many_columns_without_the_label_is_one_short_line(tmp_path):
    names = [f"column_{number}" for number in range(5000)]
    (tmp_path / "d.csv").write_text(",".join([*names, "tip"]) + "\n")
    with pytest.raises(
        ConfigError,
        match=r"there is no column 'tips' in .*d\.csv; did you mean 'tip'\? it has 'tip', .* and 4,993 more",
    ) as error:
        check_data(taxi(tmp_path))
    assert len(str(error.value)) <= 300


def test_compressed_and_plain_files_are_read_and_backups_and_hidden_ones_left_alone(tmp_path):
    (tmp_path / "1.csv").write_text("a;b\n1;2\n")
    (tmp_path / "2.csv.gz").write_bytes(gzip.compress(b"b;a\n1;2\n"))
    for name in ("2.csv.bak", "._1.csv"):
        (tmp_path / name).write_text("no table")
    config = taxi(tmp_path)
    files = data_files(config)
    assert [file.name for file in files] == ["1.csv", "2.csv.gz"]
    assert known_columns(config, files) == {"a", "b"}


def test_parquet_files_are_checked_by_their_schema(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 no parquet at all")
    with pytest.raises(ConfigError, match=r"a\.parquet is not a complete Parquet file"):
        check(taxi(tmp_path, "data.format=parquet"))
    parquet.write_table(pa.table({"trip_miles": ["1.5"]}), path)
    config = taxi(tmp_path, "data.format=parquet", "schema=null")
    with pytest.raises(
        ConfigError, match=r"column 'trip_miles' is text \(string\), but the config uses it as a number"
    ):
        check_data(config)


@pytest.mark.parametrize(
    ("kind", "fix"),
    [
        ("list", "give separator or json_list"),
        ("{kind: vector, length: 3}", "store such values in a Parquet file"),
        (
            "{kind: image, height: 2, width: 2}",
            "if they are paths of files, name the column in data.pictures",
        ),
    ],
)
def test_a_cell_of_a_csv_file_is_one_value(tmp_path, kind, fix):
    def config(kind: str):
        return loaded(tmp_path, f"data: {{path: {tmp_path}}}", "label: {column: y}", f"features: {{x: {kind}}}")

    (tmp_path / "d.csv").write_text("x,y\n1,2\n")
    with pytest.raises(ConfigError, match=rf"features\.x: a cell of a CSV file is one value, .* reads several; {fix}"):
        check_data(config(kind))
    check_data(config('{kind: list, separator: ";"}'))


def test_pictures_are_named_by_text_columns_of_tables(tmp_path):
    def config(text: str = "pictures: [photo]", label: str = "y", schema: str = "null"):
        return loaded(
            tmp_path,
            f"data: {{path: {tmp_path}, {text}}}",
            f"label: {{column: {label}}}",
            f"schema: {schema}",
            "features: {photo: {kind: image, height: 2, width: 2}}",
        )

    (tmp_path / "d.csv").write_text("photo,y\n1.png,2\n")
    check_data(config())
    with pytest.raises(ConfigError, match=r"data\.pictures: there is no column 'bild' in .*it has 'photo'"):
        check_data(config("pictures: [photo, bild]"))
    for form in ("tfrecord", "pictures"):
        with pytest.raises(ConfigError, match=rf"pictures: the format {form} holds the pictures themselves; drop the"):
            config(f"format: {form}, pictures: [photo]")
    (tmp_path / "s.pbtxt").write_text('feature { name: "y" type: INT } feature { name: "photo" type: INT }')
    with pytest.raises(ConfigError, match=r"data\.pictures: 'photo' is INT in .*; it must be BYTES"):
        check_schema(config(schema=tmp_path / "s.pbtxt"))


def test_a_folder_of_pictures_has_two_columns(tmp_path):
    def config(label: str, feature: str = "picture"):
        (tmp_path / "c.yaml").write_text(
            f"name: c\ndata: {{path: {tmp_path}, format: pictures}}\nlabel: {{column: {label}, classes: [a, b]}}\n"
            f"features: {{{feature}: {{kind: image, height: 2, width: 2}}}}\nserving: {{model_name: c}}\n"
            "gates: {evaluation: {thresholds: [{metric: auc, min: 0.5}]}}\n"
        )
        return load(config=tmp_path / "c.yaml", profile=None, overrides=[])

    with pytest.raises(ConfigError, match=r"no \*/\* file in"):
        check_data(config("kind"))
    write(tmp_path / "a" / "1.png", 1)
    (tmp_path / "a" / "README").write_text("")
    check_data(config("kind"))
    with pytest.raises(ConfigError, match=r"label\.column: picture is the column of the pictures; choose another name"):
        check_data(config("picture", "kind"))
    with pytest.raises(ConfigError, match=r"features\.photo: there is no column 'photo' in .*it has 'kind', 'picture'"):
        check_data(config("kind", "photo"))
    (tmp_path / "a" / "2.png").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"a/2\.png is empty"):
        check_data(config("kind"))


def test_options_of_csv_files_need_csv_files(tmp_path):
    with pytest.raises(ConfigError, match=r"csv: data\.format is parquet; drop these options"):
        taxi(tmp_path, "data.format=parquet", "data.csv.index=true")
    with pytest.raises(ConfigError, match=r"data\.csv\.encoding: .*no text encoding 'klingon'"):
        taxi(tmp_path, "data.csv.encoding=klingon")
