"""The gate: whether a model has earned its deployment, checked on what its training measured.

The trainer judges, because it has the rows (trainer/gate.py). Here its document is read as one from outside:
what the verdict rests on is computed once more, from its numbers and from the settings of the run, and a
verdict that does not follow from them is none.
"""

import math
from typing import Any, Literal

from runs.contracts import Baseline, Comparison, Dropped, Floor, Gate, Json, RunSettings

PRIMARY = {"classification": "accuracy", "regression": "rmse"}
"""The metric that decides, by task: accuracy is better when higher, RMSE when lower."""
LONGEST = 500
"""Characters of a sentence that a run keeps."""
LONGEST_NAME = 256
MOST = 20
"""Reasons, notes and dropped columns that a run keeps; metrics.json and the report have all of them."""


class Unsound(ValueError):
    """A document that no verdict can be taken from; the text says what is wrong with it."""


def task_of(document: Json, settings: RunSettings) -> str:
    """What a model was trained for. Raises Unsound when that is not what the run is about."""
    task = document.get("task", "classification")
    if not isinstance(task, str) or task not in PRIMARY:
        raise Unsound(f"its task is {brief(repr(task), 80)}, not one of {', '.join(PRIMARY)}")
    if settings.task not in ("", task):
        raise Unsound(f"it was trained for {task}, and this run is about {settings.task}")
    return task


def gate_of(document: Json, metrics: dict[str, float], settings: RunSettings) -> Gate:
    """The gate of a metrics.json whose finite `metrics` have been read.

    A trainer that knew no gate (schema_version 1) is held to the floor alone. Raises Unsound.
    """
    metric = PRIMARY[task_of(document, settings)]
    if metric not in metrics:
        raise Unsound(f"it holds no {metric}")
    value = metrics[metric]
    floor = floor_of(metric, value, settings)
    if document.get("schema_version", 1) == 1:
        return of_older_trainer(metric, value, floor)
    told = document.get("gate")
    if not isinstance(told, dict):
        raise Unsound("it holds no gate")
    if told.get("metric") != metric or number(told, "value") != value:
        raise Unsound(f"its gate is not about its {metric} of {value:g}")
    baseline = baseline_of(told, metric, value)
    champion = comparison_of(told, settings)
    passed = [part.passed for part in (floor, baseline, champion) if part]
    verdict: Literal["deploy", "keep_champion"] = "deploy" if all(passed) else "keep_champion"
    if told.get("verdict") != verdict:
        raise Unsound(
            f"its verdict is {brief(repr(told.get('verdict')), 80)}, but its numbers and the settings of this"
            f' run say "{verdict}"'
        )
    return Gate(verdict, texts(told.get("reasons")), metric, value, floor, baseline, champion)


def of_older_trainer(metric: str, value: float, floor: Floor | None) -> Gate:
    if floor is None or floor.passed:
        return Gate("deploy", [], metric, value, floor)
    why = f"{metric} {value:.4g} is below {floor.setting} {floor.limit:.4g}"
    return Gate("keep_champion", [why], metric, value, floor)


def floor_of(metric: str, value: float, settings: RunSettings) -> Floor | None:
    """The bar of the settings, or None where they set none."""
    if metric == "accuracy":
        limit = settings.min_accuracy
        return Floor("min_accuracy", limit, value >= limit) if limit > 0 else None
    limit = settings.max_rmse
    return Floor("max_rmse", limit, value <= limit) if limit > 0 else None


def baseline_of(told: Json, metric: str, value: float) -> Baseline:
    given = told.get("baseline")
    if not isinstance(given, dict):
        raise Unsound("its gate has no baseline")
    trivial = number(given, "value")
    better = value > trivial if metric == "accuracy" else value < trivial
    return Baseline(brief(str(given.get("name", "")), LONGEST_NAME), trivial, better)


def comparison_of(told: Json, settings: RunSettings) -> Comparison | None:
    """Champion against challenger. Only what the interval shows to be worse than the tolerance blocks."""
    given = told.get("champion")
    if given is None:
        return None
    if not isinstance(given, dict):
        raise Unsound("the champion of its gate is no object")
    interval = given.get("interval")
    if interval is not None:
        if not (isinstance(interval, list) and len(interval) == 2):
            raise Unsound("the interval of its gate is not [low, high]")
        interval = [number(dict(enumerate(interval)), place) for place in (0, 1)]
    rows = given.get("rows", 0)
    return Comparison(
        model=brief(str(given.get("model", "")), LONGEST_NAME + 12),
        rows=rows if isinstance(rows, int) else 0,
        value=None if given.get("value") is None else number(given, "value"),
        challenger=None if given.get("challenger") is None else number(given, "challenger"),
        tolerance=settings.tolerance,
        interval=interval,
        passed=interval is None or interval[0] <= settings.tolerance,
        error=brief(str(given.get("error") or ""), LONGEST),
    )


def number(part: dict[Any, Any], name: Any) -> float:
    value = part.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Unsound(f"its gate has no finite {name}")
    return float(value)


def dropped_of(document: Json) -> list[Dropped]:
    """The first of the columns that a model does not take."""
    given = document.get("dropped_columns")
    columns = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    return [
        Dropped(brief(str(each.get("column", "")), LONGEST_NAME), brief(str(each.get("why", "")), LONGEST))
        for each in columns[:MOST]
    ]


def notes_of(document: Json) -> list[str]:
    """What the trainer did about the data, and what of that this run does not keep."""
    notes = texts(document.get("notes"))
    given = document.get("dropped_columns")
    more = len(given) - MOST if isinstance(given, list) else 0
    if more > 0:
        notes.append(f"{more} further columns were dropped; the report and metrics.json name them all.")
    return notes


def texts(given: Any) -> list[str]:
    """The first sentences of a list, each of bounded length."""
    found = given if isinstance(given, list) else []
    return [brief(each, LONGEST) for each in found if isinstance(each, str)][:MOST]


def brief(text: str, longest: int) -> str:
    """A text cut to `longest` characters, as one line."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
