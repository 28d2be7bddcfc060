"""Leaves out what is no data at the end of a dataset, and tells what it was."""

from __future__ import annotations

import dialect
import dialect_end
import dialect_rows
from lines import end_of_lines, lines_in
from record_ends import record_end

ENDING_BYTES = 64 << 10
"""Text at the end of a dataset that may hold what is no data."""


def without_end(
    data: bytes, line: int, inspection: dialect.Inspection, line_end: bytes
) -> tuple[bytes, list[str]]:
    """The rows in the last text of a dataset, and notes on what of it was left out.

    data: whole records in UTF-8. line: the number of the first one's line. line_end: the last byte of one.
    """
    separator = inspection.dialect.separator
    data, notes = _trimmed(data, separator)
    start = 0
    if len(data) > ENDING_BYTES:
        start = record_end(data, separator, line_end, len(data) - ENDING_BYTES)
    first = line + lines_in(data[:start])
    records, problem = dialect_rows.records_of(
        data[start:].decode("utf-8", errors="replace"), separator, whole=True, first=first
    )
    if problem is not None or not records:
        return data, notes  # who parses it names the row
    last = records[-dialect_end.MOST_ROWS :]
    none = dialect_end.rows_at_end(
        [each.cells for each in last], inspection.looks, last[0].line - inspection.begins
    )
    if first == inspection.begins:
        none = min(none, len(records) - 1)  # as in the head
    if not none:
        return data, notes
    left = records[-none:]
    notes += dialect_end.left_out([(each.line, each.cells) for each in left], separator)
    above = left[0].line - first
    return data[: start + end_of_lines(data[start:], above)] if above else data[:start], notes


def last_value(data: bytes, separator: str) -> int:
    """Where the last value of a text ends, as dialect_end.last_value."""
    return len(data.rstrip((dialect_end.WHITE + dialect_end.END_OF_FILE + separator).encode()))


def _trimmed(data: bytes, separator: str) -> tuple[bytes, list[str]]:
    """A text without the lines at its end that hold no value, as dialect_end.trimmed, and notes on them."""
    last = last_value(data, separator)
    kept, notes = dialect_end.trimmed(data[last:].decode("utf-8", errors="replace"), separator)
    return data[:last] + kept.encode(), notes
