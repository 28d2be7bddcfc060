"""Finds where the records of a text end, in megabytes at a time."""

from __future__ import annotations

import re

import numpy as np

QUOTE = b'"'
PIECE = 8 << 20
"""Bytes of which the quotes are looked at together, as their places take eight times as much memory."""
FEW = 16
"""Line ends that are looked at one by one."""


def record_end(data: bytes, separator: str, line_end: bytes = b"\n", stop: int | None = None) -> int:
    """Where the last whole record of a text ends, which begins with a record; 0 if it holds no whole record.

    stop: where the text ends, if not at the end of `data`.

    Quotes come in pairs, so a line end is also the end of a record if an even number of quotes precedes it.
    Where a cell holds a single quote (5" pipe), the text is matched cell by cell, which takes longer.
    line_end: the last byte of a line end in this file.
    """
    stop = len(data) if stop is None else stop
    if line_end == b"\r" and data.endswith(b"\r", 0, stop):
        stop -= 1  # it may be the first half of a line end
    if data.find(QUOTE, 0, stop) < 0:
        return data.rfind(line_end, 0, stop) + 1
    edges = np.zeros(256, dtype=bool)
    edges[list(f'{separator}\r\n"'.encode())] = True
    end = quotes = 0
    for start in range(0, stop, PIECE):
        text = np.frombuffer(data, dtype=np.uint8, count=min(PIECE, stop - start), offset=start)
        places = np.flatnonzero(text == QUOTE[0])
        # An odd quote opens a quoted cell, so it stands at the beginning of a cell, or it is the second half
        # of a doubled quote, so it stands behind another quote.
        opening = places[quotes % 2 :: 2]
        before = text[opening[opening > 0] - 1]
        at_start = bool(start and len(opening) and opening[0] == 0)
        if not edges[before].all() or (at_start and not edges[data[start - 1]]):
            return _end_by_cells(data, separator, stop)
        end = _last_outside(data, start, start + len(text), line_end, places, quotes % 2) or end
        quotes += len(places)
    return end


def _last_outside(
    data: bytes, start: int, stop: int, line_end: bytes, quotes: np.ndarray, before: int
) -> int:
    """Where the last line of a piece of text ends that ends outside quotes; 0 if none does.

    quotes: their places in the piece; before: how many precede it, modulo two.
    """
    place = data.rfind(line_end, start, stop)
    for _ in range(FEW):
        if place < 0:
            return 0
        number = int(np.searchsorted(quotes, place - start))
        if (before + number) % 2 == 0:
            return place + 1
        place = data.rfind(line_end, start, start + int(quotes[number - 1]) if number else start)
    # There are many line ends within quotes, so all of the piece are looked at at once.
    text = np.frombuffer(data, dtype=np.uint8, count=max(0, place + 1 - start), offset=start)
    ends = np.flatnonzero(text == line_end[0])
    outside = np.flatnonzero((np.searchsorted(quotes, ends) + before) % 2 == 0)
    return start + int(ends[outside[-1]]) + 1 if len(outside) else 0


def _end_by_cells(data: bytes, separator: str, stop: int) -> int:
    """As `record_end`. Nothing is matched in a second way, which could take long where quotes are wrong."""
    mark = re.escape(separator.encode())
    cell = rb'(?:"[^"]*+(?:""[^"]*+)*+"(?!")[^%b\r\n]*+|[^"%b\r\n][^%b\r\n]*+)?+' % (mark, mark, mark)
    record = re.compile(rb"(?:%b%b)*+%b(?:\r\n|\n|\r(?=[^\n]))" % (cell, mark, cell))
    end = 0
    while found := record.match(data, end, stop):
        end = found.end()
    return end
