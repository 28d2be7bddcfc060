"""The rules by which a model earns its deployment.

The trainer judges a model by these rules (trainer/gate.py). The app does not take its word for it: it derives
the verdict again, by the same rules, from the numbers that the trainer wrote (runs/verdict.py). So this
module imports only the standard library.

A model is deployed if

1. its accuracy or RMSE reaches the floor, if the run's settings set one;
2. its deciding metric is better than the baseline's, a model that always predicts the most frequent class or
   the mean, by more than chance explains: on the hold-out rows alone or, if these are too few to say so by
   themselves, on all rows, each predicted by a model that was not trained on it;
3. its deciding metric is not worse than the champion's by more than the tolerance, as far as the hold-out
   rows can show.
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
DECIDING_METRICS = {"classification": ("accuracy", "average_precision"), "regression": ("rmse",)}
"""The metrics that may decide, for each task: the usual one first.

Average precision decides where one class has all but a few of the rows: see RARE.
"""
DECIDING_METRIC = {task: metrics[0] for task, metrics in DECIDING_METRICS.items()}
"""The metric that usually decides, for each task."""
RARE: Final = 0.2
"""The share below which all classes but the most frequent one, taken together, are rare.

Then always predicting the most frequent class has an accuracy that a useful model may not surpass.
"""
FLOOR_METRIC = {"accuracy": "accuracy", "average_precision": "accuracy", "rmse": "rmse"}
"""The metric that the floor is about, for each deciding metric."""
FLOOR_SETTING = {"accuracy": "min_accuracy", "average_precision": "min_accuracy", "rmse": "max_rmse"}
"""The setting that holds the floor, for each deciding metric."""
BASELINE = {"accuracy": "majority class", "average_precision": "base rate", "rmse": "mean"}
"""The name of the baseline, for each deciding metric.

The base rate is the average precision of a random order of the rows: about the share of the rare ones.
"""
OUT_OF_FOLD_METRIC = {"classification": "log_loss", "regression": "rmse"}
"""By what all rows, each predicted by a model that was not trained on it, are compared with the baseline."""
FEWEST_ROWS = 6
"""Hold-out rows that a comparison of two models needs.

With five rows, even if all of them favour the same model, chance alone does that in more than 5 cases of 100
(2 * 0.5^5 = 0.0625).
"""
FEWEST_RARE = 3
"""Hold-out rows of rare classes that a comparison of average precisions needs."""
LOWER_IS_BETTER = ("rmse", "log_loss")
SMALLEST = 1e-300
"""An RMSE so close to the smallest float that its ratio to another one is imprecise."""


def is_better(metric: str, value: float, other: float) -> bool:
    """Whether a value of a metric is strictly better: lower if it is an error, higher otherwise."""
    return value < other if metric in LOWER_IS_BETTER else value > other


def floor(metric: str, *, min_accuracy: float, max_rmse: float) -> float | None:
    """The floor that the settings set for a deciding metric's task; None if they set none, with 0."""
    setting = max_rmse if metric == "rmse" else min_accuracy
    return setting if setting > 0 else None


def reaches_floor(metric: str, value: float, floor: float) -> bool:
    """Whether a value of the floor's metric is at least as good as the floor."""
    return not is_better(metric, floor, value)


def beats_baseline(
    metric: str,
    value: float,
    baseline: float,
    interval: tuple[float, float] | None,
    out_of_fold: tuple[float, float] | None = None,
) -> bool:
    """Whether a model is better than the baseline by more than chance explains.

    value, baseline: the deciding metric of both on the hold-out. interval: of how much worse the model is
    there; without one, the rows are too few to show anything. out_of_fold: the same for all rows, each
    predicted by a model that was not trained on it; None if no training row was. Either interval has to lie
    below 0, and with the second alone, the model must at least be better on the hold-out.
    """
    if interval is None:
        return False
    if interval[1] < 0:
        return True
    return out_of_fold is not None and out_of_fold[1] < 0 and is_better(metric, value, baseline)


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
    """How much worse the challenger is: points of a metric, or a share of the champion's RMSE.

    Negative if the challenger is better. None if it would be a share of zero.
    """
    if metric != "rmse":
        return challenger - champion if metric in LOWER_IS_BETTER else champion - challenger
    return (challenger - champion) / champion if champion else None


def interval_fits(
    metric: str, champion: float, challenger: float, rows: int, interval: tuple[float, float]
) -> bool:
    """Whether an interval can be that of the difference between two values on that many rows.

    The champion may be the baseline. For accuracy, the interval lies around the deficit, shrunk by the two
    rows that Agresti and Min's correction adds; for average precision and log loss, around the deficit
    itself. For RMSE, it is a share of the champion's RMSE or of a larger number if that is all but zero, so
    it lies around a number between zero and the deficit. Two RMSEs that have lost their precision, or are as
    large as a float can be, say nothing about their interval.
    """
    low, high = interval
    if metric == "rmse" and not SMALLEST < max(champion, challenger) < sys.float_info.max:
        return low <= high
    difference = deficit(metric, champion, challenger)
    if difference is None:
        difference = math.inf if challenger > champion else 0.0
    if metric == "accuracy":
        difference *= rows / (rows + 2)
    least, most = (min(difference, 0.0), max(difference, 0.0)) if metric == "rmse" else (difference,) * 2
    rounding = 1e-6 * (1 + abs(difference)) if math.isfinite(difference) else 0.0
    return low <= high and low <= most + rounding and high >= least - rounding
