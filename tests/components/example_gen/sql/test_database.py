"""What SQLite and PostgreSQL answer, and what is said when they do not."""

import datetime
import importlib
import re
import sqlite3

import pytest

from components.example_gen.sql import database
from components.example_gen.sql.database import Database
from components.example_gen.sql.options import Query
from components.refusal import GateRefused
from tests.shared.services import postgres

_UTC = datetime.UTC


@pytest.fixture(scope="module")
def server():
    with postgres.server() as address:
        yield f"postgresql://reader:${{READER_PASSWORD}}@{address}/postgres"


@pytest.fixture(autouse=True)
def _password(monkeypatch):
    monkeypatch.setenv("READER_PASSWORD", postgres.PASSWORD)


@pytest.fixture
def shop(tmp_path):
    file = tmp_path / "shop 1.db"
    with sqlite3.connect(file) as connection:
        connection.execute("create table trips(fare real, company text, day date, paid boolean)")
        connection.executemany(
            "insert into trips values(?, ?, ?, ?)",
            [(1.5, "a", "2024-01-31", 1), (None, None, None, None), (0.0, "", "2024-02-01", 0)],
        )
    connection.close()
    return str(file)


def asked(query):
    with Database(query) as connection:
        known = connection.schema()
        with connection.rows() as (schema, batches):
            assert known == schema
            return [row for batch in batches for row in batch.to_pylist()]


def fingerprint(query):
    with Database(query) as connection:
        return connection.fingerprint()


def refusal(query):
    with pytest.raises(GateRefused) as refused:
        asked(query)
    reason = refused.value.reason
    assert "\n" not in reason
    assert len(reason) <= 300
    assert postgres.PASSWORD not in reason
    return reason


def test_sqlite_answers_with_zeros_empty_texts_and_nulls(shop):
    assert asked(Query(driver="sqlite", uri=shop, query="select * from trips;")) == [
        {"fare": 1.5, "company": "a", "day": "2024-01-31", "paid": 1},
        {"fare": None, "company": None, "day": None, "paid": None},
        {"fare": 0.0, "company": "", "day": "2024-02-01", "paid": 0},
    ]


def test_postgresql_answers_with_plain_types(server):
    query = """select 9007199254740993::bigint as id, 1.25::numeric(10, 2) as price, true as paid, 'a'::varchar as text,
        '2024-01-31'::date as day, '2024-01-31 12:00:00+02'::timestamptz as at, '{a,b}'::text[] as tags,
        '{0.5}'::numeric[] as shares, null::int[] as none, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid as key,
        '{"a": 1}'::jsonb as note, null::numeric as missing"""
    [row] = asked(Query(driver="postgresql", uri=server, query=query))
    assert row == {
        "id": 9007199254740993,
        "price": 1.25,
        "paid": True,
        "text": "a",
        "day": datetime.date(2024, 1, 31),
        "at": datetime.datetime(2024, 1, 31, 10, tzinfo=_UTC),
        "tags": ["a", "b"],
        "shares": [0.5],
        "none": None,
        "key": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "note": '{"a": 1}',
        "missing": None,
    }


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("select nope", 'data.query: cannot be asked .*column "nope" does not exist'),
        ("select 1; select 2", "data.query: cannot be asked .*multiple commands"),
        ("select 1 as a, 2 as a", "data.query: two columns are called 'a'; name them apart"),
        ("create table t(a int)", "data.query: answers no columns; it must be a SELECT"),
        ("select 1::money as price", "column 'price' has values of the type money.*cast it"),
        ("select '10.0.0.1'::inet as ip", "column 'ip' has values of the type inet"),
        ("select '12:00'::time as at", "column 'at' has values of the type time"),
        ("select row(1, 2) as pair", "column 'pair' has values of the type record"),
        ("select 'infinity'::date as day", "column 'day' has a date outside the years 1 to 9999"),
        ("select '-infinity'::timestamp as at", "column 'at' has a date outside the years 1 to 9999"),
        ("select 1 / (g - 99000) as x from generate_series(1, 100000) g", "data.query: failed .*division by zero"),
    ],
)
def test_a_wrong_query_is_refused_by_name(server, query, message):
    assert re.search(message, refusal(Query(driver="postgresql", uri=server, query=query)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("reader:", "nobody:", "data.uri: cannot connect .*authentication failed"),
        ("127.0.0.1", "db.invalid", "data.uri: cannot connect .*db.invalid"),
        ("/postgres", "/shop", 'data.uri: cannot connect .*database "shop" does not exist'),
        ("READER_PASSWORD", "UNSET_PASSWORD", "data.uri: the environment variable UNSET_PASSWORD is not set"),
        ("READER_PASSWORD", "WRONG_PASSWORD", "data.uri: cannot connect .*authentication failed"),
    ],
)
def test_a_wrong_address_is_refused_by_name(server, monkeypatch, old, new, message):
    monkeypatch.setenv("WRONG_PASSWORD", "wrong-secret")
    at, _, path = server.rpartition("/")
    uri = f"{at}{new}" if old.startswith("/") else f"{at.replace(old, new, 1)}/{path}"
    reason = refusal(Query(driver="postgresql", uri=uri, query="select 1"))
    assert re.search(message, reason)
    assert "wrong-secret" not in reason


def test_a_message_that_quotes_the_password_shows_the_variable(server):
    reason = refusal(Query(driver="postgresql", uri=server, query=f"select 1 as a, {postgres.PASSWORD}"))
    assert "${READER_PASSWORD}" in reason


def test_sqlite_is_only_read_and_never_created(shop, tmp_path):
    assert "readonly" in refusal(Query(driver="sqlite", uri=shop, query="delete from trips"))
    assert "there is no file" in refusal(Query(driver="sqlite", uri=str(tmp_path / "no.db"), query="select 1"))
    assert not (tmp_path / "no.db").exists()


def test_a_column_of_sqlite_that_changes_its_type_is_named(shop, monkeypatch):
    monkeypatch.setattr(database, "_SQLITE_ROWS", 2)
    query = "select fare, iif(fare = 0.0, 'x', 1) as x from trips"
    assert "column 2: expected INT64 but got STRING" in refusal(Query(driver="sqlite", uri=shop, query=query))


def test_a_driver_that_is_not_installed_is_named_with_its_extra(monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    reason = refusal(Query(driver="bigquery", query="select 1"))
    assert "adbc-driver-bigquery" in reason
    assert "pip install '.[bigquery]'" in reason


def test_the_fingerprint_knows_rows_but_not_their_order(shop):
    def of(query, **more):
        return fingerprint(Query(driver="sqlite", uri=shop, query=query, **more))

    everything = of("select * from trips")
    assert of("select * from trips order by fare desc") == everything
    assert of("select * from trips where fare > 0") != everything
    assert of("select * from trips union all select * from trips") != everything
    assert of("select fare, company, day as d, paid from trips") != everything
    count = "select count(*), max(day) from trips"
    assert of("select * from trips", changes=count) == of("select fare from trips", changes=count)
