"""Makes the features of cached rows, many at a time: exactly those that the deployed model makes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import touchdown_model as model
from schema import Plan
from survey import Survey

TILE_ROWS = 2048
"""Rows whose features are made together, so that they stay in the processor's cache."""
MOST_DAYS = 100_000
"""Days in a column's range up to which the features of all of them are computed beforehand."""


@dataclass(frozen=True)
class Days:
    """A table with the features of every day in a column's range, so that they are computed once.

    features: of shape (days + 1, width), from day `first` on. The last row is that of a missing value.
    """

    features: np.ndarray
    first: int

    @classmethod
    def between(cls, column: model.Column, low: float, high: float) -> Days | None:
        """The table for a range, in days since 2000; None if it is no date or would have too many days."""
        if column.kind != model.DATE or high - low >= MOST_DAYS:
            return None
        first = int(np.floor(low))
        values = np.append(np.arange(first, np.floor(high) + 1), np.nan)
        return cls(written(column, values), first)

    def places(self, moments: np.ndarray) -> np.ndarray | None:
        """The rows of the table for some dates; None if any of them has a time of day."""
        gaps = np.isnan(moments)
        places = np.where(gaps, -1.0, moments - self.first) if gaps.any() else moments - self.first
        found = places.astype(np.int64)
        return found if np.array_equal(found, places) else None


def written(column: model.Column, values: np.ndarray) -> np.ndarray:
    """The features that a linear model gets of a column, of shape (n, width)."""
    features = np.empty((len(values), column.width))
    column.write(values, features)
    return features


@dataclass(frozen=True)
class Ones:
    """For each of the survey's codes of a category, the only feature that is 1 in a row with that code.

    at: its place among all features. ones: 1.0, or 0.0 if there is no such feature, because the category has
    none for missing values, or no levels. OTHER and MISSING are -2 and -1, so they index the last entries.
    """

    at: np.ndarray
    ones: np.ndarray

    @classmethod
    def of(cls, column: model.Column, start: int, lookup: np.ndarray) -> Ones:
        values = np.array([*range(len(column.levels)), model.OTHER, model.MISSING], dtype=np.int32)
        features = written(column, values)
        at = start + (features.argmax(axis=1) if column.width else np.zeros(len(values), dtype=np.int64))
        shared = column.shared(lookup)
        return cls(at[shared], features.any(axis=1).astype(float)[shared])


def is_plain_number(column: model.Column) -> bool:
    """Whether a column is one standardised number, and perhaps whether it is missing."""
    return column.kind in (model.NUMBER, model.BOOLEAN) and not column.unit


class Design:
    """Makes the features of a linear model for cached rows.

    They equal those of Column.write to the last bit. This is faster, because the survey knows which columns
    have gaps, which have values that must be clipped, and which codes and days occur.
    """

    def __init__(self, survey: Survey, plan: Plan) -> None:
        columns, places = plan.schema.columns, plan.places
        self.width = plan.schema.width
        # The schema begins with the numbers, those without gaps first, so that their features are adjacent.
        numbers = [column for column in columns if is_plain_number(column)]
        self._simple = sum(not column.indicator for column in numbers)
        self._gaps = len(numbers) - self._simple
        self._rows = np.array(places[: len(numbers)], dtype=np.int64)
        self._mean = np.array([column.mean[0] for column in numbers])[:, np.newaxis]
        self._scale = np.array([column.scale[0] for column in numbers])[:, np.newaxis]
        ends = np.stack([survey.numbers.low[self._rows], survey.numbers.high[self._rows]], axis=1)
        ends = (ends - self._mean) / self._scale
        reach = np.array([column.reach for column in numbers]).reshape(-1, 2)
        clipped = np.flatnonzero((ends[:, 0] < reach[:, 0]) | (ends[:, 1] > reach[:, 1]))
        self._clipped = [(int(place), *numbers[place].reach) for place in clipped]
        self._others: list[tuple[int, model.Column, slice, Days | None]] = []
        self._ones: list[tuple[int, Ones]] = []
        self._first_one = self.width
        start = sum(column.width for column in numbers)
        for place, column in enumerate(columns[len(numbers) :], start=len(numbers)):
            row, lookup = places[place], plan.lookups[place]
            if lookup is None:
                days = Days.between(column, survey.numbers.low[row], survey.numbers.high[row])
                self._others.append((row, column, slice(start, start + column.width), days))
            else:
                self._first_one = min(self._first_one, start)
                self._ones.append((row, Ones.of(column, start, lookup)))
            start += column.width

    def fill(self, numbers: np.ndarray, codes: np.ndarray, rows: np.ndarray, features: np.ndarray) -> None:
        """Write the features of some rows of a batch.

        numbers, codes: the batch's, of shape (columns, n). rows: indices in ascending order. features: the
        array to fill, C-contiguous, of shape (len(rows), width).
        """
        simple, gaps = self._simple, self._gaps
        for first in range(0, len(rows), TILE_ROWS):
            tile = rows[first : first + TILE_ROWS]
            part = features[first : first + TILE_ROWS]
            # All rows from the tile's first to its last are read: most are needed, so the rest cost little.
            low = int(tile[0])
            near, within = slice(low, int(tile[-1]) + 1), tile - low
            if len(self._rows):
                values = numbers[self._rows, near].take(within, axis=1)
                values -= self._mean
                values /= self._scale
                for place, low, high in self._clipped:
                    np.clip(values[place], low, high, out=values[place])
                part[:, :simple] = values[:simple].T
                if gaps:
                    end = simple + 2 * gaps
                    missing = np.isnan(values[simple:])
                    values[simple:][missing] = 0.0
                    part[:, simple:end:2] = values[simple:].T
                    part[:, simple + 1 : end : 2] = missing.T
            for row, column, width, days in self._others:
                values = numbers[row, near].take(within)
                places = None if days is None else days.places(values)
                if days is None or places is None:
                    column.write(values, part[:, width])
                else:
                    part[:, width] = days.features.take(places, axis=0)
            if self._ones:
                part[:, self._first_one :] = 0.0
                flat, starts = part.reshape(-1), np.arange(len(tile)) * self.width
                for row, ones in self._ones:
                    code = codes[row, near].take(within)
                    flat[starts + ones.at.take(code)] = ones.ones.take(code)
