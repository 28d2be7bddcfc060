"""The verdict on a model, derived again from what its training measured.

The trainer judges the model, because it has the rows (trainer/gate.py). Its metrics.json comes from outside
the app, so the app takes only numbers from it, applies the same rules to them (trainer/verdict_rules.py) with
the run's own settings and champion, and refuses a document whose verdict does not follow.
"""

import math
from typing import Any

from runs.contracts import Json, RunSettings
from runs.findings import Baseline, ChampionComparison, Dropped, Floor, Gate, OutOfFold
from runs.steps import Champion
from runs.text import quote, shorten_line
from trainer import verdict_rules as rules

MAX_SENTENCE = 500
"""Characters of a sentence that a run keeps."""
MAX_NAME = 256
MAX_ENTRIES = 20
"""Metrics, reasons, notes and dropped columns that a run keeps; metrics.json and the report hold all."""


class UnsoundVerdictError(ValueError):
    """metrics.json supports no verdict; the message says what is wrong with it."""


def derive_gate(document: Json, metrics: dict[str, float], settings: RunSettings, champion: Champion) -> Gate:
    """Judge a model by its metrics.json.

    metrics: the finite metrics that the document holds. champion: the one that the run found.

    Raises UnsoundVerdictError if the document supports no verdict, or states another one.
    """
    check_version(document)
    task = read_task(document, settings)
    stated = document.get("gate")
    if not isinstance(stated, dict):
        raise UnsoundVerdictError("it holds no gate")
    metric = read_metric(stated, task)
    for needed in (metric, rules.FLOOR_METRIC[metric]):
        if needed not in metrics:
            raise UnsoundVerdictError(f"it holds no {needed}")
    value = metrics[metric]
    if read_number(stated, "value") != value:
        raise UnsoundVerdictError(f"its gate is not about its {metric} of {value:g}")
    floor = derive_floor(metric, metrics, settings)
    baseline = derive_baseline(stated, metric, value)
    comparison = derive_comparison(stated, metric, settings.tolerance, champion)
    passed = [part.passed for part in (floor, baseline, comparison) if part]
    verdict = rules.verdict(passed)
    if stated.get("verdict") != verdict:
        raise UnsoundVerdictError(
            f"its verdict is {quote(stated.get('verdict'))}, but its numbers and the settings of"
            f' this run say "{verdict}"'
        )
    return Gate(verdict, read_sentences(stated.get("reasons")), metric, value, floor, baseline, comparison)


def check_version(document: Json) -> None:
    version = document.get("schema_version")
    if version != rules.SCHEMA_VERSION or isinstance(version, bool):
        raise UnsoundVerdictError(
            f"its schema_version is {quote(version)}, and this app reads {rules.SCHEMA_VERSION}"
        )


def read_task(document: Json, settings: RunSettings) -> str:
    """The task that a model was trained for. Raises UnsoundVerdictError if it is not the run's task."""
    task = document.get("task")
    if not isinstance(task, str) or task not in rules.DECIDING_METRIC:
        raise UnsoundVerdictError(f"its task is {quote(task)}, not one of {', '.join(rules.DECIDING_METRIC)}")
    if task != settings.task:
        raise UnsoundVerdictError(f"it was trained for {task}, and this run is about {settings.task}")
    return task


def read_metric(gate: Json, task: str) -> str:
    """The metric that decides. Raises UnsoundVerdictError if it cannot decide on a model for the task."""
    metric, allowed = gate.get("metric"), rules.DECIDING_METRICS[task]
    if not isinstance(metric, str) or metric not in allowed:
        raise UnsoundVerdictError(f"its gate is about {quote(metric)}, not about its {' or '.join(allowed)}")
    return metric


def derive_floor(metric: str, metrics: dict[str, float], settings: RunSettings) -> Floor | None:
    """Whether the floor's metric reaches the floor in the settings; None if they set none."""
    limit = rules.floor(metric, min_accuracy=settings.min_accuracy, max_rmse=settings.max_rmse)
    if limit is None:
        return None
    judged = rules.FLOOR_METRIC[metric]
    return Floor(rules.FLOOR_SETTING[metric], limit, rules.reaches_floor(judged, metrics[judged], limit))


def derive_baseline(gate: Json, metric: str, value: float) -> Baseline:
    """The comparison with the baseline. Raises UnsoundVerdictError if its parts contradict each other."""
    stated = gate.get("baseline")
    if not isinstance(stated, dict):
        raise UnsoundVerdictError("its gate has no baseline")
    baseline, rows, interval = read_number(stated, "value"), read_rows(stated), read_interval(stated)
    name, error = rules.BASELINE[metric], shorten_line(str(stated.get("error") or ""), MAX_SENTENCE)
    if interval is None and not error:
        raise UnsoundVerdictError(f"its gate does not say why the model is not compared with the {name}")
    if interval and rows < rules.FEWEST_ROWS:
        raise UnsoundVerdictError(
            f"its gate has an interval for the {name}, which takes {rules.FEWEST_ROWS} or more rows"
        )
    if interval and not rules.interval_fits(metric, baseline, value, rows, interval):
        raise UnsoundVerdictError(
            f"the interval of its gate, {interval[0]:g} to {interval[1]:g}, does not fit the {metric} of the"
            f" {name}, {baseline:g}, and of the model, {value:g}"
        )
    told = derive_out_of_fold(stated, metric)
    told_interval = (told.interval[0], told.interval[1]) if told else None
    passed = rules.beats_baseline(metric, value, baseline, interval, told_interval)
    return Baseline(name, baseline, rows, list(interval) if interval else None, passed, error, told)


def derive_out_of_fold(baseline: Json, metric: str) -> OutOfFold | None:
    """What all rows say; None if nothing. Raises UnsoundVerdictError if its parts do not fit."""
    stated = baseline.get("out_of_fold")
    if stated is None:
        return None
    if not isinstance(stated, dict):
        raise UnsoundVerdictError("the out_of_fold of its gate is no object")
    expected = rules.OUT_OF_FOLD_METRIC["regression" if metric == "rmse" else "classification"]
    rows, interval = read_rows(stated), read_interval(stated)
    value, other = read_number(stated, "value"), read_number(stated, "baseline")
    if stated.get("metric") != expected or interval is None or rows < rules.FEWEST_ROWS:
        raise UnsoundVerdictError(
            f"the out_of_fold of its gate is not an interval of the {expected} of {rules.FEWEST_ROWS} or more"
            " rows"
        )
    if not rules.interval_fits(expected, other, value, rows, interval):
        raise UnsoundVerdictError(
            f"the interval of its out_of_fold, {interval[0]:g} to {interval[1]:g}, does not fit the"
            f" {expected} of the baseline, {other:g}, and of the models, {value:g}"
        )
    return OutOfFold(expected, rows, value, other, list(interval))


def derive_comparison(
    gate: Json, metric: str, tolerance: float, champion: Champion
) -> ChampionComparison | None:
    """The comparison with the champion; None if the run has no champion that could be compared.

    A champion whose model lies outside the container has no folder, and the trainer never sees it.
    """
    stated = gate.get("champion")
    if not (champion.model and champion.folder):
        if stated is not None:
            raise UnsoundVerdictError("its gate has a champion, and this run has none to compare with")
        return None
    if not isinstance(stated, dict):
        raise UnsoundVerdictError(f"its gate does not compare the model with the champion {champion.model}")
    if stated.get("model") != champion.model:
        raise UnsoundVerdictError(
            f"its gate compares the model with {quote(stated.get('model'), MAX_NAME)}, and the"
            f" champion of this run is {champion.model}"
        )
    interval = read_interval(stated)
    comparison = ChampionComparison(
        model=champion.model,
        rows=read_rows(stated),
        value=read_optional_number(stated, "value"),
        challenger=read_optional_number(stated, "challenger"),
        tolerance=tolerance,
        interval=list(interval) if interval else None,
        passed=rules.stands_up_to_champion(interval, tolerance),
        error=shorten_line(str(stated.get("error") or ""), MAX_SENTENCE),
    )
    check_comparison(comparison, metric, interval)
    return comparison


def check_comparison(
    comparison: ChampionComparison, metric: str, interval: tuple[float, float] | None
) -> None:
    """Raise UnsoundVerdictError if the parts of a comparison contradict each other."""
    value, challenger, rows = comparison.value, comparison.challenger, comparison.rows
    if interval is None:
        if value is not None and rows >= rules.FEWEST_ROWS:
            raise UnsoundVerdictError(
                f"its gate has no interval, although {comparison.model} predicted {rows} rows"
            )
        if not comparison.error:
            raise UnsoundVerdictError(f"its gate does not say why {comparison.model} could not be compared")
        return
    if value is None or challenger is None or rows < rules.FEWEST_ROWS:
        raise UnsoundVerdictError(
            f"its gate has an interval, which takes the values of both models on {rules.FEWEST_ROWS} or more"
            " rows"
        )
    if not rules.interval_fits(metric, value, challenger, rows, interval):
        raise UnsoundVerdictError(
            f"the interval of its gate, {interval[0]:g} to {interval[1]:g}, does not fit the {metric} of the"
            f" champion, {value:g}, and of the challenger, {challenger:g}"
        )


# --- Reading what comes from outside ------------------------------------------------------------------


def finite(value: Any) -> float | None:
    """A JSON number as a float; None for what is not a number, or beyond what a float holds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:  # JSON's integers have no limit
        return None
    return number if math.isfinite(number) else None


def read_metrics(document: Json) -> dict[str, float]:
    """The finite ones of a document's metrics. One whose name is longer than MAX_NAME is none of them."""
    stated = document.get("metrics")
    numbers = {name: finite(value) for name, value in stated.items()} if isinstance(stated, dict) else {}
    return {name: value for name, value in numbers.items() if value is not None and len(name) <= MAX_NAME}


def read_number(part: dict[Any, Any], name: Any) -> float:
    value = finite(part.get(name))
    if value is None:
        raise UnsoundVerdictError(f"its gate has no finite {name}")
    return value


def read_optional_number(part: Json, name: str) -> float | None:
    return None if part.get(name) is None else read_number(part, name)


def read_rows(comparison: Json) -> int:
    rows = comparison.get("rows")
    if isinstance(rows, bool) or not isinstance(rows, int) or rows < 0:
        raise UnsoundVerdictError("its gate does not say on how many rows the models were compared")
    return rows


def read_interval(comparison: Json) -> tuple[float, float] | None:
    stated = comparison.get("interval")
    if stated is None:
        return None
    if not (isinstance(stated, list) and len(stated) == 2):
        raise UnsoundVerdictError("the interval of its gate is not [low, high]")
    ends = dict(enumerate(stated))
    return read_number(ends, 0), read_number(ends, 1)


def read_dropped_columns(document: Json) -> list[Dropped]:
    """The first of the columns that the model does not use."""
    stated = document.get("dropped_columns")
    columns = [each for each in stated if isinstance(each, dict)] if isinstance(stated, list) else []
    return [
        Dropped(
            shorten_line(str(each.get("column", "")), MAX_NAME),
            shorten_line(str(each.get("why", "")), MAX_SENTENCE),
        )
        for each in columns[:MAX_ENTRIES]
    ]


def read_notes(document: Json) -> list[str]:
    """What the trainer did about the data, and how many dropped columns this run does not keep."""
    notes = read_sentences(document.get("notes"))
    stated = document.get("dropped_columns")
    more = len(stated) - MAX_ENTRIES if isinstance(stated, list) else 0
    if more > 0:
        columns = "1 further column was" if more == 1 else f"{more} further columns were"
        notes.append(f"{columns} dropped; the report and metrics.json name them all.")
    return notes


def count_entries(document: Json, name: str) -> int:
    """The length of a list in a document; 0 if there is no such list."""
    stated = document.get(name)
    return len(stated) if isinstance(stated, list) else 0


def read_sentences(stated: Any) -> list[str]:
    """The first sentences of a list, each shortened."""
    sentences = stated if isinstance(stated, list) else []
    return [shorten_line(each, MAX_SENTENCE) for each in sentences if isinstance(each, str)][:MAX_ENTRIES]
