"""Judge a model by its hold-out metrics: against a floor, the trivial baseline and the champion.

The champion, the model behind the endpoint's default deployment, has predicted the same hold-out rows as the
challenger. A hold-out shows only roughly how much worse the challenger is (its deficit): of 30 rows, one is
0.03 of accuracy. So the rows are resampled 1000 times, in pairs, and the challenger is rejected only if the
whole 95 % interval of its deficit lies above the tolerance. The default tolerance of 0.01 is what the
interval still resolves with some 10,000 hold-out rows if two models disagree on a quarter of them; with fewer
rows, the rows decide, not the tolerance.

Two corrections for few rows keep the bootstrap from being surer than its rows allow. Half a row is added to
each of the four outcomes that a pair of right and wrong predictions can have: A. Agresti and Y. Min, "Simple
improved confidence intervals for comparing matched proportions", Statistics in Medicine 24, 2005. And fewer
rows than verdict_rules.FEWEST_ROWS decide nothing.

Imports numpy and the rules of the verdict, nothing else of the trainer.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import verdict_rules as rules
from numpy.typing import ArrayLike, NDArray

SEED = 42
RESAMPLES = 1000
CONFIDENCE = (0.025, 0.975)
LEAST = 1e-290
"""A divisor of errors, which are at most 1, that keeps the quotients finite."""
BLOCK = 2_000_000
"""Rows that are resampled at once: some 30 MB, whatever the size of the hold-out."""

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class PairedPredictions:
    """Two models' predictions of the same hold-out rows, each of shape (n_rows,).

    model: the champion's "name:version". For classification the arrays hold class names as texts, for
    regression floats. error: a sentence that says why the champion could not predict the rows; the arrays are
    ignored then.
    """

    model: str
    truth: Any = ()
    champion: Any = ()
    challenger: Any = ()
    error: str = ""


@dataclass(frozen=True)
class Scores:
    """Both models' metric on the rows of a comparison. champion: None if it predicted some rows unusably.

    interval: of the challenger's deficit; None if the rows are too few, or the champion has no score.
    """

    champion: float | None
    challenger: float
    interval: Interval | None


def judge(
    task: str,
    value: float,
    baseline: float,
    *,
    min_accuracy: float = 0.0,
    max_rmse: float = 0.0,
    tolerance: float = 0.01,
    predictions: PairedPredictions | None = None,
) -> dict[str, Any]:
    """The `gate` of metrics.json: the verdict "deploy" or "keep_champion", and all that it follows from.

    task: "classification", judged by accuracy, or "regression", judged by RMSE.
    value: that metric of the model on the whole hold-out; baseline: the same of always predicting the most
    frequent class, or the mean. min_accuracy and max_rmse: 0 for no floor. tolerance: in points of accuracy,
    or as a share of the champion's RMSE. predictions: None if there is no champion.

    Raises ValueError for a metric that is not finite, and for arrays of different lengths.
    """
    if not (math.isfinite(value) and math.isfinite(baseline)):
        raise ValueError(f"a model cannot be judged by {value} against {baseline}: give two finite metrics")
    metric = rules.DECIDING_METRIC[task]
    floor = rules.floor(metric, min_accuracy=min_accuracy, max_rmse=max_rmse)
    parts = {
        "floor": None if floor is None else _check_floor(metric, value, floor),
        "baseline": _check_baseline(metric, value, baseline),
        "champion": _check_champion(metric, predictions, tolerance) if predictions else None,
    }
    explain = {"floor": _below_floor, "baseline": _not_learned, "champion": _worse_than_champion}
    failed = {name: part for name, part in parts.items() if part and not part["passed"]}
    return {
        "verdict": rules.verdict(part["passed"] for part in parts.values() if part),
        "reasons": [explain[name](metric, value, part) for name, part in failed.items()],
        "metric": metric,
        "value": value,
        **parts,
    }


def _check_floor(metric: str, value: float, limit: float) -> dict[str, Any]:
    passed = rules.reaches_floor(metric, value, limit)
    return {"setting": rules.FLOOR_SETTING[metric], "limit": limit, "passed": passed}


def _check_baseline(metric: str, value: float, baseline: float) -> dict[str, Any]:
    passed = rules.is_better(metric, value, baseline)
    return {"name": rules.BASELINE[metric], "value": baseline, "passed": passed}


def _check_champion(metric: str, predictions: PairedPredictions, tolerance: float) -> dict[str, Any]:
    """The `champion` part of the gate. A champion that cannot be compared is reported and does not block."""
    found: dict[str, Any] = {
        "model": predictions.model,
        "rows": 0 if predictions.error else len(predictions.truth),
        "value": None,
        "challenger": None,
        "tolerance": tolerance,
        "interval": None,
        "passed": True,
        "error": predictions.error,
    }
    if predictions.error:
        return found
    rows = _paired_rows(predictions)
    if rows == 0:
        return found | {"error": "there are no hold-out rows to compare on"}
    scores = _compare_classes(predictions) if metric == "accuracy" else _compare_numbers(predictions)
    found |= {"value": scores.champion, "challenger": scores.challenger}
    if scores.champion is None:
        return found | {"error": f"{predictions.model} gave no usable prediction for some of the {rows} rows"}
    if scores.interval is None:
        return found | {"error": f"{rows} hold-out rows are too few to tell the two models apart"}
    passed = rules.stands_up_to_champion(scores.interval, tolerance)
    return found | {"interval": list(scores.interval), "passed": passed}


# --- Why a model is rejected --------------------------------------------------------------------------------


def _below_floor(metric: str, value: float, floor: dict[str, Any]) -> str:
    ours, limit = _apart(value, floor["limit"])
    beyond, easier = ("below", "lower") if metric == "accuracy" else ("above", "higher")
    setting = floor["setting"]
    return (
        f"{metric} {ours} is {beyond} {setting} {limit}; train on more or better data, or set a {easier}"
        f" {setting}"
    )


def _not_learned(metric: str, value: float, baseline: dict[str, Any]) -> str:
    ours, its = _apart(value, baseline["value"])
    always = "the most frequent class" if metric == "accuracy" else "the mean of the label"
    return (
        f"{metric} {ours} is not better than that of always predicting {always} ({its}): nothing was "
        "learned from these columns; check that they say something about the label"
    )


def _worse_than_champion(metric: str, _: float, champion: dict[str, Any]) -> str:
    ours, its = _apart(champion["challenger"], champion["value"])
    low, high = champion["interval"]
    unit = "" if metric == "accuracy" else " as a share of it"
    return (
        f"{metric} {ours} is worse than that of {champion['model']} ({its}) on the same "
        f"{champion['rows']} hold-out rows by more than the tolerance {champion['tolerance']:g} (95 % "
        f"interval of the difference{unit}: {low:.2g} to {high:.2g}); set a higher tolerance to deploy it"
    )


def _apart(one: float, other: float) -> tuple[str, str]:
    """Both numbers, with as few digits, but at least four, as show that they differ."""
    for digits in range(4, 17):
        texts = f"{one:.{digits}g}", f"{other:.{digits}g}"
        if texts[0] != texts[1]:
            break
    return texts if one != other else (f"{one:.4g}", f"{other:.4g}")


# --- Comparing two models on the same rows ------------------------------------------------------------------


def accuracy_deficit(
    champion: NDArray[np.bool_], challenger: NDArray[np.bool_], seed: int = SEED
) -> Interval:
    """The 95 % interval of champion's minus challenger's accuracy; the arrays say which rows each got right.

    A resample of the rows is a draw of how many of them only the champion, both or neither, and only the
    challenger got right: a multinomial draw, which costs the same for any number of rows.
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

    The arrays hold the squared errors of the same rows, of shape (n_rows,). least: the smallest RMSE to
    divide by; smaller errors are rounding, not skill.
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


def _paired_rows(predictions: PairedPredictions) -> int:
    """How many rows were predicted. Raises ValueError if the arrays differ in length."""
    lengths = [len(side) for side in (predictions.truth, predictions.champion, predictions.challenger)]
    if len(set(lengths)) != 1:
        raise ValueError(f"{lengths} rows of truth, champion and challenger; give the same rows")
    return lengths[0]


def _compare_classes(predictions: PairedPredictions) -> Scores:
    truth, champion, challenger = (
        np.asarray(side, dtype=object)
        for side in (predictions.truth, predictions.champion, predictions.challenger)
    )
    right = np.asarray(challenger == truth, dtype=np.bool_)
    accuracy = float(right.mean())
    if not all(isinstance(name, str) for name in champion):
        return Scores(None, accuracy, None)
    its = np.asarray(champion == truth, dtype=np.bool_)
    interval = accuracy_deficit(its, right) if len(truth) >= rules.FEWEST_ROWS else None
    return Scores(float(its.mean()), accuracy, interval)


def _compare_numbers(predictions: PairedPredictions) -> Scores:
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
        return Scores(None, rmse, None)
    with np.errstate(over="ignore"):  # where the truth dwarfs the errors, the limit may be infinite
        least = 1e-9 * float(np.abs(truth / 2).max() / scale) or sys.float_info.epsilon
    least = max(least, LEAST)
    interval = rmse_deficit(its_squares, squares, least) if len(truth) >= rules.FEWEST_ROWS else None
    return Scores(_finite(math.sqrt(its_squares.mean()) * scale * 2), rmse, interval)


def _floats(values: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)


def _finite(number: float) -> float:
    return min(float(number), sys.float_info.max)
