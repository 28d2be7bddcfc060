"""Equal rows: whether they are copies, which must not be trained on and held out at the same time.

A model that remembers a row is right about its copy, so copies on both sides of the hold-out make random
labels look learned. But a table of few columns with few values has equal rows too, which are observations of
their own: their labels differ. Holding out all of them would leave nothing to learn from.
"""

from __future__ import annotations

import numpy as np
from holdout import SMALL_CLASS, hashes_of, row_hashes

MIXED = 0.05
"""Share of rows whose equals have other labels, above which equal rows are no copies."""
FEWEST_GROUPS = 40
"""Different rows in effect, of which a fifth can be held out: that none is, has odds of 1:7500."""
FEWEST_OF_CLASS = 8
"""The same for each class: that all are held out, has odds of 1:390,000."""
MOST_KNOWN = 200_000
"""Different rows that are remembered, give or take a block."""
FILTER_BITS = 1 << 22
"""Bits that tell most rows that are not among the remembered ones from those that are.

They are half a megabyte, which a processor's cache holds.
"""
ODD = np.uint64(0x9E3779B97F4A7C15)


class RowHashes:
    """The hashes that decide which rows are held out: of a row's number, or for copies, of the first one's.

    An upload that grows keeps its hold-out, because earlier rows are not changed by later ones. After the
    first MOST_KNOWN different rows, the features are hashed, for which no row has to be remembered.
    """

    def __init__(self) -> None:
        self.keeps_copies_together: bool | None = None
        self._known = np.empty(0, dtype=np.uint64)
        self._first = np.empty(0, dtype=np.int64)
        self._may_be_known = np.zeros(FILTER_BITS >> 3, dtype=np.uint8)

    def of(self, numbers: list[np.ndarray], codes: np.ndarray, label: np.ndarray, start: int) -> np.ndarray:
        """The hashes of a block's rows: uint64 of shape (rows,).

        numbers, codes: as `content_hashes` takes them. start: the number of the first row. The first block
        decides whether equal rows are copies.
        """
        rows = len(label)
        if self.keeps_copies_together is False:
            return row_hashes(start, rows)
        content = content_hashes(numbers, codes, rows)
        if self.keeps_copies_together is None:
            self.keeps_copies_together = are_copies(content, label)
            if not self.keeps_copies_together:
                return row_hashes(start, rows)
        if len(self._known) < MOST_KNOWN:
            self._remember(content, start)
        return self._hashes(content)

    def _remember(self, content: np.ndarray, start: int) -> None:
        different, place = np.unique(content, return_index=True)
        new = places_in(self._known, different) < 0
        known = np.concatenate([self._known, different[new]])
        first = np.concatenate([self._first, start + place[new]])
        order = np.argsort(known, kind="stable")  # fast, as both parts are sorted
        self._known, self._first = known[order], first[order]
        byte, bit = filter_places(different)
        np.bitwise_or.at(self._may_be_known, byte, np.left_shift(np.uint8(1), bit))

    def _hashes(self, content: np.ndarray) -> np.ndarray:
        byte, bit = filter_places(content)
        maybe = np.flatnonzero(self._may_be_known.take(byte) >> bit & 1)
        maybe = maybe[np.argsort(content[maybe])]  # in order, they are found several times as fast
        place = places_in(self._known, content[maybe])
        known = place >= 0
        found = content.copy()
        found[maybe[known]] = hashes_of(self._first[place[known]])
        return found


def filter_places(content: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where hashes lie in the filter: the byte (int64) and the bit in it (uint8), both of shape (rows,)."""
    low = content & np.uint64(FILTER_BITS - 1)
    return (low >> np.uint64(3)).view(np.int64), (low & np.uint64(7)).astype(np.uint8)


def places_in(known: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """Where some hashes lie among the known ones, which are sorted and differ: int64, -1 if they do not."""
    if not len(known):
        return np.full(len(hashes), -1, dtype=np.int64)
    place = np.searchsorted(known, hashes).clip(0, len(known) - 1)
    found: np.ndarray = np.where(known[place] == hashes, place, -1)
    return found


def content_hashes(numbers: list[np.ndarray], codes: np.ndarray, rows: int) -> np.ndarray:
    """A hash of each row's features: uint64 of shape (rows,), the same for equal rows.

    numbers: of each column; codes: of shape (columns, rows).
    """
    found = np.full(rows, ODD)
    part = np.empty(rows, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for column in (*numbers, *codes):
            # Adding 0.0 makes 0.0 of -0.0.
            bits = (column + 0.0).view(np.uint64) if column.dtype == np.float64 else column.astype(np.uint64)
            np.bitwise_xor(found, bits, out=found)
            np.right_shift(found, np.uint64(32), out=part)
            np.bitwise_xor(found, part, out=found)
            np.multiply(found, ODD, out=found)
    return hashes_of(found)


def are_copies(hashes: np.ndarray, labels: np.ndarray) -> bool:
    """Whether the equal rows among some rows are copies, so that they have to lie on one side.

    labels: class codes or numbers, NaN where they are missing.
    """
    _, group, sizes = np.unique(hashes, return_inverse=True, return_counts=True)
    if len(sizes) == len(hashes):
        return True
    mixed = several_labels(group, labels, len(sizes))
    if sizes[mixed].sum() > MIXED * len(hashes):
        return False
    if len(hashes) < SMALL_CLASS:  # each class is then divided by itself, whatever its copies
        return True
    classes, rows = np.unique(labels[~np.isnan(labels)], return_counts=True)
    of_classes = [each for each, count in zip(classes, rows, strict=True) if count >= SMALL_CLASS]
    return different(sizes) >= FEWEST_GROUPS and all(
        different(np.bincount(group[labels == each])) >= FEWEST_OF_CLASS for each in of_classes
    )


def several_labels(group: np.ndarray, labels: np.ndarray, groups: int) -> np.ndarray:
    """Whether each group of rows has more than one label. group: the number of each row's group."""
    order = np.lexsort((labels, group))
    group, labels = group[order], labels[order]
    differs = (labels[1:] != labels[:-1]) & ~(np.isnan(labels[1:]) & np.isnan(labels[:-1]))
    within = group[1:][differs & (group[1:] == group[:-1])]
    several: np.ndarray = np.bincount(within, minlength=groups) > 0
    return several


def different(sizes: np.ndarray) -> float:
    """How many different rows there are in effect, if there are so many equal ones of each."""
    return float(sizes.sum()) ** 2 / float((sizes.astype(np.float64) ** 2).sum())
