"""The report of a run: one HTML file that needs nothing else, of a document that is only JSON.

`render` is what the trainer calls. Everything that came from the dataset (names, classes, values, sentences
that quote them) is text: shortened, with what cannot be printed shown as an escape, and escaped by the
template, which escapes all that it is given. In the plots it is never taken for mathematics. The page has no
script, loads nothing, and its policy forbids a browser to do either.

Large plots are matplotlib's, the small ones of the columns are written by hand: two hundred figures would
take longer than the training. Both are SVG images inside the page. jinja2 and matplotlib are imported where
they are used.
"""

from __future__ import annotations

import base64
import io
import math
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import drift

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPLATE = Path(__file__).with_name("report.html.j2")

MOST_COLUMNS = 200
MOST_IMPORTANCES = 20
MOST_POINTS = 400
"""Of a learning curve: more cannot be told apart on its width."""
MOST_ANNOTATED_CLASSES = 25
WIDE, HALF = 10.4, 5.0
"""Inches of a plot that has the page's width, and of one that shares it with another."""
LONGEST_NAME = 80
LONGEST_IN_PLOT = 24
LONGEST_SENTENCE = 500
LARGEST = 1e150
"""Of a number that is drawn: matplotlib squares some on its way."""
UNKNOWN = "\N{EN DASH}"

# GitHub Primer's palette. In the plots INK and GRID become variables that follow the reader's scheme.
INK, GRID, BLUE, ORANGE, GREEN, RED = "#57606a", "#d8dee4", "#0969da", "#bc4c00", "#1a7f37", "#cf222e"
SCHEME = (
    f"<style>:root{{--ink:{INK};--grid:{GRID}}}"
    "@media screen and (prefers-color-scheme:dark){:root{--ink:#9aa4af;--grid:#30363d}}</style>"
)

STYLE: dict[str, Any] = {
    "text.parse_math": False,  # a column named "$x$" is no formula, and "$\\" no error
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
}

METRICS = {
    "accuracy": ("Accuracy", "share of right answers; higher is better"),
    "macro_f1": ("Macro F1", "mean over the classes; higher is better"),
    "log_loss": ("Log loss", "of the probabilities; lower is better"),
    "rmse": ("RMSE", "typical error, in the label's unit; lower is better"),
    "mae": ("MAE", "mean absolute error, in the label's unit; lower is better"),
    "r2": ("R²", "share of the variance explained; higher is better"),
    "train_loss": ("Training loss", "after the last pass; lower is better"),
    "train_accuracy": ("Training accuracy", "on the rows it learned from; higher is better"),
}


def render(document: Mapping[str, Any]) -> str:
    """The page. What the document lacks, or has as null, is a part that the page does not have.

    document: "run_id", "dataset", "task", "label", "metrics", "gate", "columns" and so on, as the trainer
    collects them; every value may come from the dataset and is shown as text.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"name": name, "sentence": sentence, "number": number, "percent": percent}
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a script that the measuring font lacks: the reader's has it
        return template.render(view(document))


# --- Text and numbers from outside --------------------------------------------------------------------------


def shown(text: object, longest: int = LONGEST_NAME) -> str:
    """A text of anyone's, on one line: no longer than that, and what cannot be printed as an escape."""
    whole = str(text)
    short = whole if len(whole) <= longest else whole[: longest - 1] + "…"
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in short)


def name(text: object) -> str:
    """A column, a class, a value. One that would be invisible is shown in quotes."""
    short = shown(text)
    return short if short.strip() else f'"{short}"'


def sentence(text: object) -> str:
    return shown(text, LONGEST_SENTENCE)


def number(value: object) -> str:
    """With as many digits as tell something; a dash for what is not known; text (a date) as it is."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool) or not isinstance(value, int | float):
        return name(value)
    if abs(value) < 1e15 and value == int(value):
        return f"{int(value):,}"
    if isinstance(value, int):
        return f"about 1e{len(str(abs(value))) - 1}" if abs(value) < 10**4000 else "enormous"
    if 1000 <= abs(value) < 1e9:
        return f"{value:,.1f}"
    return f"{value:.4g}"


def percent(share: float | None) -> str:
    if share is None:
        return UNKNOWN
    if 0 < share < 0.001:
        return "<0.1 %"
    return f"{100 * share:.1f} %" if 0 < share < 1 else f"{100 * share:.0f} %"


# --- What the template is given -----------------------------------------------------------------------------


def view(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document as the template shows it: nothing missing, lists cut, plots drawn."""
    task = document.get("task") or "classification"
    gate = document.get("gate") or {}
    columns = _columns(document)
    dropped = document.get("dropped_columns") or []
    sections: dict[str, Any] = {
        "run": {
            key: document.get(key) for key in ("run_id", "dataset", "etag", "rows", "algorithm", "label")
        },
        "task": task,
        "created": str(document.get("created") or "")[:19].replace("T", " "),
        "classes": len(document.get("classes") or []),
        "verdict": _verdict(gate, task),
        "metrics": _metrics(document),
        "champion": _champion(gate, task),
        "columns": columns[:MOST_COLUMNS],
        "more_columns": max(0, len(columns) - MOST_COLUMNS),
        "label_plot": _label_plot(document.get("label_profile") or {}, str(document.get("label") or "label")),
        "dropped": dropped[:MOST_COLUMNS],
        "more_dropped": max(0, len(dropped) - MOST_COLUMNS),
        "unlabelled": (document.get("dropped_rows") or {}).get("missing_label") or 0,
        "drift": _drift(document.get("drift")),
        "notes": [note for note in document.get("notes") or [] if note],
    }
    return sections | {"plots": _plots(document, task)}


def _verdict(gate: Mapping[str, Any], task: str) -> dict[str, Any]:
    metric = METRICS.get(gate.get("metric") or "", (gate.get("metric") or "Metric", ""))[0]
    numbers: list[dict[str, Any]] = []
    if gate.get("value") is not None:
        numbers.append({"label": metric, "value": gate["value"], "what": "on the hold-out", "passed": None})
    champion = gate.get("champion")
    if champion:
        numbers.append(
            {
                "label": "Champion",
                "value": champion.get("value"),
                "what": champion.get("model") or "",
                "passed": champion.get("passed"),
            }
        )
    baseline = gate.get("baseline")
    if baseline:
        always = "always the most frequent class" if task == "classification" else "always the mean"
        numbers.append(
            {
                "label": "Baseline",
                "value": baseline.get("value"),
                "what": always,
                "passed": baseline.get("passed"),
            }
        )
    floor = gate.get("floor")
    if floor:
        numbers.append(
            {
                "label": "Limit",
                "value": floor.get("limit"),
                "what": floor.get("setting") or "",
                "passed": floor.get("passed"),
            }
        )
    return {
        "known": bool(gate),
        "deploy": gate.get("verdict") == "deploy",
        "reasons": gate.get("reasons") or [],
        "numbers": numbers,
    }


def _metrics(document: Mapping[str, Any]) -> dict[str, Any]:
    """One column per algorithm that was trained, the one that was kept first."""
    kept = document.get("algorithm") or ""
    trained = dict(document.get("algorithms") or {}) or {kept: document.get("metrics") or {}}
    algorithms = sorted(trained, key=lambda algorithm: algorithm != kept)
    keys = list(dict.fromkeys(key for algorithm in algorithms for key in trained[algorithm] or {}))
    return {
        "algorithms": algorithms,
        "kept": kept,
        "rows": [
            (*METRICS.get(key, (key, "")), [(trained[algorithm] or {}).get(key) for algorithm in algorithms])
            for key in keys
        ],
    }


def _champion(gate: Mapping[str, Any], task: str) -> dict[str, Any] | None:
    champion = gate.get("champion")
    if not champion:
        return None
    value, challenger, interval = (champion.get(key) for key in ("value", "challenger", "interval"))
    deficit = None
    if value is not None and challenger is not None:
        deficit = value - challenger
        if task != "classification":
            deficit = (challenger - value) / value if value else None
    plot = ""
    if interval and deficit is not None:
        unit = "points of accuracy" if task == "classification" else "shares of the champion's RMSE"
        plot = image(_interval_figure(interval, deficit, champion.get("tolerance") or 0.0, unit))
    return dict(champion) | {
        "metric": METRICS.get(gate.get("metric") or "", ("Metric", ""))[0],
        "interval": interval,
        "deficit": deficit,
        "plot": plot,
        "passed": champion.get("passed", True),
        "error": champion.get("error") or "",
        "tolerance": champion.get("tolerance"),
        "rows": champion.get("rows") or 0,
        "model": champion.get("model") or "",
        "value": value,
        "challenger": challenger,
    }


def _columns(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The columns' lines: by importance, then those that are used, then those that are not."""
    columns = document.get("columns") or []
    importance = {line.get("column"): place for place, line in enumerate(document.get("importance") or [])}

    def rank(column: Mapping[str, Any]) -> tuple[int, bool]:
        return importance.get(column.get("name"), len(importance)), not column.get("used", True)

    ranked = sorted(columns, key=rank)
    # Lines beyond the page's are only counted.
    return [_column(column) for column in ranked[:MOST_COLUMNS]] + ranked[MOST_COLUMNS:]


def _column(column: Mapping[str, Any]) -> dict[str, Any]:
    rows = column.get("rows") or 0
    top = column.get("top") or []
    histogram = column.get("histogram")
    return {
        "name": column.get("name", ""),
        "kind": column.get("kind") or "",
        "used": column.get("used", True),
        "missing": column.get("missing") or 0,
        "missing_share": (column.get("missing") or 0) / rows if rows else None,
        "distinct": column.get("distinct"),
        "range": column.get("range"),
        "mean": column.get("mean"),
        "std": column.get("std"),
        "top": top[:3],
        "more": max(0, (column.get("distinct") or len(top)) - 3) if top else 0,
        "plot": _bars_of(histogram, top),
    }


def _bars_of(histogram: Mapping[str, Any] | None, top: Sequence[Sequence[Any]]) -> str:
    if histogram and histogram.get("counts"):
        return small_bars(histogram["counts"], joined=True)
    return small_bars([count for _, count in top[:20]], joined=False) if top else ""


def _drift(drifted: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not drifted:
        return None
    lines = sorted(drifted.get("columns") or [], key=lambda line: -(line.get("psi") or 0.0))
    largest = max([2 * drift.FLAGGED, *(line.get("psi") or 0.0 for line in lines)])
    return {
        "champion": drifted.get("champion") or "",
        "flagged": sum(bool(line.get("flagged")) for line in lines),
        "lines": [
            {
                "name": line.get("name", ""),
                "psi": line.get("psi"),
                # Above the usual, the bar's length goes by the root: one column that changed altogether would
                # leave none of the others visible.
                "width": round(100 * math.sqrt((line.get("psi") or 0.0) / largest), 1),
                "flagged": bool(line.get("flagged")),
                "why": line.get("why") or "",
            }
            for line in lines[:MOST_COLUMNS]
        ],
        "more": max(0, len(lines) - MOST_COLUMNS),
        "limit": drift.FLAGGED,
        "source": drift.SOURCE,
    }


def _label_plot(profile: Mapping[str, Any], label: str) -> dict[str, Any] | None:
    top = profile.get("top") or []
    histogram = profile.get("histogram")
    if top:
        bars = [(shown(value, LONGEST_IN_PLOT), count) for value, count in top[:MOST_IMPORTANCES]]
        figure = _bar_figure(bars, "rows", color=BLUE)
        more = len(top) - len(bars)
        caption = f"Rows of each class{f', {more} rarer ones left out' if more > 0 else ''}"
    elif histogram and histogram.get("counts"):
        figure, caption = _histogram_figure(histogram), f"Distribution of {shown(label)}"
    else:
        return None
    return {"image": image(figure), "alt": caption, "caption": caption}


def _plots(document: Mapping[str, Any], task: str) -> list[dict[str, Any]]:
    """The sections that are a plot: {"id", "title", "image", "wide", "text"}."""
    plots = []

    def add(key: str, title: str, figure: Figure, text: str) -> None:
        wide = figure.get_figwidth() > HALF
        plots.append({"id": key, "title": title, "image": image(figure), "wide": wide, "text": text})

    learning = {kind: points for kind, points in (document.get("learning") or {}).items() if points}
    if learning:
        unit = {"linear": "pass over the training rows", "boosting": "round of boosting"}
        steps = " or ".join(unit.get(kind, kind) for kind in learning)
        add("learning", "Learning curve", learning_figure(learning), f"Of the training rows, per {steps}.")
    confusion = document.get("confusion")
    if confusion and confusion.get("counts"):
        text = "Hold-out rows by their true and their predicted class; what is right lies on the diagonal."
        figure = confusion_png(confusion["counts"], confusion.get("classes") or [])
        add("confusion", "Confusion matrix", figure, text)
    residuals = document.get("residuals")
    if residuals and residuals.get("truth"):
        text = "Hold-out rows. On the left, perfect predictions lie on the line; on the right, around zero."
        add("residuals", "Predictions and residuals", residual_figure(residuals), text)
    calibration = document.get("calibration")
    if calibration and calibration.get("bins"):
        what = sentence(calibration.get("what") or "predicted probability")
        what = what[:1].upper() + what[1:]
        text = f"{what}: on the line, predictions mean what they say. Larger dots are more rows."
        add("calibration", "Calibration", calibration_figure(calibration["bins"]), text)
    importance = document.get("importance") or []
    if importance:
        metric = "accuracy lost" if task == "classification" else "RMSE gained"
        more = len(importance) - MOST_IMPORTANCES
        text = (
            f"{metric[0].upper()}{metric[1:]} on the hold-out when the column's values are shuffled among "
            "its rows, with the standard deviation over the repetitions."
            + (f" The {more:,} columns that matter less are left out." if more > 0 else "")
        )
        bars = [
            (shown(line.get("column", ""), LONGEST_IN_PLOT), line.get("mean"))
            for line in importance[:MOST_IMPORTANCES]
        ]
        deviations = [abs(deviation) for deviation in _finite(line.get("std") for line in importance)]
        figure = _bar_figure(bars, metric, color=GREEN, deviations=deviations[: len(bars)])
        add("importance", "Importance of the columns", figure, text)
    return plots


# --- Images -------------------------------------------------------------------------------------------------


def data_uri(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode("ascii")


def image(figure: Figure) -> str:
    """A figure as the address of an SVG image that follows the reader's light or dark scheme.

    Its letters stay text, which is smaller than their outlines and has every script that the reader's fonts
    have.
    """
    from matplotlib import rc_context

    file = io.BytesIO()
    with rc_context(STYLE):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = file.getvalue().decode()
    svg = re.sub(rf"(fill|stroke): {INK}\b", r"\1: var(--ink)", svg)
    svg = re.sub(rf"(fill|stroke): {GRID}\b", r"\1: var(--grid)", svg)
    return data_uri(re.sub(r"(<svg [^>]*>)", lambda tag: tag[0] + SCHEME, svg, count=1))


def small_bars(counts: Sequence[float], *, joined: bool) -> str:
    """The histogram of one column, 120 by 32; joined: the bars are of one axis, not of categories."""
    width, height = 120, 32
    heights = [max(0.0, float(count)) for count in counts]
    largest = max(heights, default=0.0) or 1.0
    step = width / max(len(heights), 1 if joined else 6)
    gap = min(1.0 if joined else 3.0, step / 4)
    bars = "".join(
        f'<rect x="{place * step:.1f}" y="{height - tall:.1f}" width="{step - gap:.1f}" height="{tall:.1f}"/>'
        for place, tall in enumerate(
            max(0.7, count / largest * (height - 1)) if count else 0.0 for count in heights
        )
    )
    return data_uri(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">{SCHEME}<g style="fill:{BLUE};opacity:.75">{bars}</g>'
        f'<path d="M0 {height - 0.5}H{width}" style="stroke:var(--grid)"/></svg>'
    )


def _styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    from functools import wraps

    @wraps(draw)
    def drawn(*arguments: Any, **keywords: Any) -> Figure:
        from matplotlib import rc_context

        with rc_context(STYLE):
            return draw(*arguments, **keywords)

    return drawn


def _figure(
    width: float, height: float, left: float = 0.6, bottom: float = 0.5, **grid: Any
) -> tuple[Figure, Any]:
    """A figure with fixed margins, all in inches: to lay one out by its contents is to draw it twice."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    figure.subplots_adjust(
        left=left / width, right=1 - 0.2 / width, bottom=bottom / height, top=1 - 0.15 / height, wspace=0.3
    )
    return figure, figure.subplots(**grid)


def _width_of(text: str) -> float:
    """Inches of a text of 9 points; East Asian characters take the width of two."""
    return 0.078 * sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _finite(values: Iterable[Any]) -> list[float]:
    """What can be drawn: NaN, which leaves a gap, for whatever is no finite number."""
    return [
        float(value) if isinstance(value, int | float) and abs(value) < LARGEST else math.nan
        for value in values
    ]


@_styled
def _interval_figure(interval: Sequence[float], deficit: float, tolerance: float, unit: str) -> Figure:
    low, high = interval
    figure, axes = _figure(WIDE, 1.2, left=0.2, bottom=0.5)
    color = RED if low > tolerance else GREEN
    axes.axvspan(tolerance, max(high, tolerance) + 1, color=RED, alpha=0.08, lw=0)
    axes.axvline(0, color=INK, lw=0.8)
    axes.axvline(tolerance, color=RED, lw=1, ls="--")
    axes.plot([low, high], [0, 0], color=color, lw=3, solid_capstyle="round")
    axes.plot([deficit], [0], "o", color=color, ms=8)
    spread = max(high, tolerance, deficit, 0) - min(low, 0, deficit) or 1.0
    axes.set_xlim(min(low, 0, deficit) - 0.1 * spread, max(high, tolerance, deficit, 0) + 0.1 * spread)
    axes.set_ylim(-1, 1)
    offset = {"xytext": (4, -1), "textcoords": "offset points"}
    axes.annotate("tolerance", (tolerance, 1), color=RED, va="top", fontsize=8, **offset)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"deficit, in {unit}: the challenger is better ← 0 → worse")
    return figure


@_styled
def _bar_figure(
    bars: Sequence[tuple[str, float]], xlabel: str, *, color: str, deviations: Sequence[float] | None = None
) -> Figure:
    """Horizontal bars, the first on top, their names shortened to what is drawn."""
    names = [text if text.strip() else f'"{text}"' for text, _ in bars]
    left = 0.25 + max(_width_of(text) for text in names)
    figure, axes = _figure(WIDE, 0.75 + 0.24 * len(bars), left=left)
    lengths = _finite(length for _, length in bars)
    whiskers = {"xerr": deviations, "error_kw": {"ecolor": INK, "elinewidth": 1}} if deviations else {}
    axes.barh(range(len(bars)), lengths, color=color, height=0.7, alpha=0.85, **whiskers)
    axes.set_yticks(range(len(bars)), names, parse_math=False)
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(xlabel)
    axes.locator_params(axis="x", nbins=8)
    axes.grid(axis="x", lw=0.6)
    return figure


@_styled
def _histogram_figure(histogram: Mapping[str, Any]) -> Figure:
    figure, axes = _figure(WIDE, 2.4)
    counts = _finite(histogram["counts"])
    edges = _finite(histogram.get("edges") or range(len(counts) + 1))
    if len(edges) == len(counts) + 1 and not any(map(math.isnan, edges)):
        axes.stairs(counts, edges, fill=True, color=BLUE, alpha=0.85)
    else:
        axes.stairs(counts, fill=True, color=BLUE, alpha=0.85)
    axes.set_ylabel("rows")
    axes.grid(axis="y", lw=0.6)
    return figure


@_styled
def learning_figure(learning: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Loss, and accuracy where there is one, of each algorithm that was trained."""
    measures = [
        measure
        for measure in ("loss", "accuracy")
        if any(point.get(measure) is not None for points in learning.values() for point in points)
    ] or ["loss"]
    width = WIDE if len(measures) > 1 else HALF
    figure, grid = _figure(width, 2.9 if width == WIDE else 4.0, ncols=len(measures), squeeze=False)
    for axes, measure in zip(grid[0], measures, strict=True):
        for (algorithm, points), color in zip(learning.items(), (BLUE, ORANGE, GREEN), strict=False):
            every = max(1, math.ceil(len(points) / MOST_POINTS))
            kept = [*points[:-1:every], points[-1]]
            epochs = [point.get("epoch", place) for place, point in enumerate(kept, 1)]
            marker = "o" if len(kept) < 30 else ""
            drawn = _finite(point.get(measure) for point in kept)
            axes.plot(epochs, drawn, color=color, marker=marker, ms=3, lw=1.5, label=shown(algorithm, 24))
        axes.set(xlabel="step" if "boosting" in learning else "epoch", ylabel=measure)
        longest = max(map(len, learning.values()))
        if longest == 1:  # a single point has no width to put ticks on
            axes.set_xticks([1])
        else:
            axes.locator_params(axis="x", nbins=6, integer=True)
        axes.grid(lw=0.6)
    if len(learning) > 1:
        grid[0][0].legend()
    return figure


@_styled
def confusion_png(confusion: Any, classes: Sequence[str]) -> Figure:
    """Draw on a bare Figure: pyplot would bring windows, a global state and its own import time.

    confusion: counts of shape (n_classes, n_classes), rows true and columns predicted.
    """
    import numpy as np
    from matplotlib.figure import Figure

    counts = np.asarray(confusion)
    side = min(3.5 + 0.35 * len(counts), 16)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(counts, cmap="Blues")
    axes.set(xlabel="predicted", ylabel="true", title="Hold-out rows")
    if len(counts) <= MOST_ANNOTATED_CLASSES:
        names = [shown(text, LONGEST_IN_PLOT) for text in classes]
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right", parse_math=False)
        axes.set_yticks(range(len(names)), names, parse_math=False)
        for (row, column), count in np.ndenumerate(counts):
            color = "white" if count > counts.max() / 2 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=color)
    return figure


@_styled
def residual_figure(residuals: Mapping[str, Sequence[float]]) -> Figure:
    """Predicted against true, and what is left against predicted; at most a few thousand rows."""
    import numpy as np

    truth, predicted = (np.array(_finite(residuals.get(key) or [])) for key in ("truth", "predicted"))
    figure, (left, right) = _figure(WIDE, 3.6, ncols=2)
    dots = {"color": BLUE, "ms": 3, "alpha": 0.5, "mec": "none", "rasterized": len(truth) > MOST_POINTS}
    left.plot(truth, predicted, "o", **dots)
    known = truth[np.isfinite(truth)]
    if len(known):
        ends = [known.min(), known.max()]
        left.plot(ends, ends, color=ORANGE, lw=1)
    left.set(xlabel="true", ylabel="predicted")
    right.plot(predicted, truth - predicted, "o", **dots)
    right.axhline(0, color=ORANGE, lw=1)
    right.set(xlabel="predicted", ylabel="true - predicted")
    for axes in (left, right):
        axes.locator_params(nbins=5)
        axes.grid(lw=0.6)
    figure.set_dpi(150)
    return figure


@_styled
def calibration_figure(bins: Sequence[Mapping[str, Any]]) -> Figure:
    predicted, observed, rows = (
        _finite(line.get(key) for line in bins) for key in ("predicted", "observed", "rows")
    )
    figure, axes = _figure(HALF, 4.0)
    known = [value for value in (*predicted, *observed) if math.isfinite(value)] or [0.0]
    # Probabilities have their whole range; values of a regression that of the bins.
    ends = (0.0, 1.0) if min(known) >= 0 and max(known) <= 1 else (min(known), max(known))
    axes.plot(ends, ends, color=INK, lw=0.8, ls="--")
    most = max((count for count in rows if count > 0), default=1.0)
    sizes = [20 + 180 * count / most if count > 0 else 20 for count in rows]
    axes.plot(predicted, observed, color=BLUE, lw=1)
    axes.scatter(predicted, observed, s=sizes, color=BLUE, alpha=0.7, lw=0)
    axes.set(xlabel="predicted", ylabel="observed")
    axes.locator_params(nbins=6)
    axes.grid(lw=0.6)
    return figure
