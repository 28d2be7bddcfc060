"""JSON as Resource Manager reads a template."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some
from localcloud.deployments import relaxed_json

VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (
            '{"properties": {"mode": "a", template:{"b": 1}}}',
            {"properties": {"mode": "a", "template": {"b": 1}}},
        ),
        ('{ // one\n "a": 1, /* two\n */ "b": [1, 2, ], }', {"a": 1, "b": [1, 2]}),
        ('{"a": "no // comment", $b: "x: /* y */ ,]"}', {"a": "no // comment", "$b": "x: /* y */ ,]"}),
        ("{\"a\": \"[concat('x',\n  'y')]\", // why\n}", {"a": "[concat('x',\n  'y')]"}),
        ('{"a": "\\"//", b: true}', {"a": '"//', "b": True}),
    ],
)
def test_what_resource_manager_takes_is_read(text: str, value: object) -> None:
    assert relaxed_json.loads(text) == value


@pytest.mark.parametrize("text", ["", "{", '{"a": 1} {', '{"a" 1}', "{a}", '{"a": x}', "[,,]"])
def test_what_it_refuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"line 1|char"):
        relaxed_json.loads(text)


@given(VALUES)
def test_comments_and_trailing_commas_change_no_value(value: object) -> None:
    written = json.dumps({"a": value}, ensure_ascii=False)
    assert relaxed_json.loads(f"{written[:-1]}, /* \" */ }} // '") == {"a": value}
