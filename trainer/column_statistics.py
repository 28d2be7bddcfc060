"""Statistics of the columns of a dataset, block by block: moments and ranges, and how often texts occur."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import dialect_numbers
import numpy as np
import touchdown_model as model
from column_kinds import Form

MOST_LEVELS = 20_000
"""Different texts of one column that are counted separately: those that occur first."""
MOST_ODD_TEXTS = 20
"""Different texts of a column of numbers that are not numbers, and are counted separately."""
FLAWS = ("wrong", "infinite", "gap", "written", "decisive", "contrary")
"""What is counted of a column's cells; see text_codes.MEANING."""
RANGE_UNKNOWN = (np.nan, np.nan)


@dataclass
class Values:
    """A column of numbers, booleans or dates of one block.

    values: float64 of shape (rows,), NaN where a value is missing; known: how many are not. ends: their range
    or RANGE_UNKNOWN. flaws: how many cells have each of FLAWS. dirty: whether any holds text that pandas
    would not read as a number. odd: how often each text occurs that is not of the column's kind. examples:
    numbers that are not written plainly.
    """

    values: np.ndarray
    known: int
    ends: tuple[float, float] = RANGE_UNKNOWN
    flaws: tuple[int, ...] = (0,) * len(FLAWS)
    dirty: bool = False
    odd: dict[str, int] = field(default_factory=dict)
    examples: tuple[str, ...] = ()


@dataclass
class Moments:
    """Statistics of the number columns of one block. Every array has the shape (columns,).

    known: how many values are not missing. squares: the sum of squared deviations from the mean. low, high:
    the range, NaN where a column has no value.
    known must be set before `measure` is called, because few columns have gaps to look for; low and high may
    be set, and are computed where they are NaN.
    """

    known: np.ndarray
    mean: np.ndarray
    squares: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def empty(cls, columns: int) -> Moments:
        known, mean, squares = np.zeros((3, columns))
        return cls(known, mean, squares, *np.full((2, columns), np.nan))

    def measure(self, part: slice, columns: list[np.ndarray]) -> None:
        """Compute the statistics of the columns in `part` from their values, each of shape (rows,)."""
        rows = len(columns[0])
        if not rows:
            return
        low, high = self.low[part], self.high[part]
        values = columns[0][np.newaxis] if len(columns) == 1 else np.stack(columns)
        # Deviations from the block's own mean lose no digits; `joined` combines the blocks.
        mean = values.sum(axis=1) / rows
        around = values - mean[:, np.newaxis]
        squares = np.einsum("ij,ij->i", around, around)
        gaps = self.known[part] < rows  # in these columns, everything computed so far is NaN
        for place in np.flatnonzero(np.isnan(low) & ~gaps):
            low[place], high[place] = columns[place].min(), columns[place].max()
        for place in np.flatnonzero(gaps):
            there = columns[place][~np.isnan(columns[place])]
            if len(there):
                low[place], high[place], mean[place] = there.min(), there.max(), there.mean()
                there -= mean[place]
            else:
                mean[place] = 0.0
            squares[place] = np.einsum("i,i->", there, there)  # not BLAS, whose threads would wait for ours
        self.mean[part], self.squares[part] = mean, squares


class NumberStatistics:
    """Statistics of all number, boolean and date columns. Every array has the shape (columns,)."""

    def __init__(self, forms: list[Form]) -> None:
        count = len(forms)
        self.forms = forms
        self.known = np.zeros(count)
        self.bad = np.zeros(count, dtype=np.int64)
        """How many cells hold something that the column's kind does not allow."""
        self.infinite = np.zeros(count, dtype=np.int64)
        self.gaps = np.zeros(count, dtype=np.int64)
        """How many cells hold a number that stands for a missing value."""
        self.written = np.zeros(count, dtype=np.int64)
        """How many cells hold a number that is not written plainly."""
        self.odd: list[Counter[str]] = [Counter() for _ in forms]
        """How often each text occurs that the column's kind does not allow: those that occur first."""
        self.examples: list[dict[str, str]] = [{} for _ in forms]
        """Numbers that are not written plainly, by their shape."""
        self.decisive, self.contrary = np.zeros((2, count), dtype=np.int64)
        """How many dates fit only the column's order of day and month, and how many only the other."""
        self.dirty = np.zeros(count, dtype=bool)
        """Whether any cell holds text that pandas would not read as a number."""
        self.mean = np.zeros(count)
        self.squares = np.zeros(count)
        self.low = np.full(count, np.inf)
        self.high = np.full(count, -np.inf)
        self.step = np.full(count, np.nan)
        self.steady = np.array([form.kind == model.NUMBER for form in forms])
        """Whether every value so far was the previous one plus the same step, as in a row number."""
        self.last = np.full(count, np.nan)
        self.whole = np.array([form.kind == model.NUMBER for form in forms])
        """Whether every cell so far holds a whole number."""

    def add(self, columns: list[Values], moments: Moments) -> None:
        """Add the columns of a block, with their moments."""
        for place, column in enumerate(columns):
            if column.dirty or any(column.flaws):
                self._add_flaws(place, column)
        values = [column.values for column in columns]
        rows = len(values[0]) if values else 0
        if not rows:
            return
        self.mean, self.squares, self.known = joined(
            (self.known, self.mean, self.squares), (moments.known, moments.mean, moments.squares)
        )
        self.low, self.high = np.fmin(self.low, moments.low), np.fmax(self.high, moments.high)
        self._look_for_row_numbers(values, moments.known < rows)

    def _add_flaws(self, place: int, column: Values) -> None:
        counts = (self.bad, self.infinite, self.gaps, self.written, self.decisive, self.contrary)
        for count, flaw in zip(counts, column.flaws, strict=True):
            count[place] += flaw
        self.dirty[place] |= column.dirty
        odd = self.odd[place]
        for text, often in column.odd.items():
            if text in odd or len(odd) < MOST_ODD_TEXTS:
                odd[text] += often
        for text in column.examples:
            self.examples[place].setdefault(dialect_numbers.shape(text), text)

    def _look_for_row_numbers(self, values: list[np.ndarray], gaps: np.ndarray) -> None:
        """Update `whole` and `steady`, in the columns where they still hold."""
        self.whole &= ~gaps
        for place in np.flatnonzero(self.whole):
            column = values[place]
            if not np.array_equal(column, np.floor(column)):
                self.whole[place] = self.steady[place] = False
                continue
            if self.steady[place]:
                before = column if np.isnan(self.last[place]) else np.append(self.last[place], column)
                steps = np.diff(before)
                if len(steps):
                    if np.isnan(self.step[place]):
                        self.step[place] = steps[0]
                    self.steady[place] = self.step[place] != 0 and bool((steps == self.step[place]).all())
                self.last[place] = column[-1]
        self.steady &= self.whole


CountMeanSquares = tuple[np.ndarray, np.ndarray, np.ndarray]


def joined(one: CountMeanSquares, two: CountMeanSquares) -> CountMeanSquares:
    """Mean, squares and count of two samples together, each given as (count, mean, squares).

    squares: the sum of squared deviations from the mean. Source: Chan, Golub and LeVeque, "Updating Formulae
    and a Pairwise Algorithm for Computing Sample Variances", 1979.
    """
    (n, mean, squares), (m, mean2, squares2) = one, two
    total = n + m
    there = np.maximum(total, 1)
    delta = mean2 - mean
    return mean + delta * m / there, squares + squares2 + delta * delta * n * m / there, total


class Levels:
    """The different texts of one column and how often each occurs, by code: the order of first occurrence."""

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}
        self.counts = np.zeros(0, dtype=np.int64)
        self.missing = 0
        self.beyond = 0
        """How many cells hold a text that is not counted because MOST_LEVELS others occurred before it."""
        self.repeats = 0
        """How many cells hold a text that is a level already or that an earlier cell of the block holds."""

    @property
    def rows(self) -> int:
        return int(self.counts.sum()) + self.missing + self.beyond

    @property
    def known(self) -> int:
        return self.rows - self.missing

    def add(self, codes: np.ndarray, uniques: list[str | None]) -> np.ndarray:
        """Count a block's cells and return them in this column's codes.

        codes: int32 of shape (rows,), each an index into the block's own `uniques`, or -1 where a cell is
        missing. In the result, touchdown_model.MISSING and OTHER stand for missing and uncounted texts.
        """
        before = len(self.codes)
        lookup = np.full(len(uniques) + 1, model.MISSING, dtype=np.int32)
        for place, text in enumerate(uniques):
            if text is None:
                continue
            code = self.codes.get(text, model.OTHER)
            if code == model.OTHER and len(self.codes) < MOST_LEVELS:
                code = self.codes[text] = len(self.codes)
            lookup[place] = code
        cells = np.bincount(codes + 1, minlength=len(uniques) + 1)
        cells, lacking = cells[1:], int(cells[0])
        places = lookup[:-1]
        counted = np.bincount(places[places >= 0], cells[places >= 0], len(self.codes)).astype(np.int64)
        self.counts = np.concatenate([self.counts, np.zeros(len(self.codes) - before, dtype=np.int64)])
        self.repeats += int(counted[:before].sum()) + int(np.maximum(counted[before:] - 1, 0).sum())
        self.counts += counted
        self.missing += lacking + int(cells[places == model.MISSING].sum())
        beyond = cells[places == model.OTHER]
        self.beyond += int(beyond.sum())
        self.repeats += int(np.maximum(beyond - 1, 0).sum())
        found: np.ndarray = lookup.take(codes)
        return found
