"""Where passwords may stand, and that none comes back out."""

import pytest
from pydantic import ValidationError

from components.example_gen.sql.options import Query
from components.example_gen.sql.secrets import Settings
from components.refusal import GateRefused


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"driver": "postgresql", "uri": "postgresql://reader:hunter2@db/shop"}, "uri: holds a password"),
        ({"driver": "postgresql", "uri": "postgresql://db/shop?password=hunter2"}, "uri: holds a password"),
        ({"driver": "postgresql", "uri": "host=db password=${PW}"}, r"must begin with postgresql://, or be one"),
        ({"driver": "snowflake", "uri": "reader:hunter2@account/shop"}, "uri: holds a password"),
        ({"driver": "snowflake", "options": {"password": "hunter2"}}, r"options\.password: holds a password"),
        ({"driver": "postgresql", "uri": "postgresql://${}@db/shop"}, "names no environment variable"),
        ({"driver": "sqlite"}, "uri: is required for sqlite"),
        ({"driver": "mysql", "uri": "x"}, "'sqlite', 'postgresql', 'bigquery' or 'snowflake'"),
    ],
)
def test_what_is_refused(given, message):
    with pytest.raises(ValidationError, match=message):
        Query(query="select 1", **given)


@pytest.mark.parametrize(
    ("driver", "uri", "found"),
    [
        ("postgresql", "postgresql://reader:${PW}@db:5432/shop", "postgresql://reader:p%40s%2Fs@db:5432/shop"),
        ("postgresql", "${URL}", "postgresql://reader:p%40s%2Fs@db/shop"),
        ("sqlite", "${FOLDER}/shop.db", "/data/a b/shop.db"),
    ],
)
def test_variables_are_put_in_as_the_driver_reads_them(driver, uri, found):
    values = {"PW": "p@s/s", "URL": "postgresql://reader:p%40s%2Fs@db/shop", "FOLDER": "/data/a b"}
    settings = Settings(
        Query(driver=driver, uri=uri, query="select 1", options={"token": "${PW}"}),
        values,
    )
    assert settings.options == {"uri": found, "token": "p@s/s"}
    shown = settings.redacted("p@s/s or p%40s%2Fs of reader")
    assert shown in ("${PW} or ${PW} of reader", "${URL} or ${URL} of reader")


@pytest.mark.parametrize(
    "url", ["postgresql://reader:se/cret@db/shop", "postgresql://reader:se@cret@db/shop", "postgresql://a:b%zz@c/d"]
)
def test_a_uri_that_drivers_would_quote_from_is_refused_without_its_parts(url):
    with pytest.raises(GateRefused, match=r"^data\.uri: is no URI once") as refused:
        Settings(Query(driver="postgresql", uri="${URL}", query="select 1"), {"URL": url})
    assert "cret" not in refused.value.reason
    assert "zz" not in refused.value.reason


@pytest.mark.parametrize("environment", [{}, {"PW": ""}])
def test_a_variable_that_is_not_set_is_named_with_its_key(environment):
    with pytest.raises(GateRefused, match=r"^data\.options\.token: the environment variable PW is not set"):
        Settings(Query(driver="snowflake", query="select 1", options={"token": "${PW}"}), environment)
