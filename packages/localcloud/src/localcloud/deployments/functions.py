"""Template functions that need nothing but their arguments.

Source: "ARM template functions"
(learn.microsoft.com/azure/azure-resource-manager/templates/template-functions) and its pages on string,
comparison, logical, array, object and lambda functions. Where they are silent, a function does as in the
Bicep compiler 0.49, which evaluates with Resource Manager's own code.
"""

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

from localcloud import json_texts
from localcloud.deployments.syntax import ExpressionError

type Function = Callable[..., Any]

GUID_NAMESPACE = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
"""The namespace of guid()'s values. Source: those that the Bicep compiler evaluates."""
PLACEHOLDER = re.compile(r"\{\{|\}\}|\{(?P<index>\d+)(?:,(?P<width>-?\d+))?(?::(?P<format>[^{}]*))?\}|[{}]")


def kind(value: object) -> str:
    """The name of a value's type in an error."""
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "an array"}
    return names.get(type(value), "an object" if isinstance(value, dict) else "a function")


def text(value: object) -> str:
    if not isinstance(value, str):
        raise ExpressionError(f"a text is wanted where {kind(value)} is given")
    return value


def boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ExpressionError(f"a boolean is wanted where {kind(value)} is given")
    return value


def array(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ExpressionError(f"an array is wanted where {kind(value)} is given")
    return value


def scalar(value: object) -> str:
    """A text, number or boolean as a text: true is True, as in .NET."""
    if isinstance(value, str | bool | int | float):
        return str(value)
    raise ExpressionError(f"a text, a number or a boolean is wanted where {kind(value)} is given")


def guid(*values: object) -> str:
    """The UUID of version 5 of the texts, joined by "-"."""
    if not values:
        raise ExpressionError("at least one text is wanted")
    return str(uuid.uuid5(GUID_NAMESPACE, "-".join(text(value) for value in values)))


def format_(pattern: object, *values: object) -> str:
    """.NET's String.Format: `{index[,width][:format]}`, of whose formats N, D and X are known here."""

    def filled(found: re.Match[str]) -> str:
        if found[0] in ("{{", "}}"):
            return found[0][0]
        if found["index"] is None:
            raise ExpressionError(f"'{found[0]}' at character {found.start()} belongs to no placeholder")
        if int(found["index"]) >= len(values):
            raise ExpressionError(f"{found[0]} names no argument: there are {len(values)}")
        shown = formatted(values[int(found["index"])], found["format"])
        width = int(found["width"] or 0)
        return shown.rjust(width) if width >= 0 else shown.ljust(-width)

    return PLACEHOLDER.sub(filled, text(pattern))


def formatted(value: object, how: str | None) -> str:
    """A value of format(): null is empty. Raises ExpressionError for a format that is not known."""
    if value is None:
        return ""
    if not how or isinstance(value, str | bool):
        return scalar(value)
    known = re.fullmatch(r"([nNdDxX])(\d?)", how)
    if known is None or not isinstance(value, int):
        raise ExpressionError(f"localcloud does not know the format '{how}' for {kind(value)}")
    name, digits = known[1], known[2]
    if name in "nN":
        return f"{value:,.{digits or 2}f}"
    sign = "-" if value < 0 else ""
    return sign + f"{abs(value):0{digits or 1}{'d' if name in 'dD' else name}}"


def concat(*values: object) -> str | list[Any]:
    """Arrays as one array, or texts, numbers and booleans as one text."""
    if any(isinstance(value, list) for value in values):
        return [item for value in values for item in array(value)]
    return "".join(scalar(value) for value in values)


def replace(original: object, old: object, new: object) -> str:
    if not text(old):
        raise ExpressionError("the text to replace is empty")
    return text(original).replace(text(old), text(new))


def split(value: object, delimiters: object) -> list[str]:
    """Delimiters are one text or an array of texts; empty ones divide nothing."""
    several = delimiters if isinstance(delimiters, list) else [delimiters]
    wanted = "|".join(re.escape(text(each)) for each in several if each)
    return re.split(wanted, text(value)) if wanted else [text(value)]


def starts_with(value: object, start: object) -> bool:
    """Case does not matter."""
    return text(value).lower().startswith(text(start).lower())


def to_lower(value: object) -> str:
    return text(value).lower()


def empty(value: object) -> bool:
    """Whether an array, an object or a text has nothing in it; null has nothing in it either."""
    if value is None:
        return True
    if not isinstance(value, str | list | dict):
        raise ExpressionError(f"an object, an array or a text is wanted where {kind(value)} is given")
    return not value


def equals(one: object, other: object) -> bool:
    """Whether type and value are the same; case matters, the order of an object's properties does not."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def json_(value: object) -> Any:
    try:
        return json_texts.loads(text(value))
    except ValueError as error:
        raise ExpressionError(f"the text is not JSON: {error}") from error


def filter_(values: object, chosen: Function) -> list[Any]:
    """The items for which a lambda gives true. It is called with item and index, and takes as many as it
    names."""
    if not callable(chosen):
        raise ExpressionError(f"a lambda is wanted where {kind(chosen)} is given")
    return [item for index, item in enumerate(array(values)) if boolean(chosen(item, index))]


def not_(value: object) -> bool:
    return not boolean(value)


def null() -> None:
    return None


def true() -> bool:
    return True


def false() -> bool:
    return False


FUNCTIONS: dict[str, Function] = {
    "concat": concat,
    "empty": empty,
    "equals": equals,
    "false": false,
    "filter": filter_,
    "format": format_,
    "guid": guid,
    "json": json_,
    "not": not_,
    "null": null,
    "replace": replace,
    "split": split,
    "startswith": starts_with,
    "tolower": to_lower,
    "true": true,
}
"""The functions by their names in lower case."""
