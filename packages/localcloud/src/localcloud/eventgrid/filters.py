"""The filters of event subscriptions, which select events.

A filter is checked against Event Grid's limits when it is loaded: one that Azure would refuse at deployment
must not work here. isSubjectCaseSensitive applies to subjectBeginsWith and subjectEndsWith only; advanced
filters always ignore case. Source: "Understand event filtering for Event Grid subscriptions".
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from localcloud.eventgrid.events import Event

MAX_ADVANCED = 25
"""Most advanced filters of a subscription, and most values in all of them together."""
MAX_STRING = 512
FIELDS: dict[str, Callable[[Event], Any]] = {
    "id": lambda event: event.id,
    "topic": lambda event: event.topic,
    "source": lambda event: event.topic,
    "subject": lambda event: event.subject,
    "eventtype": lambda event: event.type,
    "type": lambda event: event.type,
    "dataversion": lambda event: event.data_version,
}
MISSING = object()


class InvalidFilterError(ValueError):
    """A filter that Event Grid would refuse; the text names the part and the limit."""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_range(value: Any) -> bool:
    return (
        isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)) and value[0] <= value[1]
    )


def _is_string(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_STRING


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _anything(_: Any) -> bool:
    return True


def _same(value: Any, wanted: Any) -> bool:
    return bool(value == wanted)


@dataclass(frozen=True)
class Operator:
    """One operatorType.

    field: where the filter has its values: "values" (any may match), "value" (one), or "" (it has none).
    accepts: whether a value of the filter is well formed. comparable: whether the event's value has the right
    type. negated: no value may match. if_missing: the result for an event without the key.
    """

    field: str
    accepts: Callable[[Any], bool]
    comparable: Callable[[Any], bool]
    fits: Callable[[Any, Any], bool]
    negated: bool = False
    if_missing: bool = False

    def matches(self, value: Any, wanted: tuple[Any, ...]) -> bool:
        if value is MISSING or not self.comparable(value):
            return self.if_missing
        return any(self.fits(value, each) for each in wanted or (None,)) != self.negated


def _strings(
    fits: Callable[[str, str], bool], *, negated: bool = False, if_missing: bool = False
) -> Operator:
    def ignoring_case(value: str, wanted: str) -> bool:
        return fits(value.lower(), wanted.lower())

    return Operator(
        "values", _is_string, lambda value: isinstance(value, str), ignoring_case, negated, if_missing
    )


def _numbers(name: str, fits: Callable[[Any, Any], bool], **how: bool) -> Operator:
    return Operator(name, _is_range if fits is _within else _is_number, _is_number, fits, **how)


def _within(value: float, bounds: list[float]) -> bool:
    return bounds[0] <= value <= bounds[1]


# For an event without the key only "is not in" is true, according to the documentation's note on this.
OPERATORS: dict[str, Operator] = {
    "StringIn": _strings(operator.eq),
    "StringNotIn": _strings(operator.eq, negated=True, if_missing=True),
    "StringBeginsWith": _strings(str.startswith),
    "StringNotBeginsWith": _strings(str.startswith, negated=True),
    "StringEndsWith": _strings(str.endswith),
    "StringNotEndsWith": _strings(str.endswith, negated=True),
    "StringContains": _strings(operator.contains),
    "StringNotContains": _strings(operator.contains, negated=True),
    "NumberIn": _numbers("values", _same),
    "NumberNotIn": _numbers("values", _same, negated=True, if_missing=True),
    "NumberLessThan": _numbers("value", operator.lt),
    "NumberLessThanOrEquals": _numbers("value", operator.le),
    "NumberGreaterThan": _numbers("value", operator.gt),
    "NumberGreaterThanOrEquals": _numbers("value", operator.ge),
    "NumberInRange": _numbers("values", _within),
    "NumberNotInRange": _numbers("values", _within, negated=True, if_missing=True),
    "BoolEquals": Operator("value", _is_bool, _is_bool, _same),
    "IsNullOrUndefined": Operator("", _anything, _anything, lambda value, _: value is None, if_missing=True),
    "IsNotNull": Operator("", _anything, _anything, lambda value, _: value is not None),
}


@dataclass(frozen=True)
class AdvancedFilter:
    """One condition on one field of an event."""

    operator_type: str
    key: str
    values: tuple[Any, ...] = ()

    @classmethod
    def parse(cls, body: Any) -> "AdvancedFilter":
        if not isinstance(body, dict):
            raise InvalidFilterError(
                f"an advanced filter is an object with operatorType and key, not {body!r}"
            )
        name, key = body.get("operatorType"), body.get("key")
        if name not in OPERATORS:
            raise InvalidFilterError(f"operatorType {name!r} is not one of {', '.join(OPERATORS)}")
        if not isinstance(key, str) or not _is_key(key):
            raise InvalidFilterError(
                f"{name}: key {key!r} is not one of {', '.join(FIELDS)}, data.<name> or data.<name>.<name>"
            )
        wanted = OPERATORS[name].field
        if unknown := body.keys() - {"operatorType", "key", wanted}:
            raise InvalidFilterError(f"{name} on {key} does not take {', '.join(sorted(unknown))}")
        if not wanted:
            return cls(name, key)
        values = body.get(wanted) if wanted == "values" else [body.get(wanted)]
        if not isinstance(values, list) or not values:
            raise InvalidFilterError(f"{name} on {key} needs {wanted}: a list that is not empty")
        for value in values:
            if not OPERATORS[name].accepts(value):
                raise InvalidFilterError(
                    f"{name} on {key} does not take {value!r}"
                    f" (strings: at most {MAX_STRING} characters; ranges: [from, to])"
                )
        return cls(name, key, tuple(values))

    @property
    def about_subject(self) -> bool:
        return self.key.lower() == "subject"

    def matches(self, event: Event) -> bool:
        return self.fits(self._value(event))

    def fits(self, value: Any) -> bool:
        """Return whether an event matches whose field has this value."""
        return OPERATORS[self.operator_type].matches(value, self.values)

    def _value(self, event: Event) -> Any:
        root, *path = self.key.split(".")
        if root.lower() != "data":
            return FIELDS[root.lower()](event)
        value = event.data
        for name in path:
            if not isinstance(value, dict) or name not in value:
                return MISSING
            value = value[name]
        return value


def _is_key(key: str) -> bool:
    root, *path = key.split(".")
    if root.lower() == "data":
        return 1 <= len(path) <= 2 and all(path)
    return root.lower() in FIELDS and not path


@dataclass(frozen=True)
class Filter:
    """The filter of a subscription; an event must meet all of its conditions. Subjects have no wildcards."""

    begins: str = ""
    ends: str = ""
    case_sensitive: bool = False
    types: frozenset[str] | None = None
    advanced: tuple[AdvancedFilter, ...] = field(default=())

    @classmethod
    def parse(cls, body: Any) -> "Filter":
        """Read a filter's definition. Raises InvalidFilterError for what Event Grid would refuse."""
        known = {
            *("subjectBeginsWith", "subjectEndsWith", "isSubjectCaseSensitive"),
            *("includedEventTypes", "advancedFilters"),
        }
        if not isinstance(body, dict):
            raise InvalidFilterError(f"a filter is an object, not {body!r}")
        if unknown := body.keys() - known:
            raise InvalidFilterError(f"localcloud does not know {', '.join(sorted(unknown))} in a filter")
        advanced = tuple(AdvancedFilter.parse(each) for each in body.get("advancedFilters") or [])
        values = sum(len(each.values) for each in advanced)
        if len(advanced) > MAX_ADVANCED or values > MAX_ADVANCED:
            raise InvalidFilterError(
                f"{len(advanced)} advanced filters with {values} values:"
                f" Event Grid takes {MAX_ADVANCED} of each"
            )
        for name in ("subjectBeginsWith", "subjectEndsWith"):
            if not isinstance(body.get(name, ""), str):
                raise InvalidFilterError(f"{name} must be a string, not {body[name]!r}")
        types = body.get("includedEventTypes")
        if types is not None and not (isinstance(types, list) and types and all(map(_is_string, types))):
            raise InvalidFilterError("includedEventTypes must be a list of event types, or absent for all")
        sensitive = body.get("isSubjectCaseSensitive", False)
        if not isinstance(sensitive, bool):
            raise InvalidFilterError(f"isSubjectCaseSensitive must be true or false, not {sensitive!r}")
        return cls(
            begins=body.get("subjectBeginsWith", ""),
            ends=body.get("subjectEndsWith", ""),
            case_sensitive=sensitive,
            types=frozenset(types) if types is not None else None,
            advanced=advanced,
        )

    def matches(self, event: Event) -> bool:
        return self.concerns(event.type, event.subject) and all(each.matches(event) for each in self.advanced)

    def concerns(self, event_type: str, subject: str) -> bool:
        """Return whether an event of this type and subject can match, depending on its other fields."""
        folded, begins, ends = map(self._folded, (subject, self.begins, self.ends))
        typed = self.types is None or event_type in self.types
        framed = typed and folded.startswith(begins) and folded.endswith(ends)
        return framed and all(each.fits(subject) for each in self.advanced if each.about_subject)

    def reaches(self, prefix: str) -> bool:
        """Return whether any subject that begins with `prefix` can match."""
        prefix, begins = self._folded(prefix), self._folded(self.begins)
        return prefix.startswith(begins) or begins.startswith(prefix)

    def _folded(self, text: str) -> str:
        return text if self.case_sensitive else text.lower()
