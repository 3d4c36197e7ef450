"""Edits of a schema's text: what changed is rewritten, everything else stays byte for byte."""

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline.operate.curating.edits import NotEditable, edited

TEXT = """\
# Ours.
default_environment: "TRAINING"  # first
feature { name: "a" type: INT }  # of a } and {
feature: <name: "b # no comment" type: FLOAT>
feature {
  name: 'c'  # a comment inside
  type: BYTES domain: "words"
}
string_domain { name: "words" value: "x" }
# The end.
"""


def change(text: str, apply) -> str:
    schema = text_format.Parse(text, schema_pb2.Schema())
    apply(schema)
    result = edited(text, schema)
    assert text_format.Parse(result, schema_pb2.Schema()).default_environment == ["TRAINING"]
    return result


def test_nothing_changed_is_the_same_text():
    assert change(TEXT, lambda schema: None) == TEXT


def test_one_entry_is_written_anew():
    result = change(TEXT, lambda schema: setattr(schema.feature[1], "type", schema_pb2.INT))
    assert result == TEXT.replace(
        'feature: <name: "b # no comment" type: FLOAT>', 'feature {\n  name: "b # no comment"\n  type: INT\n}'
    )


def test_an_entry_goes_with_the_comment_on_its_line():
    result = change(TEXT, lambda schema: schema.feature.remove(schema.feature[0]))
    assert result == TEXT.replace('feature { name: "a" type: INT }  # of a } and {\n', "")


def test_a_new_entry_comes_last_and_a_domain_is_an_entry():
    def apply(schema):
        schema.feature.add(name="d", type=schema_pb2.INT)
        schema.string_domain[0].value.append("ü")

    result = change(TEXT, apply)
    domain = 'string_domain {\n  name: "words"\n  value: "x"\n  value: "ü"\n}'
    assert result.startswith(TEXT.replace('string_domain { name: "words" value: "x" }', domain))
    assert result.endswith('# The end.\nfeature {\n  name: "d"\n  type: INT\n}\n')


def test_entries_in_a_list_are_not_guessed():
    text = 'default_environment: "TRAINING"\nfeature [{ name: "a" type: INT }, { name: "b" type: INT }]\n'
    with pytest.raises(NotEditable):
        change(text, lambda schema: setattr(schema.feature[1], "type", schema_pb2.FLOAT))
