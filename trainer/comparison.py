"""Two models' predictions of the same hold-out rows: each one's metric, and how much they differ.

Imports numpy, the intervals and the rules of the verdict, nothing else of the trainer.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import verdict_rules as rules
from bootstrap import Interval, accuracy_deficit, precision_deficit, rmse_deficit
from numpy.typing import ArrayLike, NDArray
from ranking import Ranking

LEAST = 1e-290
"""A divisor of errors, which are at most 1, that keeps the quotients finite."""
NOTHING_KNOWN = (-1.0, 1.0)
"""The interval of the difference of two average precisions, if the rows tell nothing about it."""


@dataclass(frozen=True, eq=False)
class PairedPredictions:
    """Two models' predictions of the same hold-out rows, each of shape (n_rows,).

    model: the champion's "name:version". For accuracy the arrays hold class names as texts, for RMSE floats.
    For average precision, truth says whether a row is of a rare class, and the others hold the probability
    that it is. error: a sentence that says why the champion could not predict the rows; the arrays are
    ignored then.
    """

    model: str
    truth: Any = ()
    champion: Any = ()
    challenger: Any = ()
    error: str = ""


@dataclass(frozen=True)
class Scored:
    """Both models' metric on the rows of a comparison. champion: None if it predicted some rows unusably.

    interval: of the challenger's deficit; None if the rows are too few, or the champion has no score.
    """

    champion: float | None
    challenger: float
    interval: Interval | None


def compare(metric: str, predictions: PairedPredictions) -> Scored:
    """Both models' metric. Raises ValueError for a challenger whose predictions are not finite."""
    if metric == "accuracy":
        return _compare_classes(predictions)
    return _compare_rankings(predictions) if metric == "average_precision" else _compare_numbers(predictions)


def paired_rows(predictions: PairedPredictions) -> int:
    """How many rows were predicted. Raises ValueError if the arrays differ in length."""
    lengths = [len(side) for side in (predictions.truth, predictions.champion, predictions.challenger)]
    if len(set(lengths)) != 1:
        raise ValueError(f"{lengths} rows of truth, champion and challenger; give the same rows")
    return lengths[0]


def _compare_classes(predictions: PairedPredictions) -> Scored:
    truth, champion, challenger = (
        np.asarray(side, dtype=object)
        for side in (predictions.truth, predictions.champion, predictions.challenger)
    )
    right = np.asarray(challenger == truth, dtype=np.bool_)
    accuracy = float(right.mean())
    if not all(isinstance(name, str) for name in champion):
        return Scored(None, accuracy, None)
    its = np.asarray(champion == truth, dtype=np.bool_)
    enough = len(truth) >= rules.FEWEST_ROWS
    interval = accuracy_deficit(*_disagreements(its, right), len(truth)) if enough else None
    return Scored(float(its.mean()), accuracy, interval)


def _disagreements(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> tuple[int, int]:
    """On how many rows only this one is right."""
    return int(np.count_nonzero(one & ~other)), int(np.count_nonzero(other & ~one))


def _compare_rankings(predictions: PairedPredictions) -> Scored:
    rare = np.asarray(predictions.truth, dtype=np.bool_)
    champion, challenger = _floats(predictions.champion), _floats(predictions.challenger)
    if not np.isfinite(challenger).all():
        raise ValueError("the challenger's probabilities must be finite numbers")
    usable = bool(np.isfinite(champion).all())
    mine = Ranking.of(challenger[rare], challenger[~rare])
    ours = mine.average_precision() if rare.any() else 0.0
    if not usable:
        return Scored(None, ours, None)
    theirs = Ranking.of(champion[rare], champion[~rare])
    its = theirs.average_precision() if rare.any() else 0.0
    interval: Interval | None = None
    if len(rare) >= rules.FEWEST_ROWS:
        few = rare.sum() < rules.FEWEST_RARE or rare.all()
        interval = NOTHING_KNOWN if few else precision_deficit(theirs, mine)
    return Scored(its, ours, interval)


def _compare_numbers(predictions: PairedPredictions) -> Scored:
    truth, champion, challenger = (
        _floats(side) for side in (predictions.truth, predictions.champion, predictions.challenger)
    )
    if not (np.isfinite(truth).all() and np.isfinite(challenger).all()):
        raise ValueError("truth and the challenger's predictions must be finite numbers")
    # Halved, and divided by the largest, so that neither a difference nor its square overflows.
    ours = truth / 2 - challenger / 2
    usable = bool(np.isfinite(champion).all())
    its = truth / 2 - champion / 2 if usable else np.zeros(1)
    scale = float(max(np.abs(ours).max(), np.abs(its).max(), sys.float_info.min))
    squares, its_squares = np.square(ours / scale), np.square(its / scale)
    rmse = _finite(math.sqrt(squares.mean()) * scale * 2)
    if not usable:
        return Scored(None, rmse, None)
    with np.errstate(over="ignore"):  # where the truth dwarfs the errors, the limit may be infinite
        least = 1e-9 * float(np.abs(truth / 2).max() / scale) or sys.float_info.epsilon
    least = max(least, LEAST)
    interval = rmse_deficit(its_squares, squares, least) if len(truth) >= rules.FEWEST_ROWS else None
    return Scored(_finite(math.sqrt(its_squares.mean()) * scale * 2), rmse, interval)


def _floats(values: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)


def _finite(number: float) -> float:
    return min(float(number), sys.float_info.max)
