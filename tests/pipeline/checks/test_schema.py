"""A curated schema that TFDV silently accepts is refused when the config is checked."""

from pathlib import Path

import pytest

from pipeline.checks.columns import check_schema, schema_features
from pipeline.config.loading import ConfigError, load

TAXI = Path("schema/taxi/schema.pbtxt")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            'feature { name: "c" type: BYTES domain: "colour" } string_domain { name: "colours" value: "red" }',
            r"has the domain 'colour', which is not defined; did you mean 'colours'\? the domains are 'colours'",
        ),
        (
            'feature { name: "c" type: BYTES domain: "x" }',
            r"the domain 'x', which is not defined; the domains are none",
        ),
        ('feature { name: "a" } feature { name: "b" } feature { name: "a" }', r"has the feature 'a' twice; drop one"),
        ('string_domain { name: "d" } string_domain { name: "d" }', r"has the string_domain 'd' twice"),
        ('feature { name: "a" shape', r"is not a schema in protobuf text format"),
    ],
)
def test_a_schema_that_contradicts_itself_is_refused_in_one_line(tmp_path, text, reason):
    (tmp_path / "schema.pbtxt").write_text(text)
    with pytest.raises(ConfigError, match=reason) as refused:
        schema_features(tmp_path / "schema.pbtxt")
    assert len(str(refused.value)) <= 300
    assert str(refused.value).isprintable()


def test_it_is_found_before_a_run(tmp_path):
    (tmp_path / "schema.pbtxt").write_text(TAXI.read_text() + '\nfeature { name: "company" type: BYTES }\n')
    config = load(config=Path("configs/taxi.yaml"), profile=None, overrides=[f"schema={tmp_path}/schema.pbtxt"])
    with pytest.raises(ConfigError, match=r"^schema: .* has the feature 'company' twice"):
        check_schema(config)
