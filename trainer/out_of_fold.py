"""What all rows say on whether the columns tell anything about the label.

The algorithm `auto` has predicted training rows by models that were trained on the others, as the model has
predicted the hold-out. Together these are five times as many rows as the hold-out has, so they can tell a
signal from noise where a small hold-out cannot. But penalty, rounds and weights were chosen on the training
rows, so this is no measure of the model's quality, and it counts only if the hold-out by itself, on which
nothing was chosen, agrees (verdict_rules.beats_baseline).

What is compared is what the models were chosen by: log loss against that of always answering the classes'
shares, or squared error against that of always answering the mean. Both baselines are those of the predicted
rows themselves, which no model that is trained on other rows can know.

Imports numpy, Student's distribution and the rules of the verdict, nothing else of the trainer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import verdict_rules as rules
from baseline import different
from bootstrap import Interval, students
from numpy.typing import NDArray

SMALLEST = 1e-15
"""Probabilities below it count as it, so that a certain error costs about 35, not infinity."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Unseen:
    """What models answered to rows that they were not trained on.

    target: class indices, or standardised labels. answers: the probability of each row's class, or
    standardised estimates. Both have the shape (n,).
    """

    target: Floats
    answers: Floats


@dataclass(frozen=True)
class OutOfFold:
    """How well rows are predicted by models that were not trained on them.

    metric: verdict_rules.OUT_OF_FOLD_METRIC. rows: how many there are; copies of a row count as one. value,
    baseline: the metric of the predictions and of the baseline. interval: 95 % interval of how much larger
    the first is, for RMSE as a share of the second.
    """

    metric: str
    rows: int
    value: float
    baseline: float
    interval: Interval

    def document(self) -> dict[str, Any]:
        """As metrics.json states it."""
        return asdict(self) | {"interval": list(self.interval)}


def of_classes(
    samples: Sequence[Unseen], copies: float = 1.0, weights: Floats | None = None
) -> OutOfFold | None:
    """copies: as in baseline.py. weights: of each class, if not all rows count alike.

    None if the rows are too few to tell anything, as also for `of_numbers`.
    """
    target, likely = _pooled(samples)
    target = target.astype(np.int64)
    rows = different(len(target), copies)
    if rows < rules.FEWEST_ROWS:
        return None
    counts = np.ones(len(target)) if weights is None else weights[target]
    counts = counts / counts.mean()
    shares = np.bincount(target, counts) / len(target)
    ours = -counts * np.log(np.clip(likely, SMALLEST, 1.0))
    its = -counts * np.log(shares[target])
    interval = mean_difference(ours, its, rows)
    metric = rules.OUT_OF_FOLD_METRIC["classification"]
    return OutOfFold(metric, rows, float(ours.mean()), float(its.mean()), interval)


def of_numbers(samples: Sequence[Unseen], unit: float, copies: float = 1.0) -> OutOfFold | None:
    """unit: the label's standard deviation in training."""
    target, answers = _pooled(samples)
    rows = different(len(target), copies)
    around = np.square(target - target.mean())
    if rows < rules.FEWEST_ROWS or not around.any():
        return None
    squares = np.square(answers - target)
    spread = float(around.mean())
    low, high = (_root(1 + end / spread) - 1 for end in mean_difference(squares, around, rows))
    rmse, baseline = unit * math.sqrt(float(squares.mean())), unit * math.sqrt(spread)
    return OutOfFold(rules.OUT_OF_FOLD_METRIC["regression"], rows, rmse, baseline, (low, high))


def _pooled(samples: Sequence[Unseen]) -> tuple[Floats, Floats]:
    return (
        np.concatenate([each.target for each in samples]),
        np.concatenate([each.answers for each in samples]),
    )


def mean_difference(ours: Floats, its: Floats, rows: int) -> Interval:
    """Student's 95 % interval of the mean of `ours` minus `its`, pairs of which only so many differ."""
    differences = ours - its
    mean = float(differences.mean())
    reach = students(rows - 1) * float(differences.std()) / math.sqrt(rows - 1)
    return mean - reach, mean + reach


def _root(square: float) -> float:
    return math.sqrt(max(0.0, square))
