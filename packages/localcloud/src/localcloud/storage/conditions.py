"""Conditions of role assignments as storage evaluates them: what hook/conditions.cjs reads.

A term is an object of one key: `{"and": [terms]}`, `{"or": [terms]}`, `{"not": term}`, `{"action": pattern}`,
`{"suboperation": pattern}`, `{"exists": attribute}`, or `{"compare": {"left", "operator", "right"}}`, whose
sides are `{"attribute": name}` or `{"values": [values]}`. An attribute is its source, a space, and its name.
"""

from collections.abc import Iterator
from typing import Any

from localcloud.access.conditions.attributes import Attribute
from localcloud.access.conditions.errors import UnsupportedConditionError
from localcloud.access.conditions.terms import (
    ActionMatches,
    And,
    Comparison,
    Condition,
    Exists,
    Literal,
    Not,
    Or,
    SubOperationMatches,
    Term,
)

type Json = dict[str, Any]

_TAGS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/tags"


def as_json(term: Term) -> Json:
    """A term as storage reads it."""
    match term:
        case And(terms):
            return {"and": [as_json(each) for each in terms]}
        case Or(terms):
            return {"or": [as_json(each) for each in terms]}
        case Not(inner):
            return {"not": as_json(inner)}
        case ActionMatches(pattern):
            return {"action": pattern}
        case SubOperationMatches(pattern):
            return {"suboperation": pattern}
        case Exists(attribute):
            return {"exists": name(attribute)}
        case Comparison(left, operator, right):
            return {"compare": {"left": _operand(left), "operator": operator.name, "right": _operand(right)}}
        case _:
            raise TypeError(f"{term!r} is no term of a condition")


def check(condition: Condition) -> None:
    """Raise UnsupportedConditionError for a condition on a blob's own tags: storage decides without them."""
    for attribute in _attributes(condition.term):
        if attribute.source == "Resource" and attribute.name.startswith(_TAGS):
            raise UnsupportedConditionError(f"the attribute @{attribute.source}[{attribute.name}]")


def _attributes(term: Term) -> Iterator[Attribute]:
    match term:
        case And(terms) | Or(terms):
            for each in terms:
                yield from _attributes(each)
        case Not(inner):
            yield from _attributes(inner)
        case Exists(attribute):
            yield attribute
        case Comparison(left, _, right):
            yield from (each for each in (left, right) if isinstance(each, Attribute))


def _operand(operand: Attribute | Literal) -> Json:
    return {"values": [*operand.values]} if isinstance(operand, Literal) else {"attribute": name(operand)}


def name(attribute: Attribute) -> str:
    """An attribute's name here and in the hook."""
    return f"{attribute.source} {attribute.name}"
