"""The view model of a run's report: what the page says, as the template needs it.

`view` completes the trainer's document, cuts its lists to what a page can hold, and draws its figures.
Anything may be missing or null in the document; that part of the page is then left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import drift
import figures
import verdict_rules as rules
from text import shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Json = Mapping[str, Any]

MAX_ROWS = 200
"""Rows of a table."""
MAX_BARS = 20
"""Bars of a figure."""
MAX_SENTENCE = 500
"""Characters of a sentence."""
METRICS = {
    "accuracy": ("Accuracy", "share of correct predictions; higher is better"),
    "average_precision": (
        "Average precision",
        "how well the rows of rare classes are put first, against their share; higher is better",
    ),
    "macro_f1": ("Macro F1", "mean over the classes; higher is better"),
    "log_loss": ("Log loss", "of the predicted probabilities; lower is better"),
    "rmse": ("RMSE", "root mean squared error, in the label's unit; lower is better"),
    "mae": ("MAE", "mean absolute error, in the label's unit; lower is better"),
    "r2": ("R²", "share of the variance explained; higher is better"),
    "train_loss": ("Training loss", "after the last epoch; lower is better"),
    "train_accuracy": ("Training accuracy", "on the training rows; higher is better"),
}
"""Title and meaning of each metric."""
STEPS = {"linear": "epoch", "boosting": "boosting round"}
"""What a learning curve is measured after, by the algorithm that has one."""
TRIVIAL = {
    "accuracy": "always the most frequent class",
    "average_precision": "a random order of the rows",
    "rmse": "always the mean",
}
"""What the baseline of each deciding metric does."""


@dataclass(frozen=True)
class Tile:
    """A number beside the verdict. passed: None if nothing was decided by it."""

    label: str
    value: Any
    what: str
    passed: bool | None = None


@dataclass(frozen=True)
class Plot:
    """A section that is one figure. image: a data URI; wide: whether it takes the page's whole width."""

    id: str
    title: str
    image: str
    wide: bool
    text: str


def view(document: Json) -> dict[str, Any]:
    """The variables of the template, from the document that the trainer collects for its report."""
    task = document.get("task") or "classification"
    gate = document.get("gate") or {}
    columns = document.get("columns") or []
    dropped = document.get("dropped_columns") or []
    suspicions = document.get("suspicions") or []
    return {
        "run": {
            key: document.get(key) for key in ("run_id", "dataset", "etag", "rows", "algorithm", "label")
        },
        "task": task,
        "created": str(document.get("created") or "")[:19].replace("T", " "),
        "classes": len(document.get("classes") or []),
        "verdict": _verdict(gate),
        "metrics": _metrics(document),
        "choice": document.get("choice"),
        "champion": _champion(gate),
        "columns": _columns(columns, document.get("importance") or []),
        "more_columns": max(0, len(columns) - MAX_ROWS),
        "label_plot": _label_plot(document.get("label_profile") or {}, str(document.get("label") or "label")),
        "dropped": dropped[:MAX_ROWS],
        "more_dropped": max(0, len(dropped) - MAX_ROWS),
        "unlabelled": (document.get("dropped_rows") or {}).get("missing_label") or 0,
        "drift": _drift(document.get("drift")),
        "suspicions": suspicions,
        "notes": [note for note in document.get("notes") or [] if note and note not in suspicions],
        "plots": _plots(document),
    }


# --- The verdict --------------------------------------------------------------------------------------------


def _verdict(gate: Json) -> dict[str, Any]:
    return {
        "known": bool(gate),
        "deploy": gate.get("verdict") == rules.DEPLOY,
        "reasons": gate.get("reasons") or [],
        "evidence": _evidence(gate),
        "tiles": _tiles(gate),
    }


def _evidence(gate: Json) -> str:
    """Which rows show that the model is better than the baseline; "" if none do."""
    baseline = gate.get("baseline") or {}
    low, high = baseline.get("interval") or (0.0, 0.0)
    if not baseline.get("passed"):
        return ""
    rows, told = baseline.get("rows"), baseline.get("out_of_fold")
    interval = "95 % interval of the difference"
    baseline_is = f"the baseline, {TRIVIAL[gate['metric']]},"
    if high < 0 or not told:
        unit = " as a share of it" if gate.get("metric") == "rmse" else ""
        return (
            f"On {rows} hold-out rows, the model is better than {baseline_is} by more than chance explains"
            f" ({interval}{unit}: {low:.2g} to {high:.2g}, below 0 is better)."
        )
    low, high = told["interval"]
    unit = " as a share of it" if told["metric"] == "rmse" else ""
    return (
        f"On {rows} hold-out rows, the model is better than {baseline_is} but chance may explain that. It"
        f" does not explain how well {told['rows']} rows in all were predicted by models not trained on them:"
        f" {METRICS[told['metric']][0]} {told['value']:.4g}, without the columns {told['baseline']:.4g}"
        f" ({interval}{unit}: {low:.2g} to {high:.2g})."
    )


def _tiles(gate: Json) -> list[Tile]:
    tiles = []
    if gate.get("value") is not None:
        tiles.append(Tile(_metric_title(gate), gate["value"], "on the hold-out"))
    if champion := gate.get("champion"):
        passed = champion.get("passed")
        tiles.append(Tile("Champion", champion.get("value"), champion.get("model") or "", passed))
    if baseline := gate.get("baseline"):
        always = TRIVIAL.get(gate.get("metric") or "", "")
        tiles.append(Tile("Baseline", baseline.get("value"), always, baseline.get("passed")))
    if floor := gate.get("floor"):
        tiles.append(Tile("Limit", floor.get("limit"), floor.get("setting") or "", floor.get("passed")))
    return tiles


def _metric_title(gate: Json) -> str:
    metric = gate.get("metric") or "Metric"
    return METRICS.get(metric, (metric, ""))[0]


def _metrics(document: Json) -> dict[str, Any]:
    """One column for each algorithm that was trained, the selected one first."""
    selected = document.get("algorithm") or ""
    trained = dict(document.get("algorithms") or {}) or {selected: document.get("metrics") or {}}
    algorithms = sorted(trained, key=lambda algorithm: algorithm != selected)
    keys = list(dict.fromkeys(key for algorithm in algorithms for key in trained[algorithm] or {}))
    return {
        "algorithms": algorithms,
        "selected": selected,
        "rows": [
            (*METRICS.get(key, (key, "")), [(trained[algorithm] or {}).get(key) for algorithm in algorithms])
            for key in keys
        ],
    }


def _champion(gate: Json) -> dict[str, Any] | None:
    champion = gate.get("champion")
    if not champion:
        return None
    metric = gate.get("metric") or ""
    value, challenger, interval = (champion.get(key) for key in ("value", "challenger", "interval"))
    tolerance = champion.get("tolerance")
    deficit = None
    if value is not None and challenger is not None:
        deficit = rules.deficit(metric, value, challenger)
    plot = ""
    if interval and deficit is not None:
        unit = (
            "shares of the champion's RMSE" if metric == "rmse" else f"points of {metric.replace('_', ' ')}"
        )
        plot = figures.image(figures.interval_figure(interval, deficit, tolerance or 0.0, unit))
    return {
        "metric": _metric_title(gate),
        "model": champion.get("model") or "",
        "rows": champion.get("rows") or 0,
        "value": value,
        "challenger": challenger,
        "tolerance": tolerance,
        "interval": interval,
        "deficit": deficit,
        "plot": plot,
        "error": champion.get("error") or "",
    }


# --- The dataset --------------------------------------------------------------------------------------------


def _columns(columns: Sequence[Json], importance: Sequence[Json]) -> list[dict[str, Any]]:
    """The columns' rows of the table: the most important first, and used ones before unused ones."""
    places = {line.get("column"): place for place, line in enumerate(importance)}

    def rank(column: Json) -> tuple[int, bool]:
        return places.get(column.get("name"), len(places)), not column.get("used", True)

    return [_column(column) for column in sorted(columns, key=rank)[:MAX_ROWS]]


def _column(column: Json) -> dict[str, Any]:
    rows, missing = column.get("rows") or 0, column.get("missing") or 0
    top = column.get("top") or []
    return {
        "name": column.get("name", ""),
        "kind": column.get("kind") or "",
        "used": column.get("used", True),
        "missing": missing,
        "missing_share": missing / rows if rows else None,
        "distinct": column.get("distinct"),
        "range": column.get("range"),
        "mean": column.get("mean"),
        "std": column.get("std"),
        "top": top[:3],
        "more": max(0, (column.get("distinct") or len(top)) - 3) if top else 0,
        "plot": _column_plot(column.get("histogram"), top),
    }


def _column_plot(histogram: Json | None, top: Sequence[Sequence[Any]]) -> str:
    if histogram and histogram.get("counts"):
        return figures.small_bars(histogram["counts"], joined=True)
    return figures.small_bars([count for _, count in top[:20]], joined=False) if top else ""


def _label_plot(profile: Json, label: str) -> dict[str, str] | None:
    top = profile.get("top") or []
    histogram = profile.get("histogram")
    if top:
        bars = [(shorten(value, figures.MAX_LABEL), count) for value, count in top[:MAX_BARS]]
        figure = figures.bar_figure(bars, "rows", color=figures.BLUE)
        more = len(top) - len(bars)
        caption = f"Rows of each class{f'; {more} rarer classes are left out' if more > 0 else ''}"
    elif histogram and histogram.get("counts"):
        figure, caption = figures.histogram_figure(histogram), f"Distribution of {shorten(label, 80)}"
    else:
        return None
    return {"image": figures.image(figure), "caption": caption}


def _drift(measured: Json | None) -> dict[str, Any] | None:
    if not measured:
        return None
    lines = sorted(measured.get("columns") or [], key=lambda line: -(line.get("psi") or 0.0))
    largest = max([2 * drift.FLAGGED, *(line.get("psi") or 0.0 for line in lines)])
    return {
        "champion": measured.get("champion") or "",
        "flagged": sum(bool(line.get("flagged")) for line in lines),
        "lines": [
            {
                "name": line.get("name", ""),
                "psi": line.get("psi"),
                # The bar's length follows the square root of the index, so that one column that changed
                # completely leaves the bars of the others visible.
                "width": round(100 * math.sqrt((line.get("psi") or 0.0) / largest), 1),
                "flagged": bool(line.get("flagged")),
                "why": line.get("why") or "",
            }
            for line in lines[:MAX_ROWS]
        ],
        "more": max(0, len(lines) - MAX_ROWS),
        "limit": drift.FLAGGED,
        "source": drift.SOURCE,
    }


# --- The sections that are a figure -------------------------------------------------------------------------


def _plots(document: Json) -> list[Plot]:
    used = sum(bool(column.get("used", True)) for column in document.get("columns") or [])
    plots = (
        _learning_plot(document.get("learning") or {}),
        _confusion_plot(document.get("confusion") or {}),
        _residual_plot(document.get("residuals") or {}),
        _calibration_plot(document.get("calibration") or {}),
        _importance_plot(document.get("importance") or [], document.get("gate") or {}, used),
    )
    return [plot for plot in plots if plot]


def _plot(key: str, title: str, figure: Figure, text: str) -> Plot:
    wide = figure.get_figwidth() > figures.HALF_WIDTH
    return Plot(key, title, figures.image(figure), wide, text)


def _learning_plot(learning: Json) -> Plot | None:
    # A model that was chosen by itself is measured once, when it is complete.
    trained = {algorithm: points for algorithm, points in learning.items() if points and algorithm in STEPS}
    if not trained:
        return None
    steps = " or ".join(STEPS[algorithm] for algorithm in trained)
    text = f"Measured on the training rows, once per {steps}."
    return _plot("learning", "Learning curve", figures.learning_figure(trained), text)


def _confusion_plot(confusion: Json) -> Plot | None:
    if not confusion.get("counts"):
        return None
    figure = figures.confusion_figure(confusion["counts"], confusion.get("classes") or [])
    text = "Hold-out rows by true and predicted class; correct predictions lie on the diagonal."
    return _plot("confusion", "Confusion matrix", figure, text)


def _residual_plot(residuals: Json) -> Plot | None:
    if not residuals.get("truth"):
        return None
    text = "Hold-out rows. Perfect predictions lie on the line, on the left, and at zero, on the right."
    return _plot("residuals", "Predictions and residuals", figures.residual_figure(residuals), text)


def _calibration_plot(calibration: Json) -> Plot | None:
    if not calibration.get("bins"):
        return None
    what = shorten(calibration.get("what") or "predicted probability", MAX_SENTENCE)
    text = (
        f"{what[:1].upper()}{what[1:]}, against the observed share. On the line, predictions are right as"
        " often as they claim. Larger dots stand for more rows."
    )
    return _plot("calibration", "Calibration", figures.calibration_figure(calibration["bins"]), text)


def _importance_plot(importance: Sequence[Json], gate: Json, used: int) -> Plot | None:
    """used: how many columns the model takes."""
    if not importance:
        return None
    most = importance[:MAX_BARS]
    metric = _metric_title(gate)
    change = "RMSE gained" if metric == "RMSE" else f"{metric.lower()} lost"
    text = (
        f"{change[0].upper()}{change[1:]} on the hold-out when the column's values are shuffled among its"
        " rows, with the standard deviation over the repetitions."
    )
    if len(importance) > MAX_BARS:
        text += f" The {len(importance) - MAX_BARS:,} least important columns are left out."
    if len(importance) < used:
        text += f" It was measured for the {len(importance):,} of {used:,} columns that the model uses most."
    figure = figures.bar_figure(
        [(shorten(line.get("column", ""), figures.MAX_LABEL), line.get("mean")) for line in most],
        change,
        color=figures.GREEN,
        deviations=[abs(deviation) for deviation in figures.drawable(line.get("std") for line in most)],
    )
    return _plot("importance", "Importance of the columns", figure, text)
