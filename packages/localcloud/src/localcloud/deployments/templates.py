"""A compiled template as a request brings it: its parameters, their secret ones, and its outputs.

Source: "Understand the structure and syntax of ARM templates"
(learn.microsoft.com/azure/azure-resource-manager/templates/syntax), and languageVersion 2.0, in which
`resources` is an object and a type may stand in `definitions`.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.deployments.tracing import Document

PLAIN = {"securestring": "string", "secureobject": "object"}
NESTED = "microsoft.resources/deployments"
TYPES = {bool: "Bool", int: "Int", float: "Int", str: "String", list: "Array", dict: "Object"}
MARK = "#/definitions/"
MAX_REFERENCES = 20


def without_secrecy(template: Document) -> Document:
    """The same template with plain parameters and outputs instead of secret ones.

    The compiler leaves the values of secret parameters out of a snapshot. Here they must be deployed.
    """
    plain = dict(template)
    for section in ("parameters", "definitions", "outputs"):
        if isinstance(template.get(section), dict):
            plain[section] = {name: plain_type(each) for name, each in template[section].items()}
    resources = template.get("resources")
    if isinstance(resources, dict):
        plain["resources"] = {name: plain_resource(each) for name, each in resources.items()}
    elif isinstance(resources, list):
        plain["resources"] = [plain_resource(each) for each in resources]
    return plain


def plain_type(given: Any) -> Any:
    """A type, or a parameter or output, which is a type with a value, and the types in it."""
    if not isinstance(given, dict):
        return given
    plain = dict(given)
    if isinstance(given.get("type"), str):
        plain["type"] = PLAIN.get(given["type"].lower(), given["type"])
    for name in ("items", "additionalProperties"):
        if name in given:
            plain[name] = plain_type(given[name])
    if isinstance(given.get("properties"), dict):
        plain["properties"] = {name: plain_type(each) for name, each in given["properties"].items()}
    if isinstance(given.get("prefixItems"), list):
        plain["prefixItems"] = [plain_type(each) for each in given["prefixItems"]]
    return plain


def plain_resource(resource: Any) -> Any:
    if not isinstance(resource, dict) or str(resource.get("type")).lower() != NESTED:
        return resource
    properties = resource.get("properties")
    if not isinstance(properties, dict) or not isinstance(properties.get("template"), dict):
        return resource
    return {**resource, "properties": {**properties, "template": without_secrecy(properties["template"])}}


def kind_of(template: Document, declared: Any) -> str:
    """The type of a parameter or an output, in small letters, or "" if it names none."""
    for _ in range(MAX_REFERENCES):
        if not isinstance(declared, dict):
            return ""
        if isinstance(declared.get("type"), str):
            return str(declared["type"]).lower()
        reference = str(declared.get("$ref", ""))
        definitions = template.get("definitions")
        if not reference.startswith(MARK) or not isinstance(definitions, dict):
            return ""
        declared = definitions.get(reference.removeprefix(MARK))
    return ""


def shown_parameters(template: Document, values: Mapping[str, Any]) -> Document:
    """The parameters that a deployment tells: given values and defaults; of secret ones only the type.

    A default that is an expression stays as the template has it, where Azure shows its value: a snapshot does
    not tell that.
    """
    shown: Document = {}
    given = {name.lower(): value for name, value in values.items()}
    for name, declared in section(template, "parameters"):
        value = given.get(name.lower(), declared.get("defaultValue"))
        shown[name] = typed(kind_of(template, declared), value)
    return shown


def shown_outputs(template: Document, values: Mapping[str, Any]) -> Document:
    """The outputs that a deployment tells: type and value; of secret ones only the type."""
    kinds = {name.lower(): kind_of(template, declared) for name, declared in section(template, "outputs")}
    return {name: typed(kinds.get(name.lower(), ""), value) for name, value in values.items()}


def typed(kind: str, value: Any) -> Document:
    """A value with its type as Resource Manager writes it."""
    if kind in PLAIN:
        return {"type": {"securestring": "SecureString", "secureobject": "SecureObject"}[kind]}
    return {"type": kind.capitalize() if kind else TYPES.get(type(value), "Object"), "value": value}


def section(template: Document, name: str) -> Iterator[tuple[str, Document]]:
    found = template.get(name)
    for each, declared in found.items() if isinstance(found, dict) else ():
        if isinstance(declared, dict):
            yield each, declared


def template_hash(template: Document) -> str:
    """A number that stands for a template: the compiler's own where it wrote one."""
    metadata = template.get("metadata")
    generator = metadata.get("_generator") if isinstance(metadata, dict) else None
    if isinstance(generator, dict) and isinstance(generator.get("templateHash"), str):
        return str(generator["templateHash"])
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return str(int.from_bytes(digest[:8]))
