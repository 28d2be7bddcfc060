"""The figures of a run's report, as SVG images that lie inside the page.

matplotlib draws the large figures. The small histograms of the columns are written by hand: matplotlib would
take longer for two hundred of them than the training takes. A name from the dataset is never parsed as
mathematics, and numbers that are not finite, or huge, leave a gap.

matplotlib is imported where it is used, since its import is slow.
"""

from __future__ import annotations

import base64
import io
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any

from text import shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_POINTS = 400
"""Points of a learning curve; a plot is not wide enough for more."""
MAX_ANNOTATED_CLASSES = 25
"""Classes of a confusion matrix that has names and counts."""
UNNAMED_SIDE = 6.0
"""Inches of the sides of a confusion matrix without names: a larger one shows no more, and takes longer."""
MAX_LABEL = 24
"""Characters of a name in a figure."""
LARGEST = 1e150
"""The largest number that is drawn: matplotlib squares some of them."""
FULL_WIDTH, HALF_WIDTH = 10.4, 5.0
"""Inches of a figure that takes the whole width of the page, and of one that shares it with another."""

# GitHub Primer's palette. In the images, INK and GRID become variables that follow the reader's scheme.
INK, GRID, BLUE, ORANGE, GREEN, RED = "#57606a", "#d8dee4", "#0969da", "#bc4c00", "#1a7f37", "#cf222e"
SCHEME = (
    f"<style>:root{{--ink:{INK};--grid:{GRID}}}"
    "@media screen and (prefers-color-scheme:dark){:root{--ink:#9aa4af;--grid:#30363d}}</style>"
)

STYLE: Any = {
    "text.parse_math": False,  # a column named "$x$" is not a formula, and "$\\" not an error
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


# --- Images -------------------------------------------------------------------------------------------------


def image(figure: Figure) -> str:
    """A figure as the data URI of an SVG image that follows the reader's light or dark scheme.

    Its letters stay text, which is smaller than their outlines and shows every script that the reader's fonts
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


def data_uri(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode("ascii")


def small_bars(counts: Sequence[float], *, joined: bool) -> str:
    """The histogram of one column as the data URI of an image of 120 by 32 pixels.

    joined: whether the bars stand on one axis and touch; False for those of categories.
    """
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


# --- Parts that figures share -------------------------------------------------------------------------------


def _styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    @wraps(draw)
    def draw_in_style(*arguments: Any, **keywords: Any) -> Figure:
        from matplotlib import rc_context

        with rc_context(STYLE):
            return draw(*arguments, **keywords)

    return draw_in_style


def _subplots(
    width: float, height: float, left: float = 0.6, bottom: float = 0.5, top: float = 0.15, **grid: Any
) -> tuple[Figure, Any]:
    """A figure with fixed margins, all in inches: fitting the margins to the contents draws it twice."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    figure.subplots_adjust(
        left=left / width, right=1 - 0.2 / width, bottom=bottom / height, top=1 - top / height, wspace=0.3
    )
    return figure, figure.subplots(**grid)


def _text_width(text: str) -> float:
    """Inches of a text of 9 points; an East Asian character is as wide as two others."""
    return 0.078 * sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def drawable(values: Iterable[Any]) -> list[float]:
    """The numbers that can be drawn, and NaN, which leaves a gap, in place of everything else."""
    return [
        float(value) if isinstance(value, int | float) and abs(value) < LARGEST else math.nan
        for value in values
    ]


# --- Figures ------------------------------------------------------------------------------------------------


@_styled
def interval_figure(interval: Sequence[float], deficit: float, tolerance: float, unit: str) -> Figure:
    """The interval of a challenger's deficit, beside the tolerance. unit: what the deficit is measured in."""
    low, high = interval
    figure, axes = _subplots(FULL_WIDTH, 1.2, left=0.2, bottom=0.5)
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
def bar_figure(
    bars: Sequence[tuple[str, float]], xlabel: str, *, color: str, deviations: Sequence[float] | None = None
) -> Figure:
    """Horizontal bars, the first on top. deviations: half the lengths of their error bars."""
    names = [text if text.strip() else f'"{text}"' for text, _ in bars]
    left = 0.25 + max(_text_width(text) for text in names)
    figure, axes = _subplots(FULL_WIDTH, 0.75 + 0.24 * len(bars), left=left)
    lengths = drawable(length for _, length in bars)
    error_bars = {"xerr": deviations, "error_kw": {"ecolor": INK, "elinewidth": 1}} if deviations else {}
    axes.barh(range(len(bars)), lengths, color=color, height=0.7, alpha=0.85, **error_bars)
    axes.set_yticks(range(len(bars)), names, parse_math=False)
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(xlabel)
    axes.locator_params(axis="x", nbins=8)
    axes.grid(axis="x", lw=0.6)
    return figure


@_styled
def histogram_figure(histogram: Mapping[str, Any]) -> Figure:
    figure, axes = _subplots(FULL_WIDTH, 2.4)
    counts = drawable(histogram["counts"])
    edges = drawable(histogram.get("edges") or range(len(counts) + 1))
    if len(edges) == len(counts) + 1 and not any(map(math.isnan, edges)):
        axes.stairs(counts, edges, fill=True, color=BLUE, alpha=0.85)
    else:
        axes.stairs(counts, fill=True, color=BLUE, alpha=0.85)
    axes.set_ylabel("rows")
    axes.grid(axis="y", lw=0.6)
    return figure


@_styled
def learning_figure(learning: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Loss, and accuracy if it was measured, of each algorithm that was trained."""
    measures = [
        measure
        for measure in ("loss", "accuracy")
        if any(point.get(measure) is not None for points in learning.values() for point in points)
    ] or ["loss"]
    width = FULL_WIDTH if len(measures) > 1 else HALF_WIDTH
    figure, grid = _subplots(width, 2.9 if width == FULL_WIDTH else 4.0, ncols=len(measures), squeeze=False)
    for axes, measure in zip(grid[0], measures, strict=True):
        for (algorithm, points), color in zip(learning.items(), (BLUE, ORANGE, GREEN), strict=False):
            _draw_curve(axes, points, measure, color=color, label=shorten(algorithm, MAX_LABEL))
        axes.set(xlabel="step" if "boosting" in learning else "epoch", ylabel=measure)
        if max(map(len, learning.values())) == 1:  # a single point spans no width to put ticks on
            axes.set_xticks([1])
        else:
            axes.locator_params(axis="x", nbins=6, integer=True)
        axes.grid(lw=0.6)
    if len(learning) > 1:
        grid[0][0].legend()
    return figure


def _draw_curve(
    axes: Any, points: Sequence[Mapping[str, Any]], measure: str, *, color: str, label: str
) -> None:
    every = max(1, math.ceil(len(points) / MAX_POINTS))
    drawn = [*points[:-1:every], points[-1]]
    epochs = [point.get("epoch", place) for place, point in enumerate(drawn, 1)]
    values = drawable(point.get(measure) for point in drawn)
    marker = "o" if len(drawn) < 30 else ""
    axes.plot(epochs, values, color=color, marker=marker, ms=3, lw=1.5, label=label)


@_styled
def confusion_figure(confusion: Any, classes: Sequence[str]) -> Figure:
    """A confusion matrix. confusion: counts of shape (n_classes, n_classes), rows true and columns predicted.

    It is drawn on a bare Figure: pyplot would bring windows, a global state and an import time of its own.
    """
    import numpy as np

    counts = np.asarray(confusion)
    names = [shorten(text, MAX_LABEL) for text in classes] if len(counts) <= MAX_ANNOTATED_CLASSES else []
    longest = max(map(_text_width, names or ["999"]))
    side = 2.2 + 0.35 * len(counts) if names else UNNAMED_SIDE
    left, bottom, top = 0.5 + longest, 0.6 + longest * math.sin(math.pi / 4), 0.4
    figure, axes = _subplots(left + side + 0.2, bottom + side + top, left=left, bottom=bottom, top=top)
    axes.imshow(counts, cmap="Blues")
    axes.set(xlabel="predicted", ylabel="true", title="Hold-out rows")
    if names:
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right", parse_math=False)
        axes.set_yticks(range(len(names)), names, parse_math=False)
        for (row, column), count in np.ndenumerate(counts):
            color = "white" if count > (counts.min() + counts.max()) / 2 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=color)
    return figure


@_styled
def residual_figure(residuals: Mapping[str, Sequence[float]]) -> Figure:
    """Predicted against true values, and residuals against predicted ones, of at most a few thousand rows."""
    import numpy as np

    truth, predicted = (np.array(drawable(residuals.get(key) or [])) for key in ("truth", "predicted"))
    figure, (left, right) = _subplots(FULL_WIDTH, 3.6, ncols=2)
    dots = {"color": BLUE, "ms": 3, "alpha": 0.5, "mec": "none", "rasterized": len(truth) > MAX_POINTS}
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
    """Observed shares against predicted probabilities; the size of a dot follows the rows in its bin."""
    predicted, observed, rows = (
        drawable(line.get(key) for line in bins) for key in ("predicted", "observed", "rows")
    )
    figure, axes = _subplots(HALF_WIDTH, 4.0)
    known = [value for value in (*predicted, *observed) if math.isfinite(value)] or [0.0]
    # Probabilities get their whole range, other values that of the bins.
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
