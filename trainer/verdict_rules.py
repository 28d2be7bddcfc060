"""The rules by which a model earns its deployment.

The trainer judges a model by these rules (trainer/gate.py). The app does not take its word for it: it derives
the verdict again, by the same rules, from the numbers that the trainer wrote (runs/verdict.py). So this
module imports only the standard library.

A model is deployed if its deciding metric

1. reaches the floor, if the run's settings set one;
2. is better than the baseline, a model that always predicts the most frequent class or the mean;
3. is not worse than the champion's by more than the tolerance, as far as the hold-out rows can show.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from typing import Final, Literal

SCHEMA_VERSION = 2
"""The version of metrics.json that the trainer writes and the app reads."""
DEPLOY: Final = "deploy"
KEEP_CHAMPION: Final = "keep_champion"
DECIDING_METRIC = {"classification": "accuracy", "regression": "rmse"}
"""The metric that decides, for each task."""
FLOOR_SETTING = {"accuracy": "min_accuracy", "rmse": "max_rmse"}
"""The setting that holds the floor, for each deciding metric."""
BASELINE = {"accuracy": "majority class", "rmse": "mean"}
"""The name of the baseline, for each deciding metric."""
FEWEST_ROWS = 6
"""Hold-out rows that a comparison with the champion needs.

With five rows, even if all of them favour the same model, chance alone does that in more than 5 cases of 100
(2 * 0.5^5 = 0.0625).
"""
SMALLEST = 1e-300
"""An RMSE so close to the smallest float that its ratio to another one is imprecise."""


def is_better(metric: str, value: float, other: float) -> bool:
    """Whether a value of a deciding metric is strictly better: a higher accuracy, a lower RMSE."""
    return value > other if metric == "accuracy" else value < other


def floor(metric: str, *, min_accuracy: float, max_rmse: float) -> float | None:
    """The floor that the settings set for a metric; None if they set none, which they do with 0."""
    setting = min_accuracy if metric == "accuracy" else max_rmse
    return setting if setting > 0 else None


def reaches_floor(metric: str, value: float, floor: float) -> bool:
    """Whether a value is at least as good as the floor."""
    return not is_better(metric, floor, value)


def stands_up_to_champion(interval: tuple[float, float] | None, tolerance: float) -> bool:
    """Whether a challenger passes the comparison.

    It fails only if the whole interval of its deficit exceeds the tolerance. Without an interval there is no
    evidence against it, so it passes.
    """
    return interval is None or interval[0] <= tolerance


def verdict(passed: Iterable[bool]) -> Literal["deploy", "keep_champion"]:
    """The verdict on a model, from whether it passed each rule that applies."""
    return DEPLOY if all(passed) else KEEP_CHAMPION


def deficit(metric: str, champion: float, challenger: float) -> float | None:
    """How much worse the challenger is: points of accuracy, or a share of the champion's RMSE.

    Negative if the challenger is better. None if it would be a share of zero.
    """
    if metric == "accuracy":
        return champion - challenger
    return (challenger - champion) / champion if champion else None


def interval_fits(
    metric: str, champion: float, challenger: float, rows: int, interval: tuple[float, float]
) -> bool:
    """Whether an interval can be that of the difference between two values on that many rows.

    For accuracy, the interval lies around the deficit, shrunk by the two rows that Agresti and Min's
    correction adds. For RMSE, it is a share of the champion's RMSE or of a larger number if that is all but
    zero, so it lies around a number between zero and the deficit. Two RMSEs that have lost their precision,
    or are as large as a float can be, say nothing about their interval.
    """
    low, high = interval
    if metric == "rmse" and not SMALLEST < max(champion, challenger) < sys.float_info.max:
        return low <= high
    difference = deficit(metric, champion, challenger)
    if difference is None:
        difference = math.inf if challenger > champion else 0.0
    if metric == "accuracy":
        difference *= rows / (rows + 2)
        least = most = difference
    else:
        least, most = min(difference, 0.0), max(difference, 0.0)
    rounding = 1e-6 * (1 + abs(difference)) if math.isfinite(difference) else 0.0
    return low <= high and low <= most + rounding and high >= least - rounding
