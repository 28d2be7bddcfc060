"""The deployed model: it predicts the label from the raw columns of a CSV, as they were uploaded.

This file is packaged inside the MLflow model (in its folder `code`), with the others that saving.PACKAGED
names. They import only what the model's requirements pin: NumPy, pandas and scikit-learn. The trainer parses
every cell with these functions too, so that a deployed model gets the same values as in training.

A column takes two forms:

    raw cells   ->  values: float64, NaN where missing (numbers, booleans, dates as days since 2000-01-01,
                    times of day as parts of a day),
                    or int32 codes of a category's levels (OTHER: not a level; MISSING: no value)
    values      ->  features: one or more columns of float64; for a linear model, none of them is NaN
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import dialect_numbers
import numpy as np
import pandas as pd
from date_features import TREE_DATE_PARTS, date_parts, time_parts, tree_date_parts
from date_formats import TIME
from date_reading import days as days
from dialect_numbers import PLAIN, Notation
from lean_imports import defer_statistics
from number_features import FAR as FAR
from number_features import logarithms
from number_features import standardised as standardised

defer_statistics()

from sklearn.base import BaseEstimator  # noqa: E402 - it would import all of scipy.stats

NUMBER, BOOLEAN, DATE, CATEGORY = "number", "boolean", "date", "category"
MISSING, OTHER = -1, -2
"""Codes of a category's cell that has no value, and of one whose value is not a level."""
FEW_CELLS = 100
"""Cells that are read one by one: for each of ten thousand columns, a pandas series would take longer."""
TILE_CELLS, LEAST_TILE_ROWS = 125_000, 500
"""Features of trees that are predicted together, which a core's cache holds; and rows, at least."""
LARGEST = 1e100
"""Larger numbers count as missing, as infinities do, so that no square of one overflows."""
TRUE = frozenset({"true", "yes", "y", "t", "on"})
FALSE = frozenset({"false", "no", "n", "f", "off"})
MISSING_TEXTS = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>"}
) | {"N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"}


# --- Cells to values ---------------------------------------------------------------------------------


def numbers(cells: Any, notation: Notation = PLAIN) -> np.ndarray:
    """Cells as float64 of shape (n,).

    Missing and non-numeric cells, infinities, values beyond LARGEST and numbers that stand for a missing
    value are NaN.
    """
    if isinstance(cells, list) and len(cells) <= FEW_CELLS:
        return _without_absurd(
            np.array([_number(cell, notation) for cell in cells], dtype=np.float64), notation
        )
    series = pd.Series(cells)
    if pd.api.types.is_numeric_dtype(series.dtype):
        found: np.ndarray = series.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    else:
        codes, different = pd.factorize(series.astype(object))
        values = [_number(cell, notation) for cell in different]
        found = np.array([*values, np.nan]).take(codes)  # the code of a missing cell is -1
    return _without_absurd(found, notation)


def _without_absurd(found: np.ndarray, notation: Notation) -> np.ndarray:
    """Numbers, with NaN in the place of those that stand for a missing value."""
    with np.errstate(invalid="ignore"):
        found[~(np.abs(found) < LARGEST)] = np.nan
    for gap in notation.gaps:
        found[found == gap] = np.nan
    return found


def _number(cell: Any, notation: Notation) -> float:
    if not isinstance(cell, str):
        return float(cell) if isinstance(cell, (int, float, np.number)) else np.nan
    value = dialect_numbers.number(cell, notation)
    return np.nan if value is None else value


def booleans(cells: Any) -> np.ndarray:
    """Words for yes and no as 1.0 and 0.0, of shape (n,); NaN for every other cell."""

    def meaning(cell: Any) -> float:
        word = str(cell).strip().lower()
        return 1.0 if word in TRUE else 0.0 if word in FALSE else np.nan

    meanings = pd.Series(cells).astype(object).map(meaning)
    found: np.ndarray = meanings.to_numpy(dtype=np.float64, na_value=np.nan)
    return found


def texts(cells: Any) -> list[str | None]:
    """Cells as texts without surrounding spaces; None where pandas would read a missing value."""
    found: list[str | None] = []
    for cell in cells if isinstance(cells, list) else pd.Series(cells).astype(object):
        text = cell.strip() if isinstance(cell, str) else "" if pd.isna(cell) else str(cell)
        found.append(None if text in MISSING_TEXTS else text)
    return found


# --- Values to features ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """One column that the model takes, with everything that training learned about it.

    notation: how its numbers are written. pattern: of a date, one of date_formats'.
    mean, scale: by which its features are standardised (one for a number or boolean, two with a logarithm, as
    date_features has them for a date); a missing value becomes the mean.
    unit: of numbers with a long right tail, whose logarithm is a feature too, see `logarithms`; 0 for others.
    reach: the least and the largest value in standard deviations; all others count as these.
    indicator: whether "is missing" is a feature of its own.
    levels: the categories that each have a feature. other: whether all further categories share one.
    more, effects: of a category with too many levels, those further ones that training has seen often enough,
    and what the label is like at each level: float64 of shape (levels + more + 2, features), of which the
    last two rows are those of OTHER and MISSING.
    """

    name: str
    kind: str
    notation: Notation = PLAIN
    pattern: str = ""
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    unit: float = 0.0
    reach: tuple[float, float] = (-FAR, FAR)
    indicator: bool = False
    levels: tuple[str, ...] = ()
    other: bool = False
    more: tuple[str, ...] = ()
    effects: np.ndarray | None = field(default=None, compare=False)

    def values(self, cells: Any) -> np.ndarray:
        """Raw cells as values of shape (n,)."""
        if self.kind == NUMBER:
            return numbers(cells, self.notation)
        if self.kind == BOOLEAN:
            return booleans(cells)
        if self.kind == DATE:
            return days(cells, self.pattern)
        codes = {level: code for code, level in enumerate((*self.levels, *self.more))}
        found = [MISSING if text is None else codes.get(text, OTHER) for text in texts(cells)]
        return np.array(found, dtype=np.int32)

    @property
    def own(self) -> int:
        """How many features a linear model gets of the values, before effects and "is missing"."""
        return len(self.levels) + self.other if self.kind == CATEGORY else len(self.mean)

    @property
    def encoded(self) -> int:
        """How many features the effects are."""
        return 0 if self.effects is None else self.effects.shape[1]

    @property
    def width(self) -> int:
        """How many features a linear model gets."""
        return self.own + self.encoded + self.indicator

    @property
    def tree_width(self) -> int:
        """How many features boosted trees get."""
        return TREE_DATE_PARTS if self.kind == DATE and self.pattern != TIME else 1 + self.encoded

    def shared(self, values: np.ndarray) -> np.ndarray:
        """Codes of a category, with OTHER for the levels that have no feature of their own."""
        return np.where(values < len(self.levels), values, OTHER) if self.more else values

    def _parts(self, values: np.ndarray) -> np.ndarray:
        """The features of a linear model before they are standardised, of shape (parts, n)."""
        if self.kind != DATE:
            return np.stack([values, logarithms(values, self.unit)]) if self.unit else values[np.newaxis]
        return time_parts(values) if self.pattern == TIME else date_parts(values)

    def write(self, values: np.ndarray, features: np.ndarray) -> None:
        """Fill `features`, of shape (n, width), for a linear model."""
        if self.kind == CATEGORY:
            shared = self.shared(values)
            for level in range(len(self.levels)):
                features[:, level] = shared == level
            if self.other:
                features[:, len(self.levels)] = shared == OTHER
            if self.effects is not None:
                features[:, self.own : self.own + self.encoded] = self.effects[values]
            missing = values == MISSING
        else:
            parts = zip(self._parts(values), self.mean, self.scale, strict=True)
            for place, (part, mean, scale) in enumerate(parts):
                # The reach is that of the value itself. A sine, cosine or logarithm has none.
                reach = self.reach if place == 0 else (-FAR, FAR)
                features[:, place] = standardised(part, mean, scale, reach)
            missing = np.isnan(values)
        if self.indicator:
            features[:, -1] = missing

    def write_tree(self, values: np.ndarray, features: np.ndarray) -> None:
        """Fill `features`, of shape (n, tree_width), for boosted trees. Missing numbers stay NaN."""
        if self.kind == CATEGORY:
            shared = self.shared(values)
            column = shared.astype(np.float64)
            column[shared == OTHER] = len(self.levels) if self.other else np.nan
            # Missing values get a level of their own, because scikit-learn predicts with a missing category
            # on another branch than the one it trained with (the left). If training had none, there is no
            # such branch.
            column[values == MISSING] = len(self.levels) + self.other if self.indicator else np.nan
            features[:, 0] = column
            if self.effects is not None:
                features[:, 1:] = self.effects[values]
        elif self.kind == DATE and self.pattern != TIME:
            features[:] = tree_date_parts(values).T
        else:
            features[:, 0] = values


# --- The model ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Schema:
    """The columns that the model takes, and the label that it predicts.

    classes: the label's classes, sorted as text; empty for a regression. label_mean and label_scale: those of
    a regression's label, which the estimator predicts standardised.
    """

    columns: tuple[Column, ...]
    label: str
    classes: tuple[str, ...] = ()
    label_mean: float = 0.0
    label_scale: float = 1.0
    decimal: str = "."

    def values(self, frame: pd.DataFrame) -> list[np.ndarray]:
        """The values of a table of raw cells, one array for each column.

        Raises KeyError if a column is missing.
        """
        missing = [column.name for column in self.columns if column.name not in frame.columns]
        if missing:
            raise KeyError(f"the columns {', '.join(map(repr, missing[:20]))} are missing")
        return [column.values(frame[column.name]) for column in self.columns]

    @property
    def width(self) -> int:
        return sum(column.width for column in self.columns)

    def features(self, values: list[np.ndarray]) -> np.ndarray:
        """The features of a linear model, from values: float64 of shape (n, width)."""
        features = np.empty((len(values[0]), self.width))
        start = 0
        for column, each in zip(self.columns, values, strict=True):
            column.write(each, features[:, start : start + column.width])
            start += column.width
        return features

    def tree_features(self, values: list[np.ndarray]) -> np.ndarray:
        """The features of boosted trees, from values: float64, NaN where a value is missing."""
        features = np.empty((len(values[0]), sum(column.tree_width for column in self.columns)))
        start = 0
        for column, each in zip(self.columns, values, strict=True):
            column.write_tree(each, features[:, start : start + column.tree_width])
            start += column.tree_width
        return features

    def tree_tiles(self, values: list[np.ndarray]) -> Iterator[np.ndarray]:
        """As `tree_features`, of a few rows at a time: each tree looks at all of them before the next."""
        width = sum(column.tree_width for column in self.columns)
        step = max(LEAST_TILE_ROWS, TILE_CELLS // max(1, width))
        for start in range(0, max(1, len(values[0])), step):
            yield self.tree_features([each[start : start + step] for each in values])

    def tree_categories(self) -> list[bool]:
        """Whether each feature of boosted trees is a category."""
        return [
            column.kind == CATEGORY and not place
            for column in self.columns
            for place in range(column.tree_width)
        ]


class TouchdownModel(BaseEstimator):  # type: ignore[misc]
    """An estimator behind a schema.

    estimator: predicts indices into the classes, or the standardised label. algorithm: "linear"
    (SGDClassifier, SGDRegressor), "boosting" (HistGradientBoosting…), or the name of what was chosen by
    itself, whose estimator is a touchdown_blend.Part.
    """

    def __init__(self, schema: Schema, estimator: Any, algorithm: str) -> None:
        self.schema = schema
        self.estimator = estimator
        self.algorithm = algorithm

    @property
    def classes_(self) -> np.ndarray:
        return np.array(self.schema.classes, dtype=object)

    def outputs(self, values: list[np.ndarray]) -> np.ndarray:
        """Probabilities of shape (n, classes), or predicted numbers of shape (n,), from values."""
        schema = self.schema
        if self.algorithm == "linear":
            return self.outputs_from(schema.features(values))
        if self.algorithm == "boosting":
            return np.concatenate([self.outputs_from(tile) for tile in schema.tree_tiles(values)])
        if not len(values[0]):
            return np.empty((0, len(schema.classes)) if schema.classes else 0)
        return self._in_label_units(self.estimator.outputs(schema, values))

    def outputs_from(self, features: np.ndarray) -> np.ndarray:
        """As `outputs`, from the features of the algorithms "linear" and "boosting"."""
        schema = self.schema
        if not len(features):
            return np.empty((0, len(schema.classes)) if schema.classes else 0)
        if schema.classes:
            probabilities = np.zeros((len(features), len(schema.classes)))
            known = self.estimator.classes_.astype(np.int64)
            probabilities[:, known] = self.estimator.predict_proba(features)
            return probabilities
        return self._in_label_units(self.estimator.predict(features))

    def _in_label_units(self, outputs: np.ndarray) -> np.ndarray:
        schema = self.schema
        return outputs if schema.classes else outputs * schema.label_scale + schema.label_mean

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
        """Probabilities of shape (n_rows, n_classes), in the order of `classes_`."""
        return self.outputs(self.schema.values(frame))

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Predict raw rows: the column `prediction` and, for a classification, a `probability_<class>` each.

        The columns may come in any order; further columns, such as the label, are ignored. Categories that
        training did not see and missing values are predicted too.
        """
        outputs = self.outputs(self.schema.values(frame))
        if not self.schema.classes:
            return pd.DataFrame({"prediction": outputs}, index=frame.index)
        predictions = pd.DataFrame(
            outputs, columns=[f"probability_{name}" for name in self.schema.classes], index=frame.index
        )
        predictions.insert(0, "prediction", self.classes_[outputs.argmax(axis=1)])
        return predictions
