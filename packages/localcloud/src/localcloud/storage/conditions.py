"""Conditions of role assignments as storage evaluates them: what hook/conditions.cjs reads.

A term is an object of one key: `{"and": [terms]}`, `{"or": [terms]}`, `{"not": term}`, `{"action": pattern}`,
`{"suboperation": pattern}`, `{"exists": attribute}`, or `{"compare": {"left", "operator", "right"}}`, whose
sides are `{"attribute": name}` or `{"values": [values]}`. An attribute is its source, a space, and its name.
"""

from typing import Any

from localcloud.access.conditions.attributes import Attribute
from localcloud.access.conditions.errors import UnsupportedConditionError
from localcloud.access.conditions.terms import (
    ActionMatches,
    And,
    Comparison,
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
    """A term as storage reads it.

    Raises UnsupportedConditionError for a blob's own tags, which storage does not know when it decides.
    """
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
            return {"exists": _name(attribute)}
        case Comparison(left, operator, right):
            return {"compare": {"left": _operand(left), "operator": operator.name, "right": _operand(right)}}
        case _:
            raise TypeError(f"{term!r} is no term of a condition")


def _operand(operand: Attribute | Literal) -> Json:
    return {"values": [*operand.values]} if isinstance(operand, Literal) else {"attribute": _name(operand)}


def _name(attribute: Attribute) -> str:
    if attribute.source == "Resource" and attribute.name.startswith(_TAGS):
        raise UnsupportedConditionError(f"the attribute @{attribute.source}[{attribute.name}]")
    return f"{attribute.source} {attribute.name}"
