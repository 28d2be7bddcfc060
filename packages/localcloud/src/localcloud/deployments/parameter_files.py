"""Writes the file of parameters with which the compiler evaluates a template.

    using 'main.json'
    param name = 'lab'

Every value is written as a literal, so that nothing in it is run, read or looked up. Source of the literals:
"Bicep data types" (learn.microsoft.com/azure/azure-resource-manager/bicep/data-types).
"""

import json
import re
from collections.abc import Mapping
from typing import Any

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LARGEST = 2**63 - 1
ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "$": "\\$"}


class ParameterNameError(Exception):
    """A parameter's name cannot be written in a file of parameters."""


def parameter_file(template: str, values: Mapping[str, Any]) -> str:
    """The text of a .bicepparam file beside a template. Raises ParameterNameError."""
    for name in values:
        if not NAME.fullmatch(name):
            raise ParameterNameError(f"The parameter {name!r} is not declared: that is no parameter's name.")
    lines = [
        f"using {text(template)}",
        *(f"param {name} = {literal(value)}" for name, value in values.items()),
    ]
    return "\n".join(lines) + "\n"


def literal(value: Any) -> str:
    """A JSON value as Bicep writes it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return text(value)
    if isinstance(value, int) and -LARGEST <= value <= LARGEST:
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(literal(each) for each in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{text(name)}: {literal(each)}" for name, each in value.items()) + "}"
    # Bicep has no literal for a fraction or a larger number.
    return f"any(json({text(json.dumps(value))}))"


def text(value: str) -> str:
    return "'" + "".join(escaped(each) for each in value) + "'"


def escaped(character: str) -> str:
    if character in ESCAPES:
        return ESCAPES[character]
    return character if character.isprintable() else f"\\u{{{ord(character):x}}}"
