"""Whether a model earns its deployment: against a limit, the trivial baseline and the champion.

The champion, the model behind the endpoint's default, has predicted the same hold-out rows as the challenger.
How much worse the challenger is there (its deficit) is known only as well as so few rows tell: of 30 rows,
one is 0.03 of accuracy. So the rows are resampled 1000 times, in pairs, and the challenger is kept out only
when the whole 95 % interval of its deficit lies above the tolerance. The default tolerance of 0.01 is what
the interval still resolves with some 10,000 hold-out rows when two models disagree on a quarter of them; with
fewer the rows decide, not the tolerance.

Two corrections for few rows, without which a bootstrap is surer than its rows allow. Half a row is added to
each of the four outcomes that a pair of right and wrong predictions has: A. Agresti and Y. Min, "Simple
improved confidence intervals for comparing matched proportions", Statistics in Medicine 24, 2005. And below
6 rows nothing is decided: even if all of them agree, chance alone does so in more than 5 cases of 100
(2 * 0.5^5 = 0.0625).

Only numpy.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

SEED = 42
RESAMPLES = 1000
CONFIDENCE = (0.025, 0.975)
FEWEST_ROWS = 6
BLOCK = 2_000_000
"""Rows drawn at once: some 30 MB, whatever the size of the hold-out."""

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two models' predictions of the same hold-out rows, each of shape (n_rows,).

    model: the champion's "name:version". Class names as texts for classification, floats for regression.
    error: why the champion could not predict them, as a sentence; the arrays are not looked at then.
    """

    model: str
    truth: Any = ()
    champion: Any = ()
    challenger: Any = ()
    error: str = ""


def judge(
    task: str,
    value: float,
    baseline: float,
    *,
    min_accuracy: float = 0.0,
    max_rmse: float = 0.0,
    tolerance: float = 0.01,
    comparison: Comparison | None = None,
) -> dict[str, Any]:
    """The `gate` of metrics.json: the verdict "deploy" or "keep_champion", and all that it follows from.

    task: "classification", by accuracy, higher is better, or "regression", by RMSE, lower is better.
    value: that metric of the model on the whole hold-out; baseline: the same of always answering the most
    frequent class, or the mean. min_accuracy and max_rmse: 0 for no limit. tolerance: in points of accuracy,
    or as a share of the champion's RMSE.

    Raises ValueError for a metric that is no number, and for arrays that do not belong together.
    """
    if not (math.isfinite(value) and math.isfinite(baseline)):
        raise ValueError(f"a model cannot be judged by {value} against {baseline}: give two finite metrics")
    classification = task == "classification"
    metric = "accuracy" if classification else "rmse"
    reasons = []

    floor = None
    setting, limit = ("min_accuracy", min_accuracy) if classification else ("max_rmse", max_rmse)
    if limit > 0:
        passed = value >= limit if classification else value <= limit
        floor = {"setting": setting, "limit": limit, "passed": passed}
        if not passed:
            ours, its = _apart(value, limit)
            reasons.append(
                f"{metric} {ours} is {'below' if classification else 'above'} {setting} {its}; train on more "
                f"or better data, or ask for less with a {'lower' if classification else 'higher'} {setting}"
            )

    name, always = (
        ("majority class", "the most frequent class") if classification else ("mean", "the mean of the label")
    )
    better = value > baseline if classification else value < baseline
    if not better:
        ours, its = _apart(value, baseline)
        reasons.append(
            f"{metric} {ours} is not better than that of always answering {always} ({its}): nothing was "
            "learned from these columns; check that they say something about the label"
        )

    champion = _against(comparison, classification, tolerance) if comparison else None
    if champion and not champion["passed"]:
        ours, its = _apart(champion["challenger"], champion["value"])
        low, high = champion["interval"]
        unit = "" if classification else " as a share of it"
        reasons.append(
            f"{metric} {ours} is worse than that of {champion['model']} ({its}) on the same "
            f"{champion['rows']} hold-out rows by more than the tolerance {tolerance:g} (95 % interval of "
            f"the difference{unit}: {_short(low)} to {_short(high)}); a higher tolerance would deploy it"
        )

    return {
        "verdict": "keep_champion" if reasons else "deploy",
        "reasons": reasons,
        "metric": metric,
        "value": value,
        "floor": floor,
        "baseline": {"name": name, "value": baseline, "passed": better},
        "champion": champion,
    }


def accuracy_deficit(
    champion: NDArray[np.bool_], challenger: NDArray[np.bool_], seed: int = SEED
) -> Interval:
    """The 95 % interval of champion's minus challenger's accuracy; the arrays say which rows were right.

    A resample of rows is a draw of how many of them only the champion, neither or both, and only the
    challenger got right: a multinomial, which costs the same for any number of rows.
    """
    only_champion = int(np.count_nonzero(champion & ~challenger))
    only_challenger = int(np.count_nonzero(challenger & ~champion))
    rows = len(champion) + 2
    outcomes = np.array([only_champion + 0.5, only_challenger + 0.5])
    shares = np.append(outcomes, rows - outcomes.sum()) / rows
    draws = np.random.default_rng(seed).multinomial(rows, shares, size=RESAMPLES)
    low, high = np.quantile((draws[:, 0] - draws[:, 1]) / rows, CONFIDENCE)
    return float(low), float(high)


def rmse_deficit(
    champion: NDArray[np.float64], challenger: NDArray[np.float64], least: float, seed: int = SEED
) -> Interval:
    """The 95 % interval of how much larger the challenger's RMSE is, as a share of the champion's.

    The arrays are the squared errors of the same rows, of shape (n_rows,). least: the smallest RMSE to divide
    by; errors below that are rounding, not skill.
    """
    random = np.random.default_rng(seed)
    rows = len(champion)
    block = max(1, BLOCK // rows)
    found = []
    for start in range(0, RESAMPLES, block):
        size = (min(block, RESAMPLES - start), rows)
        drawn = random.integers(rows, size=size, dtype=np.int32)
        its, ours = (np.sqrt(of[drawn].mean(axis=1)) for of in (champion, challenger))
        found.append((ours - its) / np.maximum(its, least))
    low, high = np.quantile(np.concatenate(found), CONFIDENCE)
    return float(low), float(high)


def _against(comparison: Comparison, classification: bool, tolerance: float) -> dict[str, Any]:
    """The `champion` part of the gate. A champion that cannot be compared is reported and does not block."""
    answer: dict[str, Any] = {
        "model": comparison.model,
        "rows": 0 if comparison.error else len(comparison.truth),
        "value": None,
        "challenger": None,
        "tolerance": tolerance,
        "interval": None,
        "passed": True,
        "error": comparison.error,
    }
    if comparison.error:
        return answer
    sides = (comparison.truth, comparison.champion, comparison.challenger)
    if len({len(side) for side in sides}) != 1:
        raise ValueError(
            f"{[len(side) for side in sides]} rows of truth, champion and challenger; give the same rows"
        )
    rows = len(comparison.truth)
    if rows == 0:
        return answer | {"error": "there are no hold-out rows to compare on"}
    compare: Callable[[Comparison, bool], tuple[float | None, float, Interval]]
    compare = _compare_classes if classification else _compare_numbers
    enough = rows >= FEWEST_ROWS
    value, challenger, interval = compare(comparison, enough)
    answer |= {"value": value, "challenger": challenger}
    if value is None:
        return answer | {"error": f"{comparison.model} gave no usable prediction for some of {rows} rows"}
    if not enough:
        return answer | {"error": f"{rows} hold-out rows are too few to tell the two models apart"}
    return answer | {"interval": list(interval), "passed": interval[0] <= tolerance}


def _compare_classes(comparison: Comparison, enough: bool) -> tuple[float | None, float, Interval]:
    truth, champion, challenger = (
        np.asarray(side, dtype=object)
        for side in (comparison.truth, comparison.champion, comparison.challenger)
    )
    right = np.asarray(challenger == truth, dtype=np.bool_)
    accuracy = float(right.mean())
    if not all(isinstance(name, str) for name in champion):
        return None, accuracy, (0.0, 0.0)
    its = np.asarray(champion == truth, dtype=np.bool_)
    return float(its.mean()), accuracy, accuracy_deficit(its, right) if enough else (0.0, 0.0)


def _compare_numbers(comparison: Comparison, enough: bool) -> tuple[float | None, float, Interval]:
    truth, champion, challenger = (
        _floats(side) for side in (comparison.truth, comparison.champion, comparison.challenger)
    )
    if not (np.isfinite(truth).all() and np.isfinite(challenger).all()):
        raise ValueError("truth and the challenger's predictions must be finite numbers")
    # In halves and of the largest: neither a difference nor its square may overflow.
    ours = truth / 2 - challenger / 2
    usable = bool(np.isfinite(champion).all())
    its = truth / 2 - champion / 2 if usable else np.zeros(1)
    scale = float(max(np.abs(ours).max(), np.abs(its).max(), sys.float_info.min))
    squares, its_squares = np.square(ours / scale), np.square(its / scale)
    rmse = _finite(math.sqrt(squares.mean()) * scale * 2)
    if not usable:
        return None, rmse, (0.0, 0.0)
    with np.errstate(over="ignore"):  # the errors are nothing beside the truth, and so is their ratio
        least = 1e-9 * float(np.abs(truth / 2).max() / scale) or sys.float_info.epsilon
    return (
        _finite(math.sqrt(its_squares.mean()) * scale * 2),
        rmse,
        rmse_deficit(its_squares, squares, least) if enough else (0.0, 0.0),
    )


def _floats(values: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)


def _finite(number: float) -> float:
    return min(float(number), sys.float_info.max)


def _short(number: float) -> str:
    return f"{number:.2g}"


def _apart(one: float, other: float) -> tuple[str, str]:
    """Both numbers with as few digits, from four on, as show that they differ."""
    for digits in range(4, 17):
        texts = f"{one:.{digits}g}", f"{other:.{digits}g}"
        if texts[0] != texts[1]:
            break
    return texts if one != other else (f"{one:.4g}", f"{other:.4g}")
