"""CSV files as people export them: read as they are meant, or refused with the place and the option."""

import gzip
from pathlib import Path

import pytest

from components.example_gen.readers import csv_files
from components.example_gen.readers.values import BadValue, cleaned
from components.example_gen.reading import CsvOptions, Reading
from components.refusal import GateRefused


def open_file(path: str):
    return Path(path).open("rb")


def read(path: Path, **reading) -> list[dict]:
    """All rows of a file, with the types that are found in it."""
    options = Reading(kind="csv", **reading)
    types = csv_files.column_types([str(path)], open_file, options)
    batches = csv_files.record_batches(str(path), open_file, types, options)
    return [row for batch in batches for row in cleaned(batch, options.integers).to_pylist()]


@pytest.fixture
def file(tmp_path):
    def write(text: str | bytes, name: str = "d.csv") -> Path:
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path / name

    return write


ROWS = [{"größe": 1.5, "b": "x"}, {"größe": -2.0, "b": None}]
TABLE = "größe,b\n1.5,x\n-2,\n"
READ = {
    "tab": (TABLE.replace(",", "\t"), {}),
    "semicolon": (TABLE.replace(",", ";"), {}),
    "bar": (TABLE.replace(",", "|"), {}),
    "another": (TABLE.replace(",", "~"), {"delimiter": "~"}),
    "blank lines": ("\n \r\n" + TABLE.replace("\n", "\n\n"), {}),
    "carriage returns": (TABLE.replace("\n", "\r\n"), {}),
    "byte-order mark": (TABLE.encode("utf-8-sig"), {}),
    "comments": ("# from the till\n\n#2024\n" + TABLE, {"comment": "#"}),
    "title": ('"Our trips\n' + TABLE, {"skip_lines": 1}),
    "latin-1": (TABLE.encode("latin-1"), {"encoding": "latin-1"}),
    "utf-16": (TABLE.encode("utf-16"), {"encoding": "UTF-16"}),
    "index": (",größe,b\n0,1.5,x\n1,-2,\n", {"index": True}),
    "decimal comma": ("größe;b\n1,5;x\n-2;\n", {"decimal": ","}),
    "a delimiter at the end of each row": (TABLE.replace("\n", ",\n"), {}),
    "an index, and a delimiter at the end": (",größe,b,\n0,1.5,x,\n1,-2,,\n", {"index": True}),
    "quotes": ('"größe","b"\n"1.5","x"\n-2,\n', {}),
}


@pytest.mark.parametrize(("text", "options"), READ.values(), ids=READ)
@pytest.mark.parametrize("name", ["d.csv", "d.csv.gz"])
def test_a_table_is_the_same_however_it_is_written(file, text, options, name):
    data = text if isinstance(text, bytes) else text.encode()
    path = file(gzip.compress(data) if name.endswith(".gz") else data, name)
    assert read(path, csv=CsvOptions(**options)) == ROWS


def test_names_are_kept_as_they_are(file):
    names = ["a", " a", "A", "b.c/d", "Größe (m²)", "x-1", "#", '"', "a,b"]
    path = file(",".join('"' + name.replace('"', '""') + '"' for name in names) + "\n" + ",".join("123456789") + "\n")
    assert read(path) == [dict(zip(names, range(1, 10), strict=True))]


REFUSED = {
    "only newlines": ("\n\n\n\n", {}, r"d\.csv: no line names the columns"),
    "all NUL": ("\0" * 5000, {}, r"d\.csv: there are NUL bytes"),
    "utf-16 without a mark": ("a,b\n1,2\n".encode("utf-16-be"), {}, r"NUL bytes.*data\.csv\.encoding: utf-16-le or"),
    "a NUL in a cell": ("a,b\n1,2\n1,x\0y\n", {}, r"d\.csv: line 2 after the header has a NUL byte"),
    "index": (",x\n0,1\n", {}, r"the first column has no name.*data\.csv\.index: true"),
    "no index": ("x,y\n0,1\n", {"index": True}, r"the first column has a name, 'x'; drop data\.csv\.index"),
    "no name": ("a,,b\n1,2,3\n", {}, r"column 2 of 3 has no name"),
    "no name for a value": (
        "a,b,\n1,2,\n3,4,5\n",
        {},
        r"row 2 .* has '5' behind the last delimiter, .* without a name; name it\.$",
    ),
    "one name twice": ("a,b,a\n1,2,3\n", {}, r"column 'a' occurs twice"),
    "a newline in a name": ('"x\n1",y\n1,2\n', {}, r"the header has a quote that is not closed on its line"),
    "a control character": ("a\x1bb,c\n1,2\n", {}, r"the name of column 1 has a control character: 'a\\x1bb'"),
    "which delimiter": ("a;b|c\n1;2|3\n", {}, r"the header has ';' and '\|'.*set data\.csv\.delimiter"),
    "comments": ("# a till\na,b\n1,2\n", {}, r"row 1 .* has 2 cells, the header has 1: 'a,b'.*data\.csv\.comment"),
    "all skipped": ("a,b\n1,2\n", {"skip_lines": 9}, r"no line names the columns"),
    "latin-1 header": ("ü,b\n1,2\n".encode("latin-1"), {}, r"not text in utf-8 \(byte 0xfc\).*data\.csv\.encoding"),
    "latin-1 cell": (
        "a,b\n1,2\n1,ü\n".encode("latin-1"),
        {},
        r"line 2 after the header: b'1,\\xfc' is not UTF-8 text; set data\.csv\.encoding",
    ),
    "utf-16": ("a,b\n1,2\n".encode("utf-16"), {}, r"not text in utf-8.*such as utf-16"),
    "utf-32": ("a,b\n1,2\n".encode("utf-32"), {}, r"not text in utf-8.*such as utf-32"),
    "gzip without its ending": (gzip.compress(TABLE.encode()), {}, r"d\.csv is compressed by gzip; .*\.gz"),
    "a spreadsheet": (b"PK\x03\x04\x14\0\x06\0", {}, r"d\.csv is a zip archive or a spreadsheet; .*export it as CSV"),
    "another format": (b"PAR1\x15\x04\x15\0L\x15", {}, r"d\.csv is a Parquet file; .*data\.format: parquet"),
    "bytes of another format": (b"ORC\xff\xfe", {}, r"d\.csv is an ORC file; convert it to Parquet"),
    "not ascii": ("a,b\n1,ü\n", {"encoding": "ascii"}, r"not text in ascii \(byte 0xc3\)"),
    "old Mac": ("a,b\r1,2\r", {}, r"its lines end in CR alone, as on old Macs"),
    "a cell of 5 MB": ("a,b\n1,2\n3," + "x" * 5 * 2**20, {}, r"after row 1: a row has more than 2 MB"),
    "an open quote": ('a,b\n1,"2\n' + "3,4\n" * 2**20, {}, r"after row 0: a row has more than 2 MB; close its quotes"),
    "5,000 columns": ("a," * 4999 + "b\n", {}, r"column 'a' occurs twice"),
    "5,000 cells": ("x\n" + "1," * 5000, {}, r"row 1 after the header has 5001 cells, the header has 1: '1,1,"),
}


@pytest.mark.parametrize(("text", "options", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_refused_in_one_short_line(file, text, options, reason):
    with pytest.raises(GateRefused, match=reason) as refused:
        read(file(text), csv=CsvOptions(**options))
    assert len(refused.value.reason) <= 300
    assert refused.value.reason.isprintable()


def test_a_gzip_file_that_is_cut_off_or_none_is_refused(file):
    whole = gzip.compress(b"a,b\n" + b"1,2\n" * 1000)
    assert len(read(file(whole + gzip.compress(b"3,4\n"), "two.csv.gz"))) == 1001
    for data in (whole[:-12], whole[:40] + b"\xff\xff" + whole[42:], b"a,b\n1,2\n"):
        with pytest.raises(GateRefused, match=r"bad\.csv\.gz is not a complete gzip file"):
            read(file(data, "bad.csv.gz"))
    with pytest.raises(GateRefused, match=r"twice\.csv\.gz is compressed by gzip; let its name end in \.gz, once"):
        read(file(gzip.compress(whole), "twice.csv.gz"))


def test_a_column_that_a_file_lacks_is_named(file):
    paths = [str(file("a,b\n1,2\n", "1.csv")), str(file("b,c,d\n1,2,3\n", "2.csv"))]
    with pytest.raises(GateRefused, match=r"2\.csv lacks the column 'a', which .*1\.csv has"):
        csv_files.column_types(paths, open_file, Reading(kind="csv"))
    with pytest.raises(GateRefused, match=r"1\.csv lacks the column 'c' and 1 more, which .*2\.csv has"):
        csv_files.column_types(paths[::-1], open_file, Reading(kind="csv"))


def test_nan_is_a_missing_number_but_a_text_among_texts(file):
    assert read(file("x,t,i\nnan,nan,NaN\n0.5,ann,3\n-NAN,,4\n")) == [
        {"x": None, "t": "nan", "i": None},
        {"x": 0.5, "t": "ann", "i": 3.0},
        {"x": None, "t": None, "i": 4.0},
    ]


@pytest.mark.parametrize("cell", ["inf", "-inf", "Infinity", "1e400", "-1e39", "3.4028236e38"])
def test_infinity_and_what_overflows_float32_are_refused(file, cell):
    with pytest.raises(BadValue) as bad:
        read(file(f"x,y\n1.5,0\n{cell},1\n"))
    assert (bad.value.column, bad.value.index) == ("x", 1)
    assert bad.value.reason.startswith(f"is '{cell}', which is infinite as a float32")


@pytest.mark.parametrize("cell", ["nan", "NaN", "-nan"])
def test_a_weight_may_be_left_out_but_is_never_nan(file, cell):
    assert [row["w"] for row in read(file("x,w\n1,2.5\n2,\n"), weight="w")] == [2.5, None]
    with pytest.raises(BadValue, match="is NaN, which no example weight can be") as bad:
        read(file(f"x,w\n1,2.5\n2,\n3,{cell}\n"), weight="w")
    assert (bad.value.column, bad.value.index) == ("w", 2)


def test_the_largest_float32_is_a_number_and_a_text_may_be_called_inf(file):
    assert read(file("x,t\n3.4028235e38,inf\n1,x\n"))[0] == {"x": 3.4028235e38, "t": "inf"}


def test_codes_that_pandas_wrote_as_floats_are_integers_without_rounding(file):
    path = file("zone,x\n17031.0,1.0\n9007199254740993.0,2.0\nnan,3.0\n,4.0\n1.7e4,5.0\n -3.,6\n")
    assert [row["zone"] for row in read(path, codes=["zone"])] == [17031, 9007199254740993, None, None, 17000, -3]
    assert read(path, codes=["zone"], types={"zone": "INT"}) == read(path, codes=["zone"])
    assert [row["zone"] for row in read(path)][:2] == [17031.0, 9007199254740992.0]


def test_codes_of_one_length_keep_their_zeros_but_numbers_do_not(file):
    path = file("zip,size,day\n80331,007,01022024\n,12,31122023\n01067,5,02022024\n")
    assert [row["zip"] for row in read(path)] == ["80331", None, "01067"]
    # Sizes are of several lengths.
    assert [row["size"] for row in read(path)] == [7, 12, 5]
    assert [row["zip"] for row in read(path, codes=["zip"])] == ["80331", None, "01067"]
    for wanted in ({"numbers": ["zip"]}, {"types": {"zip": "INT"}}):
        assert [row["zip"] for row in read(path, **wanted)] == [80331, None, 1067]
    assert [row["day"] for row in read(path)] == ["01022024", "31122023", "02022024"]
    assert [row["x"] for row in read(file("x\n00\n0\n"))] == [0, 0]


def test_a_code_with_a_fraction_is_refused_but_codes_may_be_text(file):
    with pytest.raises(
        GateRefused, match=r"row 2 after the header: 'zone' is '1\.5', which is no integer of 64 bits.*category"
    ):
        read(file("zone\n17031.0\n1.5\n2.5\n"), codes=["zone"])
    with pytest.raises(GateRefused, match=r"row 1 after the header: 'zone' is '1e300'"):
        read(file("zone\n1e300\n"), codes=["zone"])
    assert read(file("zone\n17031.0\nA1\n"), codes=["zone"]) == [{"zone": "17031.0"}, {"zone": "A1"}]


def test_text_in_a_column_of_numbers_is_refused(file):
    with pytest.raises(GateRefused, match=r"row 2 after the header: 'x' is '\$1\.20', but the config uses it as a num"):
        read(file("x\n1.0\n$1.20\n"), numbers=["x"])
    assert read(file("x\n\n1_0\n\n+2\n"), numbers=["x"]) == [{"x": 10}, {"x": 2}]


@pytest.mark.parametrize(
    ("cell", "options", "number"),
    [
        ("1,000", {"thousands": ","}, 1000),
        ("-1,234,567.5", {"thousands": ","}, -1234567.5),
        ("1.234,56", {"thousands": ".", "decimal": ","}, 1234.56),
        ("12'345", {"thousands": "'"}, 12345),
        ("12 345", {"thousands": " "}, 12345),
        ("12\u202f345", {"thousands": "\u202f"}, 12345),
        ("0,5", {"decimal": ","}, 0.5),
    ],
)
def test_separators_in_numbers_are_options_which_a_refusal_names(file, cell, options, number):
    path = file(f'x;t\n"{cell}";"1,000"\n;a\n')
    assert read(path, csv=CsvOptions(**options)) == [{"x": number, "t": "1,000"}, {"x": None, "t": "a"}]
    named = " and ".join(f"data.csv.{key}: {value!r}" for key, value in options.items())
    for use in ({"numbers": ["x"]}, {"guessed": True}):
        with pytest.raises(GateRefused) as refused:
            read(path, **use)
        assert f"row 1 after the header: 'x' is {cell!r}" in str(refused.value)
        assert named in str(refused.value)
    assert read(path, codes=["x"])[0]["x"] == cell


def test_marks_of_missing_values_are_an_option_which_a_refusal_names(file):
    path = file("x,day,t\n1,2024-02-29,NA\nNA,?,b\n2.5,2024-03-01,?\n")
    rows = [
        {"x": 1.0, "day": "2024-02-29", "t": None},
        {"x": None, "day": None, "t": "b"},
        {"x": 2.5, "day": "2024-03-01", "t": None},
    ]
    assert read(path, csv=CsvOptions(missing=("NA", "?"))) == rows
    named = r"row 2 after the header: 'x' is 'NA'.*data\.csv\.missing: \['NA'\]"
    for use in ({"numbers": ["x"]}, {"guessed": True}):
        with pytest.raises(GateRefused, match=named):
            read(path, **use)
    with pytest.raises(
        GateRefused, match=r"'day' is '\?': set data\.csv\.missing: \['\?'\] if a value is missing there"
    ):
        read(path, guessed=True, csv=CsvOptions(missing=("NA",)))
    with pytest.raises(
        BadValue, match=r"'NA', but the schema says FLOAT; set data\.csv\.missing: \['NA'\] or the schema"
    ):
        read(path, types={"x": "FLOAT"})
    # Among other texts it may be one: in Namibia's column of countries it is.
    assert read(file("country\nNA\nDE\n"), guessed=True) == [{"country": "NA"}, {"country": "DE"}]


def test_with_a_decimal_comma_a_point_is_no_number(file):
    with pytest.raises(
        GateRefused, match=r"'x' is '1\.234'.*set data\.csv\.thousands: '\.' and data\.csv\.decimal: ','"
    ):
        read(file("x;y\n1.234;5\n"), csv=CsvOptions(decimal=","), numbers=["x"])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"delimiter": "x"}, "no part of a word or number"),
        ({"delimiter": ";;"}, "one character"),
        ({"delimiter": "§"}, "cannot separate cells"),
        ({"thousands": "1"}, "no part of a word or number"),
        ({"thousands": "."}, "'.' is the decimal character, too"),
        ({"encoding": "klingon"}, "no text encoding 'klingon'"),
        ({"encoding": "base64"}, "no text encoding 'base64'"),
        ({"skip_lines": -1}, "greater than or equal to 0"),
    ],
)
def test_options_that_cannot_be_are_refused(options, reason):
    with pytest.raises(ValueError, match=reason):
        CsvOptions(**options)
