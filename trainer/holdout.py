"""Decides which rows are held out, by a seeded hash of the row's number, or of what equal_rows.py says.

If an upload grows by rows at its end, the same rows are held out again, so no row that an earlier model was
trained on gets into a later model's hold-out.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np

SEED = 42
HOLDOUT = 0.2
HELD_OUT_BELOW = np.uint64(int(HOLDOUT * 2**64))
SMALL_CLASS = 200
"""Rows below which a class is divided by itself, so that both sides of the split have some of it."""


def row_hashes(start: int, count: int) -> np.ndarray:
    """The hashes of `count` rows from number `start` on: uint64 of shape (count,), uniformly distributed."""
    return hashes_of(np.arange(start, start + count, dtype=np.uint64))


def hashes_of(rows: np.ndarray) -> np.ndarray:
    """The hashes of rows, given by their numbers: uint64 of shape (n,).

    SplitMix64's mixing function, applied to row number and seed. Source: Steele, Lea and Flood, "Fast
    Splittable Pseudorandom Number Generators", OOPSLA 2014.
    """
    with np.errstate(over="ignore"):
        z = rows.astype(np.uint64, copy=False) + np.uint64(1 + SEED)
        z *= np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


@dataclass(frozen=True)
class Split:
    """Which rows are held out: those whose hash is below a limit, except in small classes.

    rows: the numbers of the rows of small classes, in ascending order. held_out: whether each is held out.
    bits: for each row whether its hash is below the limit, packed; None if the row's number decides.
    """

    rows: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    held_out: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=bool))
    bits: np.ndarray | None = None

    @classmethod
    def with_small_classes(
        cls, classes: list[list[tuple[int, int]]], bits: np.ndarray | None = None
    ) -> Split:
        """Hold out about a fifth of each small class, at least one row and never all.

        classes: hash and number of each row of each class; rows of the same hash stay together, unless they
        are all that the class has. By chance alone, a class of five rows would sometimes be missing on one
        side.
        """
        chosen: dict[int, bool] = {}
        for pairs in classes:
            held = set(_fifth(sorted(pairs)))
            chosen |= {row: row in held for _, row in pairs}
        rows = np.array(sorted(chosen), dtype=np.int64)
        return cls(rows, np.array([chosen[int(row)] for row in rows], dtype=bool), bits)

    def mask(self, start: int, count: int) -> np.ndarray:
        """Whether each of `count` rows from number `start` on is held out."""
        mask = self._below(np.arange(start, start + count))
        first, last = np.searchsorted(self.rows, (start, start + count))
        mask[self.rows[first:last] - start] = self.held_out[first:last]
        return mask

    def _below(self, rows: np.ndarray) -> np.ndarray:
        """Whether the hash of each row is below the limit. rows: their numbers."""
        if self.bits is None:
            below: np.ndarray = hashes_of(rows) < HELD_OUT_BELOW
            return below
        found: np.ndarray = (self.bits[rows >> 3] >> (7 - (rows & 7)).astype(np.uint8)) & 1
        return found.astype(bool)

    def of(self, rows: np.ndarray) -> np.ndarray:
        """Whether each row is held out. rows: their numbers."""
        mask = self._below(rows)
        places = np.searchsorted(self.rows, rows)
        small = np.flatnonzero(places < len(self.rows))
        small = small[self.rows[places[small]] == rows[small]]
        mask[small] = self.held_out[places[small]]
        return mask

    def kept(self, start: int, count: int) -> np.ndarray:
        """Whether each of `count` rows from number `start` on belongs to a small class and is trained on."""
        mask = np.zeros(count, dtype=bool)
        first, last = np.searchsorted(self.rows, (start, start + count))
        mask[self.rows[first:last] - start] = ~self.held_out[first:last]
        return mask


def _fifth(pairs: list[tuple[int, int]]) -> list[int]:
    """The rows of a class that are held out. pairs: hash and number of each of its rows, sorted."""
    count = min(max(1, round(HOLDOUT * len(pairs))), len(pairs) - 1)
    held: list[int] = []
    for _, same in itertools.groupby(pairs, key=lambda pair: pair[0]):
        rows = [row for _, row in same]
        if len(held) < count and len(held) + len(rows) <= max(2 * count, len(pairs) // 2):
            held += rows
    return held or [row for _, row in pairs[:count]]


def sampling_hashes(start: int, count: int) -> np.ndarray:
    """Hashes of rows that do not depend on whether they are held out: as `row_hashes`."""
    return hashes_of(row_hashes(start, count))
