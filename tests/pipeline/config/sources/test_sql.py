"""``data.format: sql`` in the YAML, and what is said before the first node."""

import sqlite3

import pytest

from pipeline.checks.checks import check
from pipeline.config.loading import ConfigError, load


def loaded(taxi_config, tmp_path, *words):
    given = ("data.path=null", "data.format=sql", "data.driver=sqlite", f"data.uri={tmp_path}/shop.db", *words)
    return load(config=taxi_config, profile=None, overrides=(f"runs={tmp_path}/runs", *given))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["data.query=select 1", "data.uri=postgresql://a:hunter2@b/c", "data.driver=postgresql"],
            "data: uri: holds a pass",
        ),
        (["data.query=select 1", "data.driver=sqlit"], "data.driver: .*'sqlite', 'postgresql'"),
        (["data.query=select 1", "data.path=data/taxi"], "data.path: unknown key"),
        (["data.query=select 1", "data.splits={by: files, train: a, eval: b}"], "splits: there are no files"),
        ([], "data.query: is required and missing"),
    ],
)
def test_wrong_keys_are_named(taxi_config, tmp_path, words, message):
    with pytest.raises(ConfigError, match=message) as refused:
        loaded(taxi_config, tmp_path, *words)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data.query=select nope from trips"], "data.query: cannot be asked .*no such column: nope"),
        (
            ["data.query=select * from trips"],
            "label.column: there is no column 'tips' in the rows of data.query; it has 'fare'",
        ),
        (
            ["data.query=select 1", "data.uri=${NOT_SET_HERE}"],
            "data.uri: the environment variable NOT_SET_HERE is not set",
        ),
    ],
)
def test_what_the_database_says_is_known_before_the_first_node(taxi_config, tmp_path, words, message):
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("create table trips as select 1.5 as fare")
    connection.close()
    with pytest.raises(ConfigError, match=message):
        check(loaded(taxi_config, tmp_path, *words))
