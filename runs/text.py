"""Short, printable texts: how messages quote what came from outside, and how records limit what they keep."""

import json

QUOTE_LENGTH = 100
"""Characters of a value that a message repeats."""
_ELLIPSIS = "…"


def shorten(text: str, length: int) -> str:
    """`text`, cut to at most `length` characters; the last one is then an ellipsis."""
    return text if len(text) <= length else f"{text[: length - len(_ELLIPSIS)]}{_ELLIPSIS}"


def shorten_line(text: str, length: int) -> str:
    """`text` as one line, with every run of white space as one space, cut to at most `length` characters."""
    return shorten(" ".join(text.split()), length)


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


def printable(text: str) -> str:
    """`text` with an escape such as \\n or \\x00 in place of each character that cannot be printed."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
