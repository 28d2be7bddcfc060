"""Short, printable texts: how messages quote what came from outside, and how records limit what they keep."""

import json
import re

from trainer import dialect_rows

printable = dialect_rows.printable
QUOTE_LENGTH = 100
"""Characters of a value that a message repeats."""
_ELLIPSIS = "…"
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters, line ends of Unicode, and marks that reverse what follows them (Unicode, UAX #9)."""


def has_control(text: str) -> bool:
    """Whether a text has a character that no name needs, and that changes how lines or letters are shown."""
    return _CONTROL.search(text) is not None


def shorten(text: str, length: int) -> str:
    """`text`, cut to at most `length` characters; the last one is then an ellipsis."""
    return text if len(text) <= length else f"{text[: length - len(_ELLIPSIS)]}{_ELLIPSIS}"


def shorten_line(text: str, length: int) -> str:
    """`text` as one printable line, with every run of white space as one space, cut to at most `length`."""
    return shorten(printable(" ".join(text.split())), length)


def shorten_json(text: str, length: int) -> str:
    """`text`, cut so that JSON needs at most `length` characters for it, an ellipsis not counted.

    JSON in ASCII takes 6 characters for most characters outside ASCII, and 12 for those above U+FFFF.
    """
    used = 0
    for position, character in enumerate(text):
        used += len(json.dumps(character)) - 2
        if used > length:
            return f"{text[:position]}{_ELLIPSIS}"
    return text


def quote(value: object, length: int = QUOTE_LENGTH) -> str:
    """`value` for a message: a text in double quotes, any other value as JSON; short and printable.

    At most `length` characters of it are repeated. A value that JSON cannot write is named by its type.
    """
    if isinstance(value, str):
        return f'"{shorten(printable(value[: length + 1]), length)}"'
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        # A value may also be nested too deeply, or be a whole number of more digits than Python converts.
        return f"a value of type {type(value).__name__}"
    return shorten(printable(text), length)
