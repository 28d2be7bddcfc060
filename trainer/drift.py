"""Measures how far a column's values have moved from those that an earlier model was trained on.

The measure is the Population Stability Index, by which credit scoring monitors its populations: the sum, over
bins of the earlier values, of (p - q) ln(p / q), where p and q are the shares of rows in a bin then and now.
It is 0 for equal shares and has no upper bound. As a rule of thumb, little has changed below 0.1, and a lot
has above 0.2 or 0.25 (authors differ). The rule does not take the number of rows into account: if nothing has
changed, the index is distributed as (1/n + 1/m) times chi-square with (bins - 1) degrees of freedom, so two
samples of 100 rows exceed 0.2 by chance alone in a third of all cases. `chance_limit` says how far chance
goes.

Source of the rule's limits and of the distribution: B. Yurdakul and J. Naranjo, "Statistical properties of
the population stability index", Journal of Risk Model Validation, 2020, doi:10.21314/JRMV.2020.227.

Imports only numpy. What `bins` returns is small JSON, for the profile that is saved beside the model.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

FLAGGED = 0.2
"""The index above which a column is flagged."""
MAX_BINS = 10
MIN_ROWS_PER_BIN = 5
MAX_LEVELS = 20
"""Categories that have a bin of their own."""
MAX_LEVEL = 200
"""Characters of a category."""
OF_NUMBERS = ("number", "date", "boolean")
"""Kinds of columns whose bins lie between numbers."""
LARGEST = float(np.finfo(np.float64).max)
SOURCE = (
    "Yurdakul and Naranjo, Statistical properties of the population stability index, "
    "Journal of Risk Model Validation, 2020"
)

Numbers = NDArray[np.float64]
Values = NDArray[Any] | Sequence[Any] | Mapping[str | None, int]


def bins(kind: str, values: Values) -> dict[str, Any]:
    """Divide a column into bins, and compute the share of its rows that each bin holds.

    kind: "number", "date" or "boolean" if the values are floats of shape (n_rows,), NaN where one is missing;
    "category" if they are texts, None where one is missing, or the number of rows by text. An empty text
    stands for all texts that were not counted separately. Infinities belong to the outermost bins.

    Returns {"kind", "rows", "shares": [...]} and what defines the bins: for numbers "cuts", ascending, where
    a value belongs to the bin whose index is the number of cuts at or below it; for categories "levels", the
    most frequent ones, whose shares come before that of all other levels. The last share is that of missing
    values.

    Raises ValueError for any other kind.
    """
    if kind == "category":
        counts = _levels(values)
        missing, merged = counts.pop(None, 0), counts.pop("", 0)
        # Ties are broken by name, so that the same rows give the same bins in any order.
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))[:MAX_LEVELS]
        described: dict[str, Any] = {"kind": kind, "levels": [level for level, _ in ranked]}
        kept = [count for _, count in ranked]
        tally = [*kept, merged + counts.total() - sum(kept), missing]
        rows = sum(tally)
        shares = [count / rows if rows else 0.0 for count in tally]
    elif kind in OF_NUMBERS:
        numbers = _numbers(values)
        cuts = _cuts(numbers)
        described = {"kind": kind, "cuts": cuts.tolist()}
        rows = len(numbers)
        shares = _shares_of_numbers(cuts, numbers).tolist()
    else:
        raise ValueError(f'kind is "{kind}"; drift is measured of number, date, boolean and category')
    return described | {"rows": rows, "shares": shares}


def is_sound(bins: Any) -> bool:
    """Whether `bins`, which somebody else may have written, are as the function of that name returns them."""
    if not isinstance(bins, dict) or bins.get("kind") not in (*OF_NUMBERS, "category"):
        return False
    shares, rows = bins.get("shares"), bins.get("rows")
    edges = bins.get("levels" if bins["kind"] == "category" else "cuts")
    if not isinstance(shares, list) or not isinstance(edges, list) or len(shares) != len(edges) + 2:
        return False
    of_texts = bins["kind"] == "category"
    return (
        isinstance(rows, int)
        and 0 <= rows < 2**53
        and all(isinstance(each, int | float) and 0 <= each <= 1 for each in shares)
        and all(
            isinstance(each, str) if of_texts else isinstance(each, int | float) and abs(each) <= LARGEST
            for each in edges
        )
    )


def psi(bins: dict[str, Any], values: Values) -> float:
    """The index of these values against the bins of earlier ones: finite, at least 0, and 0 for equal shares.

    Any share below half a row of the smaller sample counts as half a row: an empty bin would make the index
    infinite, and that sample cannot resolve anything smaller. Without any rows, the index is 0.
    """
    shares, rows = _shares(bins, values)
    smaller = min(rows, int(bins["rows"]))
    if smaller == 0:
        return 0.0
    then = np.maximum(np.asarray(bins["shares"], float), 0.5 / smaller)
    now = np.maximum(shares, 0.5 / smaller)
    return float(np.sum((now - then) * np.log(now / then)))


def chance_limit(bins: dict[str, Any], rows: int) -> float:
    """The value that the index of that many rows stays below, 95 times in 100, if nothing has changed.

    It is the distribution's quantile by Wilson and Hilferty's cube root, which is within 2 % for two or more
    degrees of freedom. It is infinite without any rows.
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
    """Compare one column: {"name", "psi", "flagged", "why"}. "why" says if chance alone may explain it."""
    index = psi(bins, values)
    rows = sum(values.values()) if isinstance(values, Mapping) else len(values)
    chance = chance_limit(bins, rows)
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
    """The number of rows by level. Long levels are cut; whatever is not a text counts as missing."""
    counts: Counter[str | None] = Counter()
    for value, rows in Counter(values.tolist() if isinstance(values, np.ndarray) else values).items():
        counts[value[:MAX_LEVEL] if isinstance(value, str) else None] += rows
    return counts


def _cuts(numbers: Numbers) -> Numbers:
    """Deciles, or fewer quantiles of few rows, each of which is a value of the column.

    A value that many rows share (an amount of 0, the only value of a constant column) gets a bin of its own
    between two cuts. Otherwise, values that move away from it could stay in its bin.
    """
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return np.empty(0)
    distinct, counts = np.unique(finite, return_counts=True)
    wanted = int(min(MAX_BINS, max(2, len(finite) // MIN_ROWS_PER_BIN)))
    quantiles = np.quantile(finite, np.arange(1, wanted) / wanted, method="inverted_cdf")
    shared = distinct[counts > len(finite) / wanted]
    with np.errstate(over="ignore"):  # the largest float has no float above it, and needs no cut there
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
