"""Databases as data."""

import sqlite3

from tests.pipeline.init.tables import kinds, people


def test_sqlite(project):
    columns = people()
    with sqlite3.connect(project.folder / "shop.db") as opened:
        opened.execute("create table trips (x real, k integer, c text, y integer)")
        opened.executemany("insert into trips values (?, ?, ?, ?)", zip(*columns.values(), strict=True))
    config = project.config(project.folder / "shop.db")
    assert config.data.query == 'select * from "trips"'
    assert kinds(config)["x"] == ["number"]
    outcome = project.init("--data", "shop.db", "--label", "y", "--query", "select nothing from trips")
    assert "nothing" in outcome.refusal()


def test_databases_need_a_query_and_take_no_password(project):
    words = ("--data", "postgresql://me:geheim@db/shop", "--label", "y")
    assert "--query" in project.init(*words).refusal()
    line = project.init(*words, "--query", "select 1").refusal()
    assert "holds a password" in line
    assert "geheim" not in line


def test_the_second_day_of_a_database_asks_the_same_query(project):
    columns = people()
    with sqlite3.connect(project.folder / "shop.db") as opened:
        opened.execute("create table trips (x real, k integer, c text, y integer)")
        opened.executemany("insert into trips values (?, ?, ?, ?)", zip(*columns.values(), strict=True))
    project.config(project.folder / "shop.db")
    assert "nothing would change" in project.init("--update", "--name", "mine").out
    with sqlite3.connect(project.folder / "shop.db") as opened:
        opened.execute("alter table trips add column town text default 'Rom'")
        opened.execute("update trips set town = 'Bonn' where k = 1")
    assert "town" in project.init("--update", "--name", "mine").out
