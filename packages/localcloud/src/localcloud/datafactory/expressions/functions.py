"""The implemented functions, and the conversion of values to text.

Values are JSON values. A function raises ExpressionError for an argument that it does not accept.
"""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from localcloud import json_texts
from localcloud.datafactory.expressions.syntax import ExpressionError

Value = Any
"""A JSON value: None, bool, int, float, str, list or dict."""

NUMBER = re.compile(r"\s*[+-]?\d{1,308}(\.\d*)?([eE][+-]?\d{1,3})?\s*")


def text_of(value: Value) -> str:
    """Format `value` as the service does within a string: True and False, compact JSON, no trailing `.0`."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def concat(*values: Value) -> str:
    return "".join(text_of(value) for value in values)


def to_int(value: Value) -> int:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,19}\s*", value):
        return int(value)
    number = to_float(value, "int")
    if not number.is_integer():
        raise ExpressionError(f"int cannot convert {value!r}: it is no whole number")
    return int(number)


def to_float(value: Value, function: str = "float") -> float:
    is_number = isinstance(value, int | float) or (isinstance(value, str) and NUMBER.fullmatch(value))
    number = float(value) if is_number else math.nan
    if not math.isfinite(number):
        raise ExpressionError(f"{function} cannot convert {value!r}")
    return number


def to_bool(value: Value) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if isinstance(value, bool | int | float):
        return bool(value)
    raise ExpressionError(f"bool cannot convert {value!r}")


def from_json(value: Value) -> Value:
    try:
        return json_texts.loads(_text("json", value))
    except ValueError as error:
        raise ExpressionError(f"json cannot read {value!r}: {error}") from None


def choose(condition: Value, then: Value, otherwise: Value) -> Value:
    if not isinstance(condition, bool):
        raise ExpressionError(f"if expects a boolean condition, not {condition!r}")
    return then if condition else otherwise


def equals(left: Value, right: Value) -> bool:
    """Return whether two JSON values are equal, compared deeply; true does not equal 1."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def coalesce(*values: Value) -> Value:
    return next((value for value in values if value is not None), None)


def to_lower(value: Value) -> str:
    return _text("toLower", value).lower()


def to_upper(value: Value) -> str:
    return _text("toUpper", value).upper()


def replace(value: Value, old: Value, new: Value) -> str:
    if not _text("replace", old):
        raise ExpressionError("replace expects a text to look for, not an empty one")
    return _text("replace", value).replace(old, _text("replace", new))


def _text(function: str, value: Value) -> str:
    if not isinstance(value, str):
        raise ExpressionError(f"{function} expects a string, not {value!r}")
    return value


@dataclass(frozen=True)
class Function:
    """most: the largest number of arguments; None means no limit."""

    name: str
    least: int
    most: int | None
    call: Callable[..., Value]

    def takes(self, count: int) -> bool:
        return self.least <= count and (self.most is None or count <= self.most)


FUNCTIONS = {
    function.name.lower(): function
    for function in (
        Function("concat", 1, None, concat),
        Function("string", 1, 1, text_of),
        Function("int", 1, 1, to_int),
        Function("float", 1, 1, to_float),
        Function("bool", 1, 1, to_bool),
        Function("json", 1, 1, from_json),
        Function("if", 3, 3, choose),
        Function("equals", 2, 2, equals),
        Function("coalesce", 1, None, coalesce),
        Function("toLower", 1, 1, to_lower),
        Function("toUpper", 1, 1, to_upper),
        Function("replace", 3, 3, replace),
    )
}
"""The functions by name in lower case; names are not case-sensitive."""

SCOPES = {"pipeline": 0, "activity": 1, "variables": 1}
"""The functions that return values of the run, and their numbers of arguments."""

NOT_IMITATED = frozenset(
    """
    endswith guid indexof lastindexof split startswith substring trim contains empty first intersection join
    last length skip take union and greater greaterorequals less lessorequals not or array base64
    base64tobinary base64tostring binary createarray datauri datauritobinary datauritostring decodebase64
    decodedatauri decodeuricomponent encodeuricomponent uricomponent uricomponenttobinary
    uricomponenttostring xml xpath add div max min mod mul rand range sub adddays addhours addminutes
    addseconds addtotime convertfromutc converttimezone converttoutc dayofmonth dayofweek dayofyear
    formatdatetime getfuturetime getpasttime startofday startofhour startofmonth subtractfromtime ticks
    utcnow trigger item dataset linkedservice
    """.split()  # noqa: SIM905 - seventy lines of quotes would say no more
)
"""The service's functions that localcloud does not implement."""
