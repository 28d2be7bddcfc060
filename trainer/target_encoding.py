"""Target encoding: what the label is like at each level of a category that has too many to tell apart.

The value of a level is the mean label of its training rows (of classes, the log-odds of their shares), drawn
towards that of all rows. How far, the column shows by itself: by as many rows as the variance within levels
is times the variance between them. Where levels say nothing, the latter is about 0, and so are all values.

A row that is trained on gets the value that the other parts of the training rows give its level, so that no
value holds the row's own label. A row that is predicted gets the value that all training rows give. Copies of
a row lie in one part. Sources: Micci-Barreca, "A preprocessing scheme for high-cardinality categorical
attributes", SIGKDD Explorations 3(1), 2001; the estimate of the variances is that of the analysis of
variance, as in Searle, Casella and McCulloch, "Variance Components", 1992.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from holdout import hashes_of

PARTS = 10
"""Parts of the training rows, of which each gets its values from the others."""
LEAST_STRENGTH = 1.0
"""Rows that the mean of all rows counts for, at least."""
LEAST_SHARE = 1e-6
"""Shares of classes are kept away from 0 and 1 by it."""


def parts_of(hashes: np.ndarray) -> np.ndarray:
    """The part of each row, int8 of shape (n,). hashes: the same for copies of a row."""
    return (hashes_of(hashes_of(hashes)) % np.uint64(PARTS)).astype(np.int8)


@dataclass(frozen=True)
class Labels:
    """What is encoded of a label: of a regression, its standardised numbers; else whether it is some classes.

    target: as TrainingSet has it, of shape (n,). classes: their indices; None for a regression.
    """

    target: np.ndarray
    classes: np.ndarray | None

    @classmethod
    def of(cls, target: np.ndarray, classes: int, values: int) -> Labels:
        """classes: how many there are, 0 for a regression. values: how many each level gets."""
        if not classes:
            return cls(target, None)
        if classes == 2:
            return cls(target, np.array([1]))
        frequent = np.argsort(-np.bincount(target, minlength=classes), kind="stable")
        return cls(target, np.sort(frequent[:values]))

    def sums(self, groups: np.ndarray, count: int, rows: np.ndarray) -> np.ndarray:
        """The sums of some rows' labels by group, of shape (count, values). groups: of each of these rows."""
        target = self.target[rows]
        if self.classes is None:
            return np.bincount(groups, target, count)[:, np.newaxis]
        found = [np.bincount(groups[target == each], minlength=count) for each in self.classes]
        return np.stack(found, axis=1).astype(np.float64)

    def squares(self, rows: np.ndarray) -> float:
        """The sum of the squared labels of some rows."""
        target = self.target[rows]
        if self.classes is None:
            return float(np.square(target).sum())
        return float(np.isin(target, self.classes).sum())


def encoded(
    codes: np.ndarray, levels: int, labels: Labels, parts: np.ndarray, fold: slice | None
) -> tuple[np.ndarray, np.ndarray]:
    """The values of each row, of shape (n, values), and those of each level, for rows that are predicted.

    codes: the level of each row, negative if it has none. levels: how many there are. parts: see `parts_of`.
    fold: rows that are predicted; only the others are learned from. The levels' values have the shape
    (levels + 2, values): the last two are 0, for rows without a level.
    """
    learned = codes >= 0
    if fold is not None:
        learned[fold] = False
    rows = np.flatnonzero(learned)
    groups = parts[rows].astype(np.int64) * levels + codes[rows]
    counts = np.bincount(groups, minlength=PARTS * levels).reshape(PARTS, levels)
    sums = labels.sums(groups, PARTS * levels, rows).reshape(PARTS, levels, -1)
    all_counts, all_sums = counts.sum(axis=0), sums.sum(axis=0)
    prior = all_sums.sum(axis=0) / max(1, len(rows))
    strength = strength_of(all_counts, all_sums, labels.squares(rows))

    def values(count: np.ndarray, total: np.ndarray) -> np.ndarray:
        found = np.zeros((levels + 2, len(prior)))
        if np.isfinite(strength):
            mean = (total + strength * prior) / (count + strength)[:, np.newaxis]
            found[:-2] = mean - prior if labels.classes is None else log_odds(mean) - log_odds(prior)
        return found

    table = values(all_counts, all_sums)
    found = table[codes]
    for part in range(PARTS):
        there = rows[parts[rows] == part]
        found[there] = values(all_counts - counts[part], all_sums - sums[part])[codes[there]]
    return found, table


def strength_of(counts: np.ndarray, sums: np.ndarray, squares: float) -> float:
    """How many rows the mean of all rows counts for beside a level's own; infinite if levels say nothing.

    counts: rows of each level; sums: of their labels, of shape (levels, values); squares: of all labels.
    """
    there = counts > 0
    counts, sums = counts[there].astype(np.float64), sums[there]
    rows, levels = float(counts.sum()), len(counts)
    if levels < 2 or rows <= levels:
        return np.inf
    explained = float((np.square(sums) / counts[:, np.newaxis]).sum())
    middle = float(np.square(sums.sum(axis=0)).sum()) / rows
    within = max(0.0, squares - explained) / (rows - levels)
    size = (rows - float(np.square(counts).sum()) / rows) / (levels - 1)
    between = ((explained - middle) / (levels - 1) - within) / size
    return max(LEAST_STRENGTH, within / between) if between > 0 else np.inf


def log_odds(shares: np.ndarray) -> np.ndarray:
    kept = np.clip(shares, LEAST_SHARE, 1 - LEAST_SHARE)
    found: np.ndarray = np.log(kept / (1 - kept))
    return found
