"""Templates as a request brings them: secrets, types, hashes, texts that look like expressions."""

from typing import Any

import pytest
from localcloud.deployments.literals import literal_texts, protected
from localcloud.deployments.parameter_files import ParameterNameError, literal, parameter_file
from localcloud.deployments.templates import (
    shown_outputs,
    shown_parameters,
    template_hash,
    without_secrecy,
)

TEMPLATE: dict[str, Any] = {
    "definitions": {"pair": {"type": "object", "properties": {"key": {"type": "secureString"}}}},
    "parameters": {
        "name": {"type": "string", "defaultValue": "lab"},
        "key": {"type": "securestring"},
        "pair": {"$ref": "#/definitions/pair"},
        "keys": {"type": "array", "items": {"type": "secureObject"}},
    },
    "resources": {
        "inner": {
            "type": "Microsoft.Resources/deployments",
            "properties": {"template": {"parameters": {"key": {"type": "securestring"}}, "resources": []}},
        },
        "linked": {"type": "Microsoft.DataFactory/x", "properties": {"key": {"type": "SecureString"}}},
    },
    "outputs": {"key": {"type": "securestring", "value": ""}, "count": {"type": "int", "value": 1}},
}


def test_secret_parameters_become_plain_ones_and_nothing_else_does() -> None:
    plain = without_secrecy(TEMPLATE)
    assert plain["parameters"]["key"] == {"type": "string"}
    assert plain["parameters"]["keys"]["items"] == {"type": "object"}
    assert plain["definitions"]["pair"]["properties"]["key"] == {"type": "string"}
    assert plain["resources"]["inner"]["properties"]["template"]["parameters"]["key"] == {"type": "string"}
    assert plain["resources"]["linked"] == TEMPLATE["resources"]["linked"]
    assert TEMPLATE["parameters"]["key"] == {"type": "securestring"}


def test_the_values_of_secrets_are_not_shown() -> None:
    shown = shown_parameters(TEMPLATE, {"key": "hush", "pair": {"key": "hush"}})
    assert shown["key"] == {"type": "SecureString"}
    assert shown["name"] == {"type": "String", "value": "lab"}
    outputs = shown_outputs(TEMPLATE, {"key": "hush", "count": 3})
    assert outputs == {"key": {"type": "SecureString"}, "count": {"type": "Int", "value": 3}}


def test_a_template_keeps_the_compilers_hash() -> None:
    own = {"metadata": {"_generator": {"templateHash": "7"}}}
    assert template_hash(own) == "7"
    assert template_hash({"a": 1}) != template_hash({"a": 2})


def test_texts_that_look_like_expressions_are_found_in_values_and_escaped_in_the_template() -> None:
    template = {"a": ["[[split('x', 'y')]", "[parameters('a')]", "[[no]"]}
    texts = literal_texts(template, {"b": {"c": "[guid('it''s')]"}, "d": "[x]"})
    assert texts == {"[split('x', 'y')]", "[guid('it''s')]"}
    assert protected({"a": ["[guid('it''s')]", "[guid('b')]"]}, texts) == {
        "a": ["[concat('[guid(''it''''s'')]')]", "[guid('b')]"]
    }


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "null"),
        (True, "true"),
        (-3, "-3"),
        (1.5, "any(json('1.5'))"),
        (2**63, "any(json('9223372036854775808'))"),
        ("it's ${x}\n\\", "'it\\'s \\${x}\\n\\\\'"),
        ("'''", "'\\'\\'\\''"),
        ("\x00\u2028😀", "'\\u{0}\\u{2028}😀'"),
        ([1, {"a-b": ["x"]}], "[1, {'a-b': ['x']}]"),
    ],
)
def test_a_value_is_written_as_a_literal(value: object, written: str) -> None:
    assert literal(value) == written


def test_a_name_that_is_no_parameters_is_refused() -> None:
    with pytest.raises(ParameterNameError, match="'a = 1"):
        parameter_file("main.json", {"a = 1\nparam b": 2})
    assert parameter_file("main.json", {"a": 1}) == "using 'main.json'\nparam a = 1\n"
