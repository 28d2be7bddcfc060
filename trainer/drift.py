"""How far a column's values have moved from those that an earlier model was trained on.

The measure is the Population Stability Index, which credit scoring watches its populations with: over the
bins of the earlier values, the sum of (p - q) ln(p / q), where p and q are the shares of rows in a bin then
and now. It is 0 for equal shares and grows without bound. Rule of thumb: below 0.1 little has changed,
above 0.2 or 0.25 (writers differ) a lot has. That rule knows nothing of the number of rows: with nothing
changed, the index is distributed as (1/n + 1/m) times chi-square with (bins - 1) degrees of freedom, so two
samples of 100 rows exceed 0.2 by chance alone in a third of all cases. `noise` says how far chance goes.

Source of the rule's limits and of the distribution: B. Yurdakul and J. Naranjo, "Statistical properties of
the population stability index", Journal of Risk Model Validation, 2020, doi:10.21314/JRMV.2020.227.

Only numpy. What `bins` answers is small and goes through JSON, into the profile beside the model.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

FLAGGED = 0.2
MOST_BINS = 10
FEWEST_ROWS_PER_BIN = 5
MOST_LEVELS = 20
LONGEST_LEVEL = 200
SOURCE = (
    "Yurdakul and Naranjo, Statistical properties of the population stability index, "
    "Journal of Risk Model Validation, 2020"
)

Numbers = NDArray[np.float64]
Values = NDArray[Any] | Sequence[Any] | Mapping[str | None, int]


def bins(kind: str, values: Values) -> dict[str, Any]:
    """Divide a column into bins, and say which share of its rows each of them holds.

    kind: "number", "date" or "boolean" for values of shape (n_rows,) that are floats, NaN where one is
    missing; "category" for texts, None where one is missing, or for how many rows each text has. An empty
    text stands for those that are not told apart. Infinities belong to the outermost bins.

    Returns {"kind", "rows", "shares": [...]} and what tells the bins apart: for numbers "cuts", ascending, a
    value belonging to the bin of as many cuts as are not above it; for categories "levels", the most frequent
    ones, before the share of all other levels. The last share is that of the missing values.

    Raises ValueError for another kind.
    """
    if kind == "category":
        counts = _levels(values)
        missing, untold = counts.pop(None, 0), counts.pop("", 0)
        # Ties by name, so that the same rows give the same bins in any order.
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))[:MOST_LEVELS]
        described: dict[str, Any] = {"kind": kind, "levels": [level for level, _ in ranked]}
        kept = [count for _, count in ranked]
        tally = [*kept, untold + counts.total() - sum(kept), missing]
        rows = sum(tally)
        shares = [count / rows if rows else 0.0 for count in tally]
    elif kind in ("number", "date", "boolean"):
        numbers = _numbers(values)
        cuts = _cuts(numbers)
        described = {"kind": kind, "cuts": cuts.tolist()}
        rows = len(numbers)
        shares = _shares_of_numbers(cuts, numbers).tolist()
    else:
        raise ValueError(f'kind is "{kind}"; drift is measured of number, date, boolean and category')
    return described | {"rows": rows, "shares": shares}


def psi(bins: dict[str, Any], values: Values) -> float:
    """The index of these values against the bins of earlier ones: at least 0, 0 for equal shares, finite.

    A share below half a row of the smaller of the two samples counts as half a row, then and now: an empty
    bin would make the index infinite, and nothing smaller can be told apart there. Without any rows it is 0.
    """
    shares, rows = _shares(bins, values)
    smaller = min(rows, int(bins["rows"]))
    if smaller == 0:
        return 0.0
    then = np.maximum(np.asarray(bins["shares"], float), 0.5 / smaller)
    now = np.maximum(shares, 0.5 / smaller)
    return float(np.sum((now - then) * np.log(now / then)))


def noise(bins: dict[str, Any], rows: int) -> float:
    """What the index of that many rows stays below, 95 times in 100, when nothing has changed.

    The distribution's quantile by Wilson and Hilferty's cube root, within 2 % for two degrees of freedom and
    more. Infinite without any rows.
    """
    then = int(bins["rows"])
    freedom = sum(share > 0 for share in bins["shares"]) - 1
    if not then or not rows:
        return math.inf
    if freedom < 1:
        return 0.0
    spread = 2 / (9 * freedom)
    quantile = freedom * (1 - spread + 1.645 * math.sqrt(spread)) ** 3
    return float((1 / then + 1 / rows) * quantile)


def compare(name: str, bins: dict[str, Any], values: Values) -> dict[str, Any]:
    """One column's line of the report: {"name", "psi", "flagged", "why"}; "why" is "" where all is said."""
    index = psi(bins, values)
    rows = sum(values.values()) if isinstance(values, Mapping) else len(values)
    chance = noise(bins, rows)
    why = ""
    if index > FLAGGED and index <= chance:
        why = (
            f"{rows} rows against {bins['rows']} are few: chance alone goes up to {chance:.2g}"
            if math.isfinite(chance)
            else "there are no rows to compare"
        )
    return {"name": name, "psi": index, "flagged": index > FLAGGED, "why": why}


def _numbers(values: Values) -> Numbers:
    return np.asarray(values, dtype=np.float64)


def _levels(values: Values) -> Counter[str | None]:
    """How often each level comes: texts, cut to what a profile can hold; whatever is no text is missing."""
    counts: Counter[str | None] = Counter()
    for value, rows in Counter(values.tolist() if isinstance(values, np.ndarray) else values).items():
        counts[value[:LONGEST_LEVEL] if isinstance(value, str) else None] += rows
    return counts


def _cuts(numbers: Numbers) -> Numbers:
    """Deciles, fewer of few rows, that are values of the column themselves.

    A value that many rows share (0 of an amount, the only value of a constant column) gets a bin of its own
    between two cuts, or what moves away from it would stay in its bin.
    """
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return np.empty(0)
    distinct, counts = np.unique(finite, return_counts=True)
    wanted = int(min(MOST_BINS, max(2, len(finite) // FEWEST_ROWS_PER_BIN)))
    quantiles = np.quantile(finite, np.arange(1, wanted) / wanted, method="inverted_cdf")
    shared = distinct[counts > len(finite) / wanted]
    with np.errstate(over="ignore"):  # above the largest float there is nothing to cut off
        above = np.nextafter(shared, np.inf)
    cuts = np.unique(np.concatenate([quantiles, shared, above]))
    return cast(Numbers, cuts[np.isfinite(cuts)])


def _shares(bins: dict[str, Any], values: Values) -> tuple[Numbers, int]:
    if bins["kind"] == "category":
        counts = _levels(values)
        rows = counts.total()
        missing = counts.pop(None, 0)
        known = [counts.pop(level, 0) for level in bins["levels"]]
        return np.array([*known, counts.total(), missing]) / max(rows, 1), rows
    numbers = _numbers(values)
    return _shares_of_numbers(np.asarray(bins["cuts"], float), numbers), len(numbers)


def _shares_of_numbers(cuts: Numbers, numbers: Numbers) -> Numbers:
    missing = np.isnan(numbers)
    places = np.where(missing, len(cuts) + 1, np.searchsorted(cuts, numbers, side="right"))
    return np.bincount(places, minlength=len(cuts) + 2) / max(len(numbers), 1)
