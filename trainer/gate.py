"""Judge a model by its hold-out metrics: against a floor, the trivial baseline and the champion.

A hold-out shows only roughly how much worse one model is than another (its deficit): of 30 rows, one is 0.03
of accuracy. So its rows are resampled 1000 times, in pairs (bootstrap.py).

- The baseline is always predicting the most frequent class, or the mean, or a random order of the rows. The
  model passes if the whole 95 % interval of its deficit against the baseline lies below 0. It also passes if
  it is better than the baseline on the hold-out, and the predictions of all rows, each by a model that was
  not trained on it, show over their whole interval that the columns tell something (out_of_fold.py).
- The champion, the model behind the endpoint's default deployment, has predicted the same hold-out rows as
  the challenger, which is rejected only if the whole interval of its deficit lies above the tolerance. The
  default tolerance of 0.01 is what the interval still resolves with some 10,000 hold-out rows if two models
  disagree on a quarter of them; with fewer rows, the rows decide, not the tolerance.

Fewer rows than verdict_rules.FEWEST_ROWS tell nothing: the model is then not known to be better than the
baseline, nor worse than the champion.

Imports numpy, the comparisons and the rules of the verdict, nothing else of the trainer.
"""

from __future__ import annotations

import math
from typing import Any

import verdict_rules as rules
from baseline import Trivial, too_few
from comparison import PairedPredictions, compare, paired_rows
from out_of_fold import OutOfFold

ADVICE = "check that the columns say something about the label, or add rows"
"""What to do if a model is not better than the baseline."""
FAR_WORSE = 1.2
"""An RMSE, in that of the baseline, that only a few predictions which are far off explain."""


def judge(
    metric: str,
    metrics: dict[str, float],
    baseline: Trivial,
    *,
    min_accuracy: float = 0.0,
    max_rmse: float = 0.0,
    tolerance: float = 0.01,
    predictions: PairedPredictions | None = None,
    out_of_fold: OutOfFold | None = None,
    advice: str = ADVICE,
) -> dict[str, Any]:
    """The `gate` of metrics.json: the verdict "deploy" or "keep_champion", and all that it follows from.

    metric: the deciding one, of verdict_rules.DECIDING_METRICS. metrics: of the model on the whole hold-out,
    the deciding one and the floor's among them. min_accuracy and max_rmse: 0 for no floor. tolerance: in
    points of the metric, or as a share of the champion's RMSE. predictions: None if there is no champion.
    out_of_fold: what all rows say; None if no training row was predicted. advice: what to do if the columns
    say nothing about the label.

    Raises ValueError for a metric that is not finite, and for arrays of different lengths.
    """
    value, judged_by_floor = metrics[metric], metrics[rules.FLOOR_METRIC[metric]]
    if not all(map(math.isfinite, (value, judged_by_floor, baseline.value))):
        raise ValueError(f"a model cannot be judged by {metrics} against {baseline}: give finite metrics")
    limit = rules.floor(metric, min_accuracy=min_accuracy, max_rmse=max_rmse)
    parts = {
        "floor": None if limit is None else _check_floor(metric, judged_by_floor, limit),
        "baseline": _check_baseline(metric, value, baseline, out_of_fold),
        "champion": _check_champion(metric, predictions, tolerance) if predictions else None,
    }
    why = {
        "floor": lambda part: _below_floor(metric, judged_by_floor, part),
        "baseline": lambda part: _not_better(metric, value, part, advice),
        "champion": lambda part: _worse_than_champion(metric, part),
    }
    failed = {name: part for name, part in parts.items() if part and not part["passed"]}
    return {
        "verdict": rules.verdict(part["passed"] for part in parts.values() if part),
        "reasons": [why[name](part) for name, part in failed.items()],
        "metric": metric,
        "value": value,
        **parts,
    }


def _check_floor(metric: str, value: float, limit: float) -> dict[str, Any]:
    passed = rules.reaches_floor(rules.FLOOR_METRIC[metric], value, limit)
    return {"setting": rules.FLOOR_SETTING[metric], "limit": limit, "passed": passed}


def _check_baseline(
    metric: str, value: float, baseline: Trivial, out_of_fold: OutOfFold | None
) -> dict[str, Any]:
    told = out_of_fold.interval if out_of_fold else None
    return {
        "name": rules.BASELINE[metric],
        "value": baseline.value,
        "rows": baseline.rows,
        "interval": list(baseline.interval) if baseline.interval else None,
        "out_of_fold": out_of_fold.document() if out_of_fold else None,
        "passed": rules.beats_baseline(metric, value, baseline.value, baseline.interval, told),
        "error": baseline.error,
    }


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
    rows = paired_rows(predictions)
    if rows == 0:
        return found | {"error": "there are no hold-out rows to compare on"}
    scores = compare(metric, predictions)
    found |= {"value": scores.champion, "challenger": scores.challenger}
    if scores.champion is None:
        return found | {"error": f"{predictions.model} gave no usable prediction for some of the {rows} rows"}
    if scores.interval is None:
        return found | {"error": f"{too_few(rows)} to tell the two models apart"}
    passed = rules.stands_up_to_champion(scores.interval, tolerance)
    return found | {"interval": list(scores.interval), "passed": passed}


# --- Why a model is rejected --------------------------------------------------------------------------------


def _below_floor(metric: str, value: float, floor: dict[str, Any]) -> str:
    ours, limit = _apart(value, floor["limit"])
    beyond, easier = ("above", "higher") if metric == "rmse" else ("below", "lower")
    setting = floor["setting"]
    return (
        f"{rules.FLOOR_METRIC[metric]} {ours} is {beyond} {setting} {limit}; train on more or better data, or"
        f" set a {easier} {setting}"
    )


def _not_better(metric: str, value: float, baseline: dict[str, Any], advice: str) -> str:
    always = {
        "accuracy": "always predicting the most frequent class",
        "average_precision": "putting the rows in a random order",
        "rmse": "always predicting the mean of the label",
    }[metric]
    if not baseline["interval"]:
        return f"{baseline['error']} to tell whether the model is better than {always}; add rows"
    ours, its = _apart(value, baseline["value"])
    chance = " by more than chance explains" if rules.is_better(metric, value, baseline["value"]) else ""
    unit = " as a share of it" if metric == "rmse" else ""
    said = (
        f"{_words(metric)} {ours} is not better than that of {always} ({its}){chance} on {baseline['rows']}"
        f" hold-out rows (95 % interval of the difference{unit}: {_ends(baseline)}, below 0 is better)"
    )
    if metric == "rmse" and value > FAR_WORSE * baseline["value"]:
        return f"{said}: some predictions are far off; look for extreme values in the columns and the label"
    told = baseline["out_of_fold"]
    if told and told["interval"][1] < 0:
        return (
            f"{said}, although the {told['rows']} rows in all show that the columns say something about the"
            " label; add rows or columns"
        )
    if told:
        said += (
            f", nor on {told['rows']} rows in all, each predicted by a model that was not trained on it"
            f" ({_words(told['metric'])}: {_ends(told)})"
        )
    return f"{said}; {advice}"


def _ends(comparison: dict[str, Any]) -> str:
    low, high = comparison["interval"]
    return f"{low:.2g} to {high:.2g}"


def _worse_than_champion(metric: str, champion: dict[str, Any]) -> str:
    ours, its = _apart(champion["challenger"], champion["value"])
    unit = " as a share of it" if metric == "rmse" else ""
    return (
        f"{_words(metric)} {ours} is worse than that of {champion['model']} ({its}) on the same "
        f"{champion['rows']} hold-out rows by more than the tolerance {champion['tolerance']:g} (95 % "
        f"interval of the difference{unit}: {_ends(champion)}); set a higher tolerance to deploy it"
    )


def _words(metric: str) -> str:
    return metric.replace("_", " ")


def _apart(one: float, other: float) -> tuple[str, str]:
    """Both numbers, with as few digits, but at least four, as show that they differ."""
    for digits in range(4, 17):
        texts = f"{one:.{digits}g}", f"{other:.{digits}g}"
        if texts[0] != texts[1]:
            break
    return texts if one != other else (f"{one:.4g}", f"{other:.4g}")
