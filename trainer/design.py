"""The features of cached rows, made many at a time: the same ones as the deployed model makes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import touchdown_model as model
from schema import Plan
from survey import Survey

TILE_ROWS = 2048
MOST_DAYS = 100_000
"""Different days of a column up to which the features of each are made once."""


@dataclass(frozen=True)
class Table:
    """The features of each value that a column can have, so that none is computed twice.

    features: of shape (values + 2, width) for a category, of the levels, then OTHER and MISSING, which find
    themselves there as -2 and -1; of shape (days + 1, width) for dates, from day `first` on, then MISSING.
    """

    features: np.ndarray
    first: int = 0

    @classmethod
    def of_levels(cls, column: model.Column) -> Table:
        values = np.array([*range(len(column.levels)), model.OTHER, model.MISSING], dtype=np.int32)
        return cls(written(column, values))

    @classmethod
    def of_days(cls, column: model.Column, low: float, high: float) -> Table | None:
        """low, high: the column's first and last moment. None where there are too many days between them."""
        if high - low >= MOST_DAYS:
            return None
        first = int(np.floor(low))
        values = np.append(np.arange(first, np.floor(high) + 1), np.nan)
        return cls(written(column, values), first)

    def days(self, moments: np.ndarray) -> np.ndarray | None:
        """The rows of the table for dates without a time of day; None where any has one."""
        gaps = np.isnan(moments)
        places = np.where(gaps, -1.0, moments - self.first) if gaps.any() else moments - self.first
        found = places.astype(np.int64)
        return found if np.array_equal(found, places) else None


def written(column: model.Column, values: np.ndarray) -> np.ndarray:
    """The features of shape (n, width) that a linear model gets of a column."""
    features = np.empty((len(values), column.width))
    column.write(values, features)
    return features


class Design:
    """Makes the features of a linear model for cached rows."""

    def __init__(self, survey: Survey, plan: Plan) -> None:
        self._plan = plan
        columns, places = plan.schema.columns, plan.places
        self.width = plan.schema.width
        # The schema begins with them, those without gaps first, so their features lie side by side.
        numbers = [column for column in columns if column.kind in (model.NUMBER, model.BOOLEAN)]
        self._simple = sum(not column.indicator for column in numbers)
        self._gaps = len(numbers) - self._simple
        self._rows = np.array(places[: len(numbers)], dtype=np.int64)
        self._mean = np.array([column.mean[0] for column in numbers])[:, np.newaxis]
        self._scale = np.array([column.scale[0] for column in numbers])[:, np.newaxis]
        self._others: list[tuple[int, slice, Table | None]] = []
        start = sum(column.width for column in numbers)
        for place, column in enumerate(columns[len(numbers) :], start=len(numbers)):
            if column.kind == model.CATEGORY:
                table: Table | None = Table.of_levels(column)
            else:
                row = places[place]
                table = Table.of_days(column, survey.numbers.low[row], survey.numbers.high[row])
            self._others.append((place, slice(start, start + column.width), table))
            start += column.width

    def fill(self, numbers: np.ndarray, codes: np.ndarray, rows: np.ndarray, features: np.ndarray) -> None:
        """Write some rows of a batch, given as (columns, n) each, to features of shape (len(rows), width).

        A tile at a time: columns become rows here, and what is written stays in the processor's cache.
        """
        plan, simple, gaps = self._plan, self._simple, self._gaps
        for first in range(0, len(rows), TILE_ROWS):
            tile = rows[first : first + TILE_ROWS]
            part = features[first : first + TILE_ROWS]
            # Rows that lie together are cut out whole; most of them are needed, so the others cost little.
            low = int(tile[0])
            near, within = slice(low, int(tile[-1]) + 1), tile - low
            if len(self._rows):
                values = numbers[self._rows, near].take(within, axis=1)
                found = model.standardised(values, self._mean, self._scale)
                part[:, :simple] = found[:simple].T
                if gaps:
                    end = simple + 2 * gaps
                    part[:, simple:end:2] = found[simple:].T
                    part[:, simple + 1 : end : 2] = np.isnan(values[simple:]).T
            for place, width, table in self._others:
                column, lookup = plan.schema.columns[place], plan.lookups[place]
                if lookup is None:
                    values = numbers[plan.places[place], near].take(within)
                    found = None if table is None else table.days(values)
                else:
                    values = found = lookup.take(codes[plan.places[place], near].take(within))
                if table is None or found is None:
                    column.write(values, part[:, width])
                else:
                    part[:, width] = table.features.take(found, axis=0)
