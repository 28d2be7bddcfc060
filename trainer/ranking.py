"""How well a model ranks the rows of rare classes before all others: average precision.

Average precision is the precision at the score of each rare row, averaged over them, as scikit-learn's
average_precision_score: 1 if all rare rows come first, and about their share (the base rate) in a random
order. Unlike accuracy, it tells a model that finds one row in a thousand from one that answers "no" always.

Imports numpy, nothing of the trainer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

MOST_SCORES = 200_000
"""Scores of each side that are kept of a hold-out: 1.6 MB."""
MOST_RESAMPLED = (2_000, 8_000)
"""Rare and other rows that are resampled."""

Floats = NDArray[np.float64]


@dataclass
class Scores:
    """Scores of rows, of which every second is dropped whenever they are too many.

    every: each kept score stands for so many rows. count: the rows in all.
    """

    parts: list[Floats] = field(default_factory=list)
    every: int = 1
    count: int = 0
    kept: int = 0

    def add(self, scores: Floats) -> None:
        chosen = scores[-self.count % self.every :: self.every].astype(np.float64)
        self.count += len(scores)
        self.kept += len(chosen)
        self.parts.append(chosen)
        while self.kept > MOST_SCORES:
            self.parts = [np.concatenate(self.parts)[::2]]
            self.every *= 2
            self.kept = len(self.parts[0])

    def values(self) -> Floats:
        return np.concatenate(self.parts) if self.parts else np.empty(0)


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows in the order of their scores.

    order: the places of the other rows, the highest score first. rare_order: the same of the rare rows.
    above: for each rare row in that order, the other rows that do not score lower. ends: for each, how many
    rare rows do not score lower. weight: what another row counts for, with a rare row counting 1.
    """

    order: NDArray[np.int64]
    rare_order: NDArray[np.int64]
    above: NDArray[np.int64]
    ends: NDArray[np.int64]
    weight: float = 1.0

    @classmethod
    def of(cls, rare: Floats, others: Floats, weight: float = 1.0) -> Ranking:
        """The ranking by the scores of rare and of other rows."""
        order, rare_order = (np.argsort(-each, kind="stable") for each in (others, rare))
        falling, rare_falling = -others[order], -rare[rare_order]
        above = np.searchsorted(falling, rare_falling, side="right")
        ends = np.searchsorted(rare_falling, rare_falling, side="right")
        return cls(order, rare_order, above, ends, weight)

    def average_precision(self, rare: Floats | None = None, others: Floats | None = None) -> float:
        """rare, others: how often a resample has each row; once each by default."""
        rare = np.ones(len(self.rare_order)) if rare is None else rare[self.rare_order]
        others = np.ones(len(self.order)) if others is None else others[self.order]
        hits = np.cumsum(rare)[self.ends - 1]
        false = self.weight * np.concatenate([[0.0], np.cumsum(others)])[self.above]
        return _mean_precision(rare, hits, false)

    def of_random_order(self, random: np.random.Generator) -> float:
        """The average precision of the rows in a random order."""
        rare = np.ones(len(self.rare_order))
        places = random.choice(len(rare) + len(self.order), len(rare), replace=False, shuffle=False)
        above = np.sort(places) - np.arange(len(rare))
        return _mean_precision(rare, np.cumsum(rare), self.weight * above)


def _mean_precision(rare: Floats, hits: Floats, false: Floats) -> float:
    return float(np.sum(rare * hits / np.maximum(hits + false, 1e-300)) / rare.sum())


def thinned(scores: Floats, most: int) -> Floats:
    """At most so many of the scores, evenly spaced."""
    return scores[:: max(1, -(-len(scores) // most))]
