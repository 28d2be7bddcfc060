"""Tells long tails from absurd values in a column of numbers, so that neither ruins a linear model.

The rule, for each side of a column. Let `half` and `far` be the median and the 98th percentile of the
distances of the values above (or below) the column's median: about its 75th and 99th percentile. The fence
lies at the distance far * (2 + far / half). On a logarithmic scale it is as far beyond `far` as `far` is
beyond the median, so that normal, exponential, log-normal and Pareto tails end before it. If hardly any value
is beyond, those values are absurd: they count as the most extreme value before the fence, and mean and
standard deviation are those of the sample without them. Everything before the fence is kept as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import touchdown_model as model
from column_statistics import NumberStatistics

FEWEST_DISTANCES = 10
"""Sampled values on one side of the median from which a fence is drawn."""
FAR_SHARE = 0.98
MOST_ABSURD = 0.005
"""Share of the sampled values that may be absurd. A group that is larger is no mistake."""
FEWEST_ABSURD = 2
"""As many of a small sample may be absurd, however large their share is."""


@dataclass(frozen=True)
class Tails:
    """How a column of numbers is scaled.

    reach: the least and the largest value, in standard deviations from the mean; all others count as these.
    absurd: sentences on absurd values, without the column's name.
    """

    mean: float
    scale: float
    reach: tuple[float, float] = (-model.FAR, model.FAR)
    absurd: tuple[str, ...] = ()


@dataclass(frozen=True)
class EveryValue:
    """What the survey knows of all values of a column: mean, standard deviation and range."""

    mean: float
    scale: float
    low: float
    high: float

    @classmethod
    def of(cls, numbers: NumberStatistics, place: int) -> EveryValue:
        scale = np.sqrt(numbers.squares[place] / max(numbers.known[place], 1))
        found = (numbers.mean[place], scale, numbers.low[place], numbers.high[place])
        return cls(*map(float, found))


def tails_of(every: EveryValue, sampled: np.ndarray, show: Callable[[float], str] = "{:g}".format) -> Tails:
    """The scale of a column. every: of all its values; sampled: some of them, NaN where missing.

    show: writes a value in a note.
    """
    known = np.sort(sampled[~np.isnan(sampled)])
    low, high = fences(known) if len(known) else (-np.inf, np.inf)
    absurd_low, absurd_high = every.low < low, every.high > high
    mean, scale = every.mean, every.scale
    inside = known[(known >= low) & (known <= high)]
    if absurd_low or absurd_high:
        mean, scale = float(inside.mean()), float(inside.std())
    scale = safe_scale(mean, scale)
    ends = (inside[0] if absurd_low else every.low, inside[-1] if absurd_high else every.high)
    below, above = ((end - mean) / scale for end in ends)
    reach = (below if absurd_low else min(below, -model.FAR), above if absurd_high else max(above, model.FAR))
    said = []
    if absurd_low:
        least = show(ends[0])
        said.append(
            f"values below {least} count as {least}, because {show(every.low)} is far from the others"
        )
    if absurd_high:
        most = show(ends[1])
        said.append(f"values above {most} count as {most}, because {show(every.high)} is far from the others")
    return Tails(mean, scale, (float(reach[0]), float(reach[1])), tuple(said))


def safe_scale(mean: float, scale: float) -> float:
    """The scale, or 1 if the values vary by rounding errors only, as the time of day of plain dates does."""
    return scale if scale > 1e-9 * max(abs(mean), 1e-30) else 1.0


def fences(known: np.ndarray) -> tuple[float, float]:
    """The values beyond which a value is absurd. known: of shape (n,), in ascending order, n > 0."""
    middle = known[(len(known) - 1) // 2]
    most = max(FEWEST_ABSURD, int(MOST_ABSURD * len(known)))
    above = known[np.searchsorted(known, middle, side="right") :] - middle
    below = (middle - known[: np.searchsorted(known, middle)])[::-1]
    return float(middle - _fence(below, most)), float(middle + _fence(above, most))


def _fence(distances: np.ndarray, most: int) -> float:
    """The distance beyond which a value is absurd, infinite if there is none. distances: ascending."""
    count = len(distances)
    if count < FEWEST_DISTANCES:
        return np.inf
    half, far = distances[(count - 1) // 2], distances[int(FAR_SHARE * (count - 1))]
    with np.errstate(over="ignore"):
        fence = float(far * (2 + far / half))
    return fence if np.count_nonzero(distances > fence) <= most else np.inf
