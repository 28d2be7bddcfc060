"""The deployed model: it predicts the label from the raw columns of a CSV, as they were uploaded.

This file is packaged inside the MLflow model (in its folder `code`), and imports only what the model's
requirements pin: NumPy, pandas and scikit-learn. The trainer parses every cell with these functions too, so
that a deployed model gets the same values as in training.

A column takes two forms:

    raw cells   ->  values: float64, NaN where missing (numbers, booleans, dates as days since 2000-01-01),
                    or int32 codes of a category's levels (OTHER: not a level; MISSING: no value)
    values      ->  features: one or more columns of float64; for a linear model, none of them is NaN
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

NUMBER, BOOLEAN, DATE, CATEGORY = "number", "boolean", "date", "category"
MISSING, OTHER = -1, -2
"""Codes of a category's cell that has no value, and of one whose value is not a level."""
DATE_PARTS, TREE_DATE_PARTS = 7, 6
"""Features of a date, of a linear model and of trees; see date_parts and tree_date_parts."""
LARGEST = 1e100
"""Larger numbers count as missing, as infinities do, so that no square of one overflows."""
FAR = 10.0
"""Standard deviations at which a linear model's features are clipped, unless a tail is longer."""
EPOCH = 10_957
"""Days from 1970-01-01 to 2000-01-01."""
DAY = 86_400_000_000_000
"""Nanoseconds."""
TRUE = frozenset({"true", "yes", "y", "t", "on"})
FALSE = frozenset({"false", "no", "n", "f", "off"})
MISSING_TEXTS = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>"}
) | {"N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"}


# --- Cells to values ---------------------------------------------------------------------------------


def numbers(cells: Any, decimal: str = ".") -> np.ndarray:
    """Cells as float64 of shape (n,).

    Missing and non-numeric cells, infinities and values beyond LARGEST are NaN.
    """
    series = pd.Series(cells)
    if not pd.api.types.is_numeric_dtype(series.dtype):
        texts = series.astype(object)
        if decimal == ",":
            texts = texts.map(_with_point)
        series = pd.to_numeric(texts, errors="coerce")
    found: np.ndarray = series.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    with np.errstate(invalid="ignore"):
        found[~(np.abs(found) < LARGEST)] = np.nan
    return found


def _with_point(cell: Any) -> Any:
    """A text with its decimal comma as a point; NaN for a text that has a point already."""
    if not isinstance(cell, str):
        return cell
    return cell.replace(",", ".") if "." not in cell else np.nan


def booleans(cells: Any) -> np.ndarray:
    """Words for yes and no as 1.0 and 0.0, of shape (n,); NaN for every other cell."""

    def meaning(cell: Any) -> float:
        word = str(cell).strip().lower()
        return 1.0 if word in TRUE else 0.0 if word in FALSE else np.nan

    meanings = pd.Series(cells).astype(object).map(meaning)
    found: np.ndarray = meanings.to_numpy(dtype=np.float64, na_value=np.nan)
    return found


def days(cells: Any, pattern: str) -> np.ndarray:
    """Dates and timestamps as days since 2000-01-01 UTC, float64 of shape (n,); NaN for every other cell.

    pattern: the format for pandas.to_datetime, or "ISO8601". UTC offsets are applied.
    """
    series = pd.Series(cells).astype(object)
    series = series.map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
    moments = pd.to_datetime(series, format=pattern, errors="coerce", utc=True)
    # Subtracting timestamps would overflow for dates before 1708, which a timestamp can hold.
    since_1970 = moments.to_numpy(dtype="datetime64[ns]")
    return np.where(np.isnat(since_1970), np.nan, since_1970.astype(np.int64) / DAY - EPOCH)


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

    mean, scale: by which its features are standardised (one for a number or boolean, DATE_PARTS for a date);
    a missing value becomes the mean. reach: the least and the largest value in standard deviations; all
    others count as these. indicator: whether "is missing" is a feature of its own. levels: the categories
    that each have a feature. other: whether all further categories share one.
    """

    name: str
    kind: str
    decimal: str = "."
    pattern: str = ""
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    reach: tuple[float, float] = (-FAR, FAR)
    indicator: bool = False
    levels: tuple[str, ...] = ()
    other: bool = False

    def values(self, cells: Any) -> np.ndarray:
        """Raw cells as values of shape (n,)."""
        if self.kind == NUMBER:
            return numbers(cells, self.decimal)
        if self.kind == BOOLEAN:
            return booleans(cells)
        if self.kind == DATE:
            return days(cells, self.pattern)
        codes = {level: code for code, level in enumerate(self.levels)}
        found = [MISSING if text is None else codes.get(text, OTHER) for text in texts(cells)]
        return np.array(found, dtype=np.int32)

    @property
    def width(self) -> int:
        """How many features a linear model gets."""
        own = len(self.levels) + self.other if self.kind == CATEGORY else len(self.mean)
        return own + self.indicator

    @property
    def tree_width(self) -> int:
        """How many features boosted trees get."""
        return TREE_DATE_PARTS if self.kind == DATE else 1

    def write(self, values: np.ndarray, features: np.ndarray) -> None:
        """Fill `features`, of shape (n, width), for a linear model."""
        if self.kind == CATEGORY:
            for level in range(len(self.levels)):
                features[:, level] = values == level
            if self.other:
                features[:, len(self.levels)] = values == OTHER
            missing = values == MISSING
        else:
            parts = date_parts(values) if self.kind == DATE else values[np.newaxis]
            for place, (part, mean, scale) in enumerate(zip(parts, self.mean, self.scale, strict=True)):
                features[:, place] = standardised(part, mean, scale, self.reach)
            missing = np.isnan(values)
        if self.indicator:
            features[:, -1] = missing

    def write_tree(self, values: np.ndarray, features: np.ndarray) -> None:
        """Fill `features`, of shape (n, tree_width), for boosted trees. Missing numbers stay NaN."""
        if self.kind == CATEGORY:
            column = values.astype(np.float64)
            column[values == OTHER] = len(self.levels) if self.other else np.nan
            # Missing values get a level of their own, because scikit-learn predicts with a missing category
            # on another branch than the one it trained with (the left). If training had none, there is no
            # such branch.
            column[values == MISSING] = len(self.levels) + self.other if self.indicator else np.nan
            features[:, 0] = column
        elif self.kind == DATE:
            features[:] = tree_date_parts(values).T
        else:
            features[:, 0] = values


def standardised(values: np.ndarray, mean: float, scale: float, reach: tuple[float, float]) -> np.ndarray:
    """(values - mean) / scale, clipped to the reach; a missing value becomes 0, the mean."""
    found: np.ndarray = values - mean
    found /= scale
    np.clip(found, *reach, out=found)
    gaps = np.isnan(found)
    if gaps.any():
        found[gaps] = 0.0
    return found


def date_parts(values: np.ndarray) -> np.ndarray:
    """Days since 2000-01-01 as seven features, of shape (7, n).

    The day number, for trends; then sine and cosine of month, weekday and time of day, so that December lies
    beside January.
    """
    known = np.isfinite(values)
    moments = values if known.all() else np.where(known, values, 0.0)
    day = np.floor(moments)
    whole = day.astype(np.int64)
    month = (np.datetime64("2000-01-01") + whole).astype("datetime64[M]").astype(np.int64) % 12
    weekday = (whole + 5) % 7  # 2000-01-01 was a Saturday
    found = np.empty((DATE_PARTS, len(values)))
    found[0] = values
    for place, (step, steps) in enumerate(((month, 12), (weekday, 7))):
        turns = 2 * np.pi * np.arange(steps) / steps
        found[1 + 2 * place] = np.sin(turns)[step]
        found[2 + 2 * place] = np.cos(turns)[step]
    time = moments - day
    if time.any():
        np.sin(2 * np.pi * time, out=found[5])
        np.cos(2 * np.pi * time, out=found[6])
    else:
        found[5], found[6] = 0.0, 1.0
    if not known.all():
        found[:, ~known] = np.nan
    return found


def tree_date_parts(values: np.ndarray) -> np.ndarray:
    """Days since 2000-01-01 as six features, of shape (6, n): that number, then calendar and clock.

    Year, month, day of the month, weekday (Monday is 0) and hour are whole numbers. Trees cut their range
    anywhere, so a single cut finds a season or a weekend, for which sine and cosine would need several.
    """
    known = np.isfinite(values)
    moments = np.where(known, values, 0.0)
    whole = np.floor(moments).astype(np.int64)
    dates = np.datetime64("2000-01-01") + whole
    months = dates.astype("datetime64[M]")
    found = np.empty((TREE_DATE_PARTS, len(values)))
    found[0] = values
    found[1] = months.astype("datetime64[Y]").astype(np.int64) + 1970
    found[2] = months.astype(np.int64) % 12 + 1
    found[3] = (dates - months.astype("datetime64[D]")).astype(np.int64) + 1
    found[4] = (whole + 5) % 7
    # A time of day is a sum of floats, which may lie a little below the full hour that it stands for.
    found[5] = np.floor((moments - whole) * 24 + 1e-6)
    found[:, ~known] = np.nan
    return found


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

    def tree_categories(self) -> list[bool]:
        """Whether each feature of boosted trees is a category."""
        return [column.kind == CATEGORY for column in self.columns for _ in range(column.tree_width)]


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
            return self.outputs_from(schema.tree_features(values))
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
