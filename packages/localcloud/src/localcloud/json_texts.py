"""JSON that somebody else wrote.

Python's parser and whatever walks through its result raise RecursionError for lists and objects that are
nested deeply enough. A client may send such a body to break a service, so it counts as no JSON.
"""

import json
from typing import Any

DEEPEST = 200
"""How many lists and objects may be within each other. It is localcloud's own limit, far from Python's limit
of 1000 calls: Azure's services have others, which are not documented."""


class TooDeepError(ValueError):
    """Lists and objects are nested more deeply than DEEPEST."""

    def __init__(self) -> None:
        super().__init__(f"its lists and objects are nested more than {DEEPEST} levels deep")


def loads(text: str | bytes, *, strict: bool = True) -> Any:
    """The value of a JSON text. strict: whether a text in it may hold no line breaks.

    Raises ValueError, which is a TooDeepError where its nesting is what is wrong.
    """
    try:
        found = json.loads(text, strict=strict)
    except RecursionError:
        raise TooDeepError from None
    level = [found]
    for _ in range(DEEPEST):
        level = [child for each in level for child in children(each)]
        if not level:
            return found
    raise TooDeepError


def children(value: Any) -> list[Any]:
    """The lists and objects directly in a value."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [each for each in inside if isinstance(each, dict | list)]
