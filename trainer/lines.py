"""Where lines end in a text of some megabytes, found several times as fast as bytes and str find it."""

from __future__ import annotations

import itertools
import re

import numpy as np

PIECE = 512
"""Bytes that are counted together. A byte has to hold how many of them are in every eighth place: 64."""
FEED = ord("\n")


class Feeds:
    """The line feeds of a text. Only how many each of its pieces has is kept, not where each of them is."""

    def __init__(self, data: bytes) -> None:
        self._text = np.frombuffer(data, dtype=np.uint8)
        whole = len(data) // PIECE
        self._tail = self._text[whole * PIECE :]
        found = self._text == FEED
        # Eight bytes are added at a time, as the digits of one number: none of them carries.
        eighths = found[: whole * PIECE].view(np.uint64).reshape(whole, PIECE // 8).sum(axis=1)
        counts = eighths.view(np.uint8).reshape(whole, 8).sum(axis=1, dtype=np.int64)
        self._counts = np.append(counts, np.count_nonzero(found[whole * PIECE :]))
        self._before = np.cumsum(self._counts) - self._counts
        self.count = int(self._counts.sum())

    def after(self, numbers: np.ndarray) -> np.ndarray:
        """The places behind some line feeds, given by their numbers, ascending, the first being 0."""
        pieces = np.searchsorted(self._before, numbers, side="right") - 1
        near, place = np.unique(pieces, return_inverse=True)
        inner = near[near < len(self._counts) - 1]
        whole = self._text[: len(self._text) - len(self._tail)].reshape(-1, PIECE)
        there = np.flatnonzero(whole.take(inner, axis=0) == FEED)
        found = inner[there // PIECE] * PIECE + there % PIECE
        if len(inner) < len(near):
            found = np.append(found, whole.size + np.flatnonzero(self._tail == FEED))
        counts = self._counts[near]
        ends: np.ndarray = found[numbers - self._before[pieces] + (np.cumsum(counts) - counts)[place]] + 1
        return ends


def lines_in(data: bytes) -> int:
    """How many lines end in a text, as editors see it: at a line feed, a carriage return, or both."""
    feeds = np.count_nonzero(np.frombuffer(data, dtype=np.uint8) == FEED)
    return int(feeds) + lone_returns(data)


def lone_returns(data: bytes) -> int:
    """How many carriage returns are not followed by a line feed."""
    if b"\r" not in data:
        return 0
    text = np.frombuffer(data, dtype=np.uint8)
    returns = text == ord("\r")
    return int(np.count_nonzero(returns) - np.count_nonzero(returns[:-1] & (text[1:] == FEED)))


def end_of_lines(data: bytes, number: int) -> int:
    """Where the `number`-th line of a text ends."""
    ends = re.finditer(rb"\r\n|\r|\n", data)
    found = next(itertools.islice(ends, number - 1, None), None)
    return found.end() if found else len(data)
