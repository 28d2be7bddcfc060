"""Finds where the records of a text end, in megabytes at a time."""

from __future__ import annotations

import re

QUOTE = b'"'


def record_end(data: bytes, separator: str, line_end: bytes = b"\n", stop: int | None = None) -> int:
    """Where the last whole record of a text ends, which begins with a record; 0 if it holds no whole record.

    stop: where the text ends, if not at the end of `data`.

    Quotes come in pairs, so a line end is also the end of a record if an even number of quotes precedes it.
    Where a cell holds a single quote (5" pipe), the text is matched cell by cell, which takes longer.
    line_end: the last byte of a line end in this file.
    """
    import numpy as np

    stop = len(data) if stop is None else stop
    if line_end == b"\r" and data.endswith(b"\r", 0, stop):
        stop -= 1  # it may be the first half of a line end
    if data.find(QUOTE, 0, stop) < 0:
        return data.rfind(line_end, 0, stop) + 1
    text = np.frombuffer(data, dtype=np.uint8, count=stop)
    quotes = np.flatnonzero(text == QUOTE[0])
    # An odd quote opens a quoted cell, so it stands at the beginning of a cell, or it is the second half of a
    # doubled quote, so it stands behind another quote.
    opening = quotes[::2]
    edges = np.zeros(256, dtype=bool)
    edges[list(f'{separator}\r\n"'.encode())] = True
    if not edges[text[opening[opening > 0] - 1]].all():
        return _end_by_cells(data, separator, stop)
    place = data.rfind(line_end, 0, stop)
    while place >= 0 and (number := int(np.searchsorted(quotes, place))) % 2:
        place = data.rfind(line_end, 0, int(quotes[number - 1]))
    return place + 1


def _end_by_cells(data: bytes, separator: str, stop: int) -> int:
    mark = re.escape(separator.encode())
    cell = rb'(?:"[^"]*(?:""[^"]*)*"(?!")[^%b\r\n]*|[^"%b\r\n][^%b\r\n]*)?' % (mark, mark, mark)
    record = re.compile(rb"(?:%b%b)*%b(?:\r\n|\n|\r(?=[^\n]))" % (cell, mark, cell))
    end = 0
    while found := record.match(data, end, stop):
        end = found.end()
    return end
