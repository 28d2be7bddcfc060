"""Log records as lines of text, of which none is forged by what a client sent.

Names, paths and messages of errors come from outside. They may hold line ends, so that they look like further
records, and sequences that a terminal obeys. So a record's further lines are indented, and characters that
cannot be printed are written as escapes.
"""

import logging
from types import TracebackType

INDENT = "    "
"""What stands before the second line of a record and those below, so that none looks like a record."""


def printable(text: str) -> str:
    """A text with an escape such as \\x1b in place of each character that cannot be printed."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def lines(text: str) -> str:
    """A text of one or more lines as one record has them."""
    return f"\n{INDENT}".join(map(printable, text.split("\n")))


class Lines(logging.Formatter):
    """Formats a record as one line, followed by its traceback, which is indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name that logging calls
        return lines(super().formatMessage(record))

    def formatException(  # noqa: N802 - the name that logging calls
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        return INDENT + lines(super().formatException(ei))


def configure() -> None:
    """Log to stderr, from Information on."""
    handler = logging.StreamHandler()
    handler.setFormatter(Lines("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
