"""Divides training rows into folds, in which models are chosen. Copies of a row lie in one fold.

A model that remembers a row is right about its copy, so copies in two folds would make it look better than
it is. equal_rows.py says whether equal rows are copies, and does the same for the hold-out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LARGEST_SHARE = 0.2
"""Share of the rows that a single split predicts, at most."""


@dataclass(frozen=True)
class FoldLimits:
    """few_rows, many_rows: up to so many rows, there are five and three folds.

    Above, there is a single split, of which at most validation_rows are predicted.
    """

    few_rows: int = 15_000
    many_rows: int = 100_000
    validation_rows: int = 20_000


def copies_of(content: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """For each row a hash that it has in common with its copies, and with no other row: that of one of them.

    content: a hash of each row's features; hashes: another one for each row.
    """
    order = np.lexsort((hashes, content))
    first = np.ones(len(order), dtype=bool)
    first[1:] = content[order][1:] != content[order][:-1]
    found = np.empty_like(hashes)
    found[order] = hashes[order][first][np.cumsum(first) - 1]
    return found


def folds_of(classes: np.ndarray | None, hashes: np.ndarray, limits: FoldLimits) -> tuple[np.ndarray, int]:
    """The fold of each row, and the number of folds. -1 stands for rows that are always trained on.

    classes: the class of each row; None for a regression. hashes: the same for copies of a row, which lie in
    one fold, unless they are all rows of a class. Each fold has its share of every class, and the only row
    of a class is always trained on.
    """
    rows = len(hashes)
    classes = np.zeros(rows, dtype=np.int64) if classes is None else classes
    group, sizes = _groups(classes, hashes)
    first = np.empty(len(sizes), dtype=np.int64)
    # Copies with several labels count for their rarest one, so that each fold still has its share of it.
    frequency = np.bincount(classes)
    common = np.argsort(-frequency[classes], kind="stable")
    first[group[common]] = common
    of_class = classes[first]
    if rows <= limits.many_rows:
        count = 5 if rows <= limits.few_rows else 3
        return _dealt(of_class, sizes, hashes[first], frequency, count)[group], count
    share = min(LARGEST_SHARE, limits.validation_rows / rows)
    return _split(of_class, sizes, hashes[first], share, frequency)[group], 1


def _groups(classes: np.ndarray, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The group of copies that each row belongs to, and the number of rows of each group."""
    _, group, sizes = np.unique(hashes, return_inverse=True, return_counts=True)
    if len(sizes) == len(hashes):
        return group, sizes
    # A class of which all rows are copies is divided nevertheless: it must be trained on and predicted.
    low = np.full(int(classes.max()) + 1, len(sizes))
    high = np.full(len(low), -1)
    np.minimum.at(low, classes, group)
    np.maximum.at(high, classes, group)
    alone = (low == high)[classes]
    group = np.where(alone, len(sizes) + np.arange(len(group)), group)
    _, group, sizes = np.unique(group, return_inverse=True, return_counts=True)
    return group, sizes


def _dealt(
    classes: np.ndarray, sizes: np.ndarray, hashes: np.ndarray, frequency: np.ndarray, count: int
) -> np.ndarray:
    """The fold of each group. The groups of a class are dealt to the folds one by one, large ones first."""
    order = np.lexsort((hashes, -sizes, classes))
    groups = np.bincount(classes, minlength=len(frequency))
    rank = np.arange(len(order)) - (np.cumsum(groups) - groups)[classes[order]]
    fold = np.empty(len(order), dtype=np.int64)
    # Each class begins with another fold, so that the folds are of about the same size.
    fold[order] = np.where(frequency[classes[order]] > 1, (rank + classes[order]) % count, -1)
    return fold


def _split(
    classes: np.ndarray, sizes: np.ndarray, hashes: np.ndarray, share: float, frequency: np.ndarray
) -> np.ndarray:
    """0 for the groups that are predicted, of each class about its share of the rows; -1 for all others."""
    most = np.floor(share * frequency)[classes]
    order = np.lexsort((hashes, sizes > most, classes))
    rows = np.cumsum(sizes[order])
    starts = np.flatnonzero(np.append(True, classes[order][1:] != classes[order][:-1]))
    before = (rows - sizes[order])[starts]
    rows = rows - np.repeat(before, np.diff(np.append(starts, len(order))))
    fold = np.empty(len(order), dtype=np.int64)
    fold[order] = np.where(rows <= most[order], 0, -1)
    return fold
