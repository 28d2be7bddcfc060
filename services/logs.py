"""What the app logs: each record is one printable line, whatever texts from outside are in it.

A blob's name, an event's id or an error of a service may hold line ends, with which it would forge further
records, or sequences that a terminal obeys.
"""

import logging

from runs.text import printable

OWN = "touchdown"
"""The first part of the names of this app's loggers."""


class PrintableRecord(logging.LogRecord):
    """A record whose message is printable if a logger of this app wrote it."""

    def getMessage(self) -> str:  # noqa: N802 - the name that logging calls
        message = super().getMessage()
        return printable(message) if self.name.partition(".")[0] == OWN else message


def keep_printable() -> None:
    """Make every record of this process a PrintableRecord."""
    logging.setLogRecordFactory(PrintableRecord)
