"""What a condition consists of. Each term is met (True), not met (False), or cannot be evaluated (None)."""

from dataclasses import dataclass
from typing import Protocol

from localcloud.access.calls import Call
from localcloud.access.conditions.attributes import Attribute
from localcloud.access.conditions.operators import Operator
from localcloud.access.operations import matches


class Term(Protocol):
    def met(self, call: Call) -> bool | None: ...


@dataclass(frozen=True)
class Literal:
    values: tuple[str | bool, ...]
    is_set: bool


@dataclass(frozen=True)
class ActionMatches:
    pattern: str

    def met(self, call: Call) -> bool:
        return matches(self.pattern, call.operation)


@dataclass(frozen=True)
class SubOperationMatches:
    pattern: str

    def met(self, call: Call) -> bool:
        return matches(self.pattern, call.suboperation)


@dataclass(frozen=True)
class Exists:
    attribute: Attribute

    def met(self, call: Call) -> bool:
        return bool(values_of(self.attribute, call))


@dataclass(frozen=True)
class Comparison:
    left: Attribute | Literal
    operator: Operator
    right: Attribute | Literal

    def met(self, call: Call) -> bool | None:
        left, right = values_of(self.left, call), values_of(self.right, call)
        return self.operator.holds(left, right) if left and right else None


@dataclass(frozen=True)
class Not:
    term: Term

    def met(self, call: Call) -> bool | None:
        found = self.term.met(call)
        return None if found is None else not found


@dataclass(frozen=True)
class And:
    terms: tuple[Term, ...]

    def met(self, call: Call) -> bool | None:
        found = {each.met(call) for each in self.terms}
        return False if False in found else None if None in found else True


@dataclass(frozen=True)
class Or:
    terms: tuple[Term, ...]

    def met(self, call: Call) -> bool | None:
        found = {each.met(call) for each in self.terms}
        return True if True in found else None if None in found else False


@dataclass(frozen=True)
class Condition:
    """A condition: its words, and what they mean."""

    text: str
    term: Term

    def met(self, call: Call) -> bool:
        return self.term.met(call) is True


def values_of(operand: Attribute | Literal, call: Call) -> tuple[str | bool, ...]:
    """The values of an operand; none if it is an attribute that the call does not have."""
    if isinstance(operand, Literal):
        return operand.values
    value = call.attributes.get(operand, ())
    return value if isinstance(value, tuple) else (value,)
