"""Leaves out the header where it stands again in a dataset."""

from __future__ import annotations

import dialect
import dialect_header
from lines import lines_in
from record_ends import QUOTE


class Repeats:
    """Finds where the header stands again in a file, as where exports were joined."""

    def __init__(self, inspection: dialect.Inspection) -> None:
        self._writings = dialect_header.writings(
            inspection.header, inspection.dialect.separator, inspection.written
        )
        self._count = self._first = 0

    def left_out(self, data: bytes, line: int) -> bytes:
        """Some records with an empty line for each header in them, so that other lines keep their numbers.

        line: the number of the first one's line. They are the same object if no header is among them.
        """
        for written in self._writings:
            kept: list[bytes] = []
            copied = seen = quotes = 0
            place = data.find(written)
            while place >= 0:
                end = place + len(written)
                if _is_lines(data, place, end):
                    quotes, seen = quotes + data.count(QUOTE, seen, place), place
                    if quotes % 2 == 0:
                        if not kept:
                            self._note_line(data, line, place)
                        self._count += 1
                        kept.append(data[copied:place])
                        copied = end
                place = data.find(written, end)
            if copied:
                data = b"".join([*kept, data[copied:]])
        return data

    def _note_line(self, data: bytes, line: int, place: int) -> None:
        """Keep the line of the first header. There may be as many of them as rows, so no other is kept."""
        if not self._first or self._first > line:
            found = line + lines_in(data[:place])
            self._first = min(self._first or found, found)

    @property
    def notes(self) -> list[str]:
        return dialect_header.notes_on_repeats(self._count, self._first)


def _is_lines(data: bytes, start: int, end: int) -> bool:
    """Whether a part of a block is whole lines."""
    return (not start or data[start - 1] in b"\r\n") and (end == len(data) or data[end] in b"\r\n")
