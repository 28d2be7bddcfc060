"""What the value of a setting may be: the types of values, and how each reads JSON, metadata and variables.

A value comes as JSON (an HTTP body) or as text (blob metadata, environment variables), so that every type
reads text too. JSON can hold whole numbers that no float can, and nested lists of any depth.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LONGEST_TEXT = 256
"""Characters."""
LONGEST_DURATION = 7 * 86400
"""Seconds."""
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)", re.IGNORECASE)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class ValueType[T]:
    """A type of values. expected: what messages and docs call it, such as "a whole number from 1 to 10".

    convert gives the value, and raises ValueError, TypeError or OverflowError for anything else.
    """

    expected: str
    convert: Callable[[Any], T]

    def parse(self, value: Any) -> T:
        """`value` as one of this type. Raises ValueError, whose text is `expected`."""
        try:
            return self.convert(value)
        except (ValueError, TypeError, OverflowError):
            raise ValueError(self.expected) from None


def text() -> ValueType[str]:
    """A short printable text; white space around it is dropped."""

    def convert(value: Any) -> str:
        if not isinstance(value, str) or len(value) > LONGEST_TEXT or not value.isprintable():
            raise ValueError
        return value.strip()

    return ValueType(f"a text of at most {LONGEST_TEXT} printable characters", convert)


def whole_number(low: int, high: int) -> ValueType[int]:
    def convert(value: Any) -> int:
        if not _is_number_or_text(value) or isinstance(value, float):
            raise TypeError
        return _between(low, int(value), high)

    return ValueType(f"a whole number from {low} to {high}", convert)


def number(low: float, high: float = math.inf) -> ValueType[float]:
    """A finite number. Without `high` there is no upper bound."""

    def convert(value: Any) -> float:
        if not _is_number_or_text(value) or not math.isfinite(float(value)):
            raise ValueError
        return _between(low, float(value), high)

    span = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of at least {low:g}"
    return ValueType(f"a number {span}", convert)


def one_of(*words: str) -> ValueType[str]:
    """One of these words, in any case. With "" among them, an empty text is allowed and not mentioned."""

    def convert(value: Any) -> str:
        word = value.strip().lower() if isinstance(value, str) else None
        if word not in words:
            raise ValueError
        return word

    return ValueType(f"one of {', '.join(word for word in words if word)}", convert)


def duration() -> ValueType[int]:
    """A duration in whole seconds, from 1 s to LONGEST_DURATION."""

    def convert(value: Any) -> int:
        if not _is_number_or_text(value):
            raise TypeError
        found = _DURATION.fullmatch(str(value).strip())
        if found is None:
            raise ValueError
        return round(_between(1.0, float(found[1]) * _SECONDS[found[2].lower()], LONGEST_DURATION))

    return ValueType(
        'a duration of 1 s to 7 d: seconds, or a text such as "90s", "30m", "24h", "1d"', convert
    )


def _is_number_or_text(value: Any) -> bool:
    """True and False are whole numbers to Python, and not to anybody who writes a setting."""
    return isinstance(value, int | float | str) and not isinstance(value, bool)


def _between[N: (int, float)](low: N, value: N, high: N) -> N:
    if not low <= value <= high:
        raise ValueError
    return value
