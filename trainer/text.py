"""Makes text from outside fit for a one-line message: short, and printable."""

from __future__ import annotations

import dialect_rows

printable = dialect_rows.printable
LENGTH = 100
"""Characters of a dataset's, column's or class's name that a message shows."""


def shorten(text: object, length: int = LENGTH) -> str:
    """The text's first `length` characters at most, the last of them "…" if there were more.

    A character that cannot be printed (a line end, a control character) is replaced by its escape sequence,
    so the result may be longer than `length`, but it is always a single line.
    """
    whole = str(text)
    short = whole if len(whole) <= length else f"{whole[: length - 1]}…"
    return printable(short)


def printable_lines(text: str) -> str:
    """A text of several lines, such as a traceback, each of which is printable."""
    return "\n".join(map(printable, text.split("\n")))


def quoted(text: object) -> str:
    """As `shorten`, between quotation marks."""
    return f'"{shorten(text)}"'
