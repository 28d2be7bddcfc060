"""Comparison operators. Source: the tables of "Azure role assignment condition format and syntax"."""

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from localcloud.access.conditions.errors import InvalidConditionError, UnsupportedConditionError

type Comparable = str | bool
type Reader = Callable[[str | bool], Comparable]
type Quantifier = Callable[[Iterable[bool]], bool]

_DATE = re.compile(r"(?P<second>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,7}))?Z")


def _text(value: str | bool) -> str:
    if isinstance(value, bool):
        raise TypeError(f"{value} is no text")
    return value


def _text_without_case(value: str | bool) -> str:
    return _text(value).lower()


def _boolean(value: str | bool) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"'{value}' is neither true nor false")
    return value


def _date(value: str | bool) -> str:
    """A moment with all seven digits of its fraction, so that moments compare as texts."""
    found = _DATE.fullmatch(_text(value))
    if found is None:
        raise ValueError(f"'{value}' is no time such as 2022-06-01T23:38:32.8883645Z")
    datetime.fromisoformat(found["second"])
    return f"{found['second']}.{found['fraction'] or '':0<7}"


def _guid(value: str | bool) -> str:
    return str(UUID(_text(value)))


def _like(value: str, pattern: str) -> bool:
    """Whether a text fits a pattern, in which `*` is any text and `?` any one character.

    All places where a part may end are followed at once, as in localcloud.access.operations.
    """
    ends = [0]
    for part in re.findall(r"\\[*?]|.", pattern, re.DOTALL):
        if part == "*":
            ends = list(range(ends[0], len(value) + 1)) if ends else []
        else:
            near = [at for at in ends if at < len(value)]
            ends = [at + 1 for at in near if part == "?" or value[at] == part[-1]]
    return bool(ends) and ends[-1] == len(value)


_TESTS: dict[str, Callable[..., bool]] = {
    "Equals": operator.eq,
    "StartsWith": str.startswith,
    "Like": _like,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
}
_NEGATABLE = {
    "String": ("Equals", "StartsWith", "Like"),
    "Bool": ("Equals",),
    "Guid": ("Equals",),
    "DateTime": ("Equals",),
}
_READERS: dict[str, Reader] = {"String": _text, "Bool": _boolean, "Guid": _guid, "DateTime": _date}


def _bases() -> dict[str, tuple[Reader, str, bool]]:
    """How an operator reads a value, its test, and whether that is negated, by its name in small letters."""
    found = {}
    for kind, tests in _NEGATABLE.items():
        for test in tests:
            for negation in ("", "Not"):
                name = f"{kind}{negation}{test}".lower()
                found[name] = (_READERS[kind], test, bool(negation))
                if kind == "String":
                    found[f"{name}ignorecase"] = (_text_without_case, test, bool(negation))
    for test in ("GreaterThan", "GreaterThanEquals", "LessThan", "LessThanEquals"):
        found[f"datetime{test.lower()}"] = (_date, test, False)
    return found


_BASES = _bases()
_QUANTIFIERS: dict[str, tuple[Quantifier, Quantifier]] = {
    "foranyofanyvalues": (any, any),
    "forallofanyvalues": (all, any),
    "foranyofallvalues": (any, all),
    "forallofallvalues": (all, all),
}
"""How many values on the left must satisfy the comparison, and with how many on the right."""
_QUANTIFIED = re.compile(r"(string(not)?(equals|like)(ignorecase)?|guid(not)?equals)")


@dataclass(frozen=True)
class Operator:
    """A comparison operator. quantifiers: None if it compares one value with one."""

    name: str
    read: Reader
    test: str
    negated: bool
    quantifiers: tuple[Quantifier, Quantifier] | None

    @classmethod
    def of(cls, name: str) -> Self:
        """The operator of this name, in any letter case. Raises UnsupportedConditionError for others."""
        quantifier, colon, base = name.lower().rpartition(":")
        if base not in _BASES or (colon and quantifier not in _QUANTIFIERS):
            raise UnsupportedConditionError(f"the operator {name}")
        if colon and not _QUANTIFIED.fullmatch(base):
            raise UnsupportedConditionError(f"the operator {name}")
        return cls(name, *_BASES[base], _QUANTIFIERS[quantifier] if colon else None)

    def holds(self, left: tuple[str | bool, ...], right: tuple[str | bool, ...]) -> bool | None:
        """The comparison's result, or None if a value cannot be compared so."""
        try:
            lefts, rights = [self.read(each) for each in left], [self.read(each) for each in right]
        except (TypeError, ValueError):
            return None
        if self.quantifiers is None:
            return self._one(lefts[0], rights[0]) if len(lefts) == len(rights) == 1 else None
        of_left, of_right = self.quantifiers
        return of_left(of_right(self._one(each, other) for other in rights) for each in lefts)

    def check(self, values: tuple[str | bool, ...], is_set: bool) -> None:
        """Raise InvalidConditionError if a condition cannot give these values to this operator."""
        if is_set != (self.quantifiers is not None):
            what = "a set of values in braces" if self.quantifiers else "one value"
            raise InvalidConditionError(f"{self.name} compares with {what}.")
        for each in values:
            try:
                self.read(each)
            except (TypeError, ValueError) as error:
                raise InvalidConditionError(f"{self.name}: {error}.") from error

    def _one(self, left: Comparable, right: Comparable) -> bool:
        return _TESTS[self.test](left, right) != self.negated
