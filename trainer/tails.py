"""Tells long tails from absurd values in a column of numbers, so that neither ruins a linear model.

The rule, for each side of a column. Let `half` and `far` be the median and the 98th percentile of the
distances of the values above (or below) the column's median: about its 75th and 99th percentile. The fence
lies at the distance far * (2 + far / half). On a logarithmic scale it is as far beyond `far` as `far` is
beyond the median, so that normal, exponential, log-normal and Pareto tails end before it. If hardly any value
is beyond, those values are absurd: they count as the most extreme value before the fence, and mean and
standard deviation are those of the sample without them. Everything before the fence is kept as it is.

A right tail is long if far is more than LONG times half (normal: 3.5, exponential: 5.6, log-normal: 9.6). If
no value is negative, a linear model then gets the logarithm of such a column as a second feature. On 42
tables of pydataset, this changed the error of ridge regression by a factor from 0.69 to 1.03; the logarithm
in place of the values, from 0.72 to 3.1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from number_features import FAR, logarithms

if TYPE_CHECKING:
    from column_statistics import NumberStatistics

FEWEST_DISTANCES = 10
"""Sampled values on one side of the median from which a fence is drawn."""
FAR_SHARE = 0.98
MOST_ABSURD = 0.005
"""Share of the sampled values that may be absurd. A group that is larger is no mistake."""
FEWEST_ABSURD = 2
"""As many of a small sample may be absurd, however large their share is."""
LONG = 5.0
"""How many times as far as its half the 98th percentile of distances lies in a long tail."""
LOW_SHARE = 0.1
"""The share of the values above 0 below which the unit of a logarithm lies."""
LEAST_UNIT = 1e-100
"""A smaller unit would let the quotient of the largest value overflow."""


@dataclass(frozen=True)
class Logarithm:
    """How the logarithms of a column are made and scaled: see number_features.logarithms."""

    unit: float
    mean: float
    scale: float


@dataclass(frozen=True)
class Tails:
    """How a column of numbers is scaled.

    reach: the least and the largest value, in standard deviations from the mean; all others count as these.
    absurd: sentences on absurd values, without the column's name. logarithm: if the right tail is long.
    """

    mean: float
    scale: float
    reach: tuple[float, float] = (-FAR, FAR)
    absurd: tuple[str, ...] = ()
    logarithm: Logarithm | None = None


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
    reach = (below if absurd_low else min(below, -FAR), above if absurd_high else max(above, FAR))
    said = []
    if absurd_low:
        least = show(ends[0])
        said.append(
            f"values below {least} count as {least}, because {show(every.low)} is far from the others"
        )
    if absurd_high:
        most = show(ends[1])
        said.append(f"values above {most} count as {most}, because {show(every.high)} is far from the others")
    logarithm = logarithm_of(inside) if len(inside) and ends[0] >= 0 else None
    return Tails(mean, scale, (float(reach[0]), float(reach[1])), tuple(said), logarithm)


def logarithm_of(known: np.ndarray) -> Logarithm | None:
    """The logarithm of a column with a long right tail, None if it has none. known: as `fences` takes it."""
    middle = known[(len(known) - 1) // 2]
    above = known[np.searchsorted(known, middle, side="right") :] - middle
    if len(above) < FEWEST_DISTANCES:
        return None
    half, far = half_and_far(above)
    unit = unit_of(known[known > 0])
    if far <= LONG * half or unit < LEAST_UNIT:
        return None
    found = logarithms(known, unit)
    mean = float(found.mean())
    return Logarithm(unit, mean, safe_scale(mean, float(found.std())))


def unit_of(positive: np.ndarray) -> float:
    """The unit u of log(1 + value / u): low, so that only the lowest values stay about proportional.

    positive: ascending, of shape (n,), n > 0.
    """
    return float(positive[int(LOW_SHARE * len(positive))])


def half_and_far(distances: np.ndarray) -> tuple[float, float]:
    """Their median and their 98th percentile. distances: ascending, at least one."""
    count = len(distances)
    return float(distances[(count - 1) // 2]), float(distances[int(FAR_SHARE * (count - 1))])


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
    if len(distances) < FEWEST_DISTANCES:
        return np.inf
    half, far = half_and_far(distances)
    fence = far * (2 + far / half)
    return fence if np.count_nonzero(distances > fence) <= most else np.inf
