"""How much worse one model is than another on the same rows: 95 % intervals, by resampling the rows in pairs.

Three corrections for few rows keep the bootstrap from being surer than its rows allow.

- Accuracy: half a row is added to each of the four outcomes that a pair of right and wrong predictions can
  have. Source: A. Agresti and Y. Min, "Simple improved confidence intervals for comparing matched
  proportions", Statistics in Medicine 24, 2005.
- RMSE: the percentiles are moved outwards as Student's distribution is wider than the normal one. Source:
  T. Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69, 2015
  ("expanded percentile").
- Average precision: the same, for the number of rows of the rarer classes, on which it depends.

Imports numpy and rankings, nothing else of the trainer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from ranking import Ranking

SEED = 42
RESAMPLES = 1000
CONFIDENCE = (0.025, 0.975)
BLOCK = 2_000_000
"""Rows that are resampled at once: some 30 MB, whatever the size of the hold-out."""

Interval = tuple[float, float]
Floats = NDArray[np.float64]


def accuracy_deficit(only_champion: float, only_challenger: float, rows: int, seed: int = SEED) -> Interval:
    """The interval of champion's minus challenger's accuracy.

    only_champion, only_challenger: the rows that only this one got right. A resample of the rows is a draw of
    how many of them only the champion, both or neither, and only the challenger got right: a multinomial
    draw, which costs the same for any number of rows.
    """
    drawn = rows + 2
    outcomes = np.array([only_champion + 0.5, only_challenger + 0.5])
    shares = np.append(outcomes, drawn - outcomes.sum()) / drawn
    draws = np.random.default_rng(seed).multinomial(drawn, shares, size=RESAMPLES)
    low, high = np.quantile((draws[:, 0] - draws[:, 1]) / drawn, CONFIDENCE)
    return float(low), float(high)


def rmse_deficit(
    champion: Floats, challenger: Floats, least: float, drawn: int = BLOCK, seed: int = SEED
) -> Interval:
    """The interval of how much larger the challenger's RMSE is, as a share of the champion's.

    The arrays hold the squared errors of the same rows, of shape (n_rows,). least: the smallest RMSE to
    divide by; smaller errors are rounding, not skill. drawn: at most so many rows make a resample.
    """
    random = np.random.default_rng(seed)
    rows = min(len(champion), drawn)
    block = max(1, BLOCK // rows)
    found = []
    for start in range(0, RESAMPLES, block):
        size = (min(block, RESAMPLES - start), rows)
        places = random.integers(len(champion), size=size, dtype=np.int32)
        its, ours = (np.sqrt(of[places].mean(axis=1)) for of in (champion, challenger))
        found.append((ours - its) / np.maximum(its, least))
    low, high = np.quantile(np.concatenate(found), expanded(rows))
    return float(low), float(high)


def precision_deficit(champion: Ranking, challenger: Ranking, seed: int = SEED) -> Interval:
    """The interval of champion's minus challenger's average precision.

    Both rankings are of the same rows. Rows of the rarer classes and others are resampled each by themselves,
    so that a resample never lacks one of them.
    """
    random = np.random.default_rng(seed)
    draws = []
    for rare, others in _resampled(challenger, random):
        its, ours = (each.average_precision(rare, others) for each in (champion, challenger))
        draws.append(its - ours)
    return _around(
        champion.average_precision() - challenger.average_precision(),
        np.array(draws),
        len(challenger.rare_order),
    )


def random_order_deficit(ranking: Ranking, value: float, seed: int = SEED) -> tuple[float, Interval]:
    """The mean average precision of random orders of the rows, and the interval of theirs minus `value`.

    value: the ranking's average precision, of all rows if it has only some of them. Here no rows are drawn,
    but orders: a model that knows nothing lies above the interval in 2.5 % of all cases, however few the rare
    rows are. With few of them, a random order reaches more than their share, the base rate.
    """
    random = np.random.default_rng(seed)
    draws = np.array([ranking.of_random_order(random) for _ in range(RESAMPLES)])
    low, high = np.quantile(draws, CONFIDENCE)
    mean = float(draws.mean())
    return mean, (min(float(low), mean) - value, max(float(high), mean) - value)


def _resampled(ranking: Ranking, random: np.random.Generator) -> Iterator[tuple[Floats, Floats]]:
    """How often each resample has each of the rare and of the other rows."""
    sides = len(ranking.rare_order), len(ranking.order)
    for _ in range(RESAMPLES):
        rare, others = (np.bincount(random.integers(rows, size=rows), minlength=rows) for rows in sides)
        yield rare.astype(np.float64), others.astype(np.float64)


def _around(deficit: float, draws: Floats, rows: int) -> Interval:
    """The interval around a deficit, as wide as its draws: a resample repeats rows, which shifts them all."""
    low, high = np.quantile(draws - np.median(draws), expanded(rows))
    return deficit + min(float(low), 0.0), deficit + max(float(high), 0.0)


def expanded(rows: int) -> tuple[float, float]:
    """The percentiles to take for CONFIDENCE if the mean of that many rows is resampled."""
    if rows < 2:
        return 0.0, 1.0
    low = NormalDist().cdf(-math.sqrt(rows / (rows - 1)) * students(rows - 1))
    return low, 1 - low


def students(freedom: int) -> float:
    """The 97.5 % quantile of Student's distribution with so many degrees of freedom.

    Source: Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.5; 0.2 % too small with five
    degrees, less with more.
    """
    z = float(NormalDist().inv_cdf(CONFIDENCE[1]))
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    for power, term in enumerate(terms, start=1):
        z += term / float(freedom) ** power
    return z
