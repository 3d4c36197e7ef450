"""The newest spans among files."""

import pytest

from components.example_gen.spans import glob, has_spans, newest

DAYS = ["2024-02-28.csv", "2024-02-30.csv", "2024-03-01.csv", "2023-12-31.csv", "notes.csv"]


@pytest.mark.parametrize(
    ("pattern", "paths", "options", "expected"),
    [
        ("span-{SPAN}.csv", ["span-1.csv", "span-10.csv", "span-9.csv", "other.csv"], {}, ["span-10.csv"]),
        (
            "span-{SPAN}.csv",
            ["span-1.csv", "span-10.csv", "span-9.csv"],
            {"count": 2},
            ["span-9.csv", "span-10.csv"],
        ),
        (
            "span-{SPAN}.csv",
            ["span-1.csv", "span-10.csv", "span-9.csv"],
            {"count": 2, "until": 9},
            ["span-1.csv", "span-9.csv"],
        ),
        ("s{SPAN:3}/*.csv", ["s007/b.csv", "s007/a.csv", "s006/c.csv", "s07/d.csv"], {}, ["s007/a.csv", "s007/b.csv"]),
        ("s{SPAN}/v{VERSION}/x?", ["s1/v2/x1", "s1/v10/x1", "s1/v10/xx1", "s0/v11/x1"], {}, ["s1/v10/x1"]),
        ("s{SPAN}/v{VERSION}/*", ["s1/v2/a", "s1/v3/a", "s0/v5/a"], {"count": 9}, ["s0/v5/a", "s1/v3/a"]),
        ("{YYYY}-{MM}-{DD}.csv", DAYS, {"count": 2}, ["2024-02-28.csv", "2024-03-01.csv"]),
        ("{YYYY}-{MM}-{DD}.csv", DAYS, {"until": 19782}, ["2024-02-28.csv"]),
        ("{YYYY}/{YYYY}{MM}{DD}", ["2024/20240229", "2023/20240301"], {}, ["2024/20240229"]),
        ("[ab].csv", ["b.csv", "a.csv"], {}, ["a.csv", "b.csv"]),
        ("day-{SPAN}.csv", ["other.csv"], {}, []),
    ],
)
def test_the_newest_spans(pattern, paths, options, expected):
    assert newest(paths, pattern, **options) == expected


def test_a_pattern_says_whether_it_has_spans():
    assert has_spans("a-{SPAN:2}")
    assert has_spans("{YYYY}")
    assert not has_spans("a*{x}")
    assert glob("s{SPAN:2}/{YYYY}-{MM}-{DD}v{VERSION}.csv") == "s*/*-*-*v*.csv"


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("s{SPAN}/v{VERSION}/d.csv", ["s01/v2/d.csv", "s01/v10/d.csv", "s00/v11/d.csv"]),
        ("{YYYY}-{MM}-{DD}.csv", ["2024-02-28.csv", "2024-03-01.csv", "2023-12-31.csv"]),
    ],
)
def test_the_newest_span_is_the_one_that_tfx_finds(tmp_path, pattern, paths):
    from tfx.components.example_gen.utils import calculate_splits_fingerprint_span_and_version
    from tfx.proto import example_gen_pb2

    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    split = example_gen_pb2.Input.Split(name="all", pattern=pattern)
    _, span, _ = calculate_splits_fingerprint_span_and_version(str(tmp_path), [split])
    assert split.pattern in newest(paths, pattern)
    assert newest(paths, pattern, until=span) == newest(paths, pattern)
