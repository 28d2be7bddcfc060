"""How a model does against the best that can be done without its columns, on the same hold-out rows.

Imports numpy, the intervals and the rules of the verdict, nothing else of the trainer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import verdict_rules as rules
from bootstrap import Interval, accuracy_deficit, random_order_deficit, rmse_deficit
from numpy.typing import NDArray
from ranking import MOST_RESAMPLED, MOST_SCORES, Ranking, Scores, thinned

LEAST = 1e-290
"""A divisor of errors, which are at most 1, that keeps the quotients finite."""


@dataclass(frozen=True)
class Trivial:
    """How the baseline does on the hold-out rows.

    value: its deciding metric. interval: of how much worse the model is than the baseline; None if the rows
    are too few to tell, as error then says.
    """

    value: float
    rows: int
    interval: Interval | None = None
    error: str = ""


def against_majority(confusion: NDArray[np.int64], majority: int, copies: float = 1.0) -> Trivial:
    """The baseline of accuracy.

    confusion: counts of the hold-out rows, rows true and columns predicted. majority: the class that the
    baseline always predicts. copies: how many equal rows there are of each in effect, which tell no more
    than one.
    """
    frequent, both = int(confusion[majority].sum()), int(confusion[majority, majority])
    value, rows = frequent / int(confusion.sum()), different(int(confusion.sum()), copies)
    if rows < rules.FEWEST_ROWS:
        return Trivial(value, rows, error=too_few(rows))
    share = rows / int(confusion.sum())
    interval = accuracy_deficit(share * (frequent - both), share * (int(np.trace(confusion)) - both), rows)
    return Trivial(value, rows, interval)


def against_random_order(rare: Scores, others: Scores, copies: float = 1.0) -> tuple[float, Trivial]:
    """The average precision of a model, and its baseline.

    rare, others: the probability of a rare class that the model gives the rows of rare and of other classes.
    copies: as for `against_majority`.
    """
    sides = different(rare.count, copies), different(others.count, copies)
    rows, fewer, share = sum(sides), min(sides), rare.count / (rare.count + others.count)
    value = ranking_of(rare, others, (MOST_SCORES, MOST_SCORES)).average_precision() if rare.count else 0.0
    if rows < rules.FEWEST_ROWS:
        return value, Trivial(share, rows, error=too_few(rows))
    if fewer < rules.FEWEST_RARE:
        return value, Trivial(share, rows, error=too_few(fewer, " of rare classes"))
    most = min(sides[0], MOST_RESAMPLED[0]), min(sides[1], MOST_RESAMPLED[1])
    mean, interval = random_order_deficit(ranking_of(rare, others, most), value)
    return value, Trivial(mean, rows, interval)


def ranking_of(rare: Scores, others: Scores, most: tuple[int, int]) -> Ranking:
    """The ranking of at most so many rows of each side."""
    kept, other = thinned(rare.values(), most[0]), thinned(others.values(), most[1])
    return Ranking.of(kept, other, others.count / max(1, len(other)) * (len(kept) / rare.count))


def against_mean(
    squares: NDArray[np.float64], around: NDArray[np.float64], rows: int, copies: float = 1.0
) -> Trivial:
    """The baseline of RMSE.

    squares, around: sums of the model's and of the baseline's squared errors, of the same hold-out rows.
    copies: as for `against_majority`.
    """
    value, rows = float(np.sqrt(around.sum() / rows)), different(rows, copies)
    if rows < rules.FEWEST_ROWS:
        return Trivial(value, rows, error=too_few(rows))
    largest = max(float(squares.max()), float(around.max()))
    scale = largest if 0 < largest < np.inf else 1.0
    return Trivial(value, rows, rmse_deficit(around / scale, squares / scale, LEAST, rows))


def different(rows: int, copies: float) -> int:
    """How many different rows there are in effect."""
    return max(min(rows, 1), round(rows / copies))


def too_few(rows: int, of: str = "") -> str:
    """The beginning of a sentence that says that the hold-out rows are too few for something."""
    return f"one hold-out row{of} is too few" if rows == 1 else f"{rows} hold-out rows{of} are too few"
