"""The parts of a model that was chosen by itself: a linear part, trees, or a blend of both.

This file is packaged inside the MLflow model, beside touchdown_model.py. What a row is answered depends on
that row alone, to the last bit: no product of matrices is used here, since a BLAS library rounds it in a way
that depends on how many rows are predicted together and on how many threads there are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from touchdown_model import CATEGORY, MISSING, OTHER, Column, Schema

TILE_ROWS = 4096
"""Rows that are predicted together, so that their features stay small."""


class Part(Protocol):
    """Something that predicts from values, one array for each of the schema's columns."""

    def outputs(self, schema: Schema, values: list[np.ndarray]) -> np.ndarray:
        """Probabilities of shape (n, classes), or the standardised label of shape (n,)."""


@dataclass(frozen=True, eq=False)
class LinearPart:
    """A logistic regression, or a ridge regression.

    weights: of shape (features, outputs); intercept: of shape (outputs,). A regression and two classes have
    one output, more classes one each. seen: the indices of the classes that it knows, in ascending order.
    """

    weights: np.ndarray
    intercept: np.ndarray
    seen: np.ndarray

    def outputs(self, schema: Schema, values: list[np.ndarray]) -> np.ndarray:
        tables = self._tables(schema)
        rows = len(values[0])
        scores = np.empty((rows, len(self.intercept)))
        for start in range(0, rows, TILE_ROWS):
            tile = slice(start, start + TILE_ROWS)
            scores[tile] = self._scores(schema, [each[tile] for each in values], tables)
        return self.outputs_from(scores, len(schema.classes))

    def outputs_from(self, scores: np.ndarray, classes: int) -> np.ndarray:
        """As `outputs`, from scores of shape (n, outputs). classes: their number; 0 for a regression."""
        if not classes:
            return scores[:, 0]
        probabilities = np.zeros((len(scores), classes))
        probabilities[:, self.seen] = 1.0 if len(self.seen) == 1 else shares(scores)
        return probabilities

    def _tables(self, schema: Schema) -> list[np.ndarray | None]:
        """What each level of a category adds to the scores; the last two rows are OTHER and MISSING.

        Effects are left out.
        """
        found: list[np.ndarray | None] = []
        start = 0
        for column in schema.columns:
            weights = self.weights[start : start + column.width]
            start += column.width
            if column.kind != CATEGORY:
                found.append(None)
                continue
            codes = np.array([*range(len(column.levels)), OTHER, MISSING], dtype=np.int32)
            weights = np.delete(weights, slice(column.own, column.own + column.encoded), axis=0)
            ones = written(replace(column, effects=None), codes)  # at most one in each row
            picked = np.zeros((len(codes), weights.shape[1]))
            level, place = np.nonzero(ones)
            picked[level] = weights[place]
            found.append(picked)
        return found

    def _scores(
        self, schema: Schema, values: list[np.ndarray], tables: list[np.ndarray | None]
    ) -> np.ndarray:
        scores = np.tile(self.intercept, (len(values[0]), 1))
        start = 0
        for column, each, table in zip(schema.columns, values, tables, strict=True):
            if table is not None:
                scores += table[column.shared(each)]
            if table is None:
                first, features = start, written(column, each)
            elif column.effects is not None:
                first, features = start + column.own, column.effects[each]
            else:
                first, features = start, np.empty((len(each), 0))
            for place in range(features.shape[1]):
                scores += features[:, place, np.newaxis] * self.weights[first + place]
            start += column.width
        return scores


@dataclass(frozen=True, eq=False)
class LogPart:
    """A part that has learned the logarithm of a label: log(1 + label / unit), standardised.

    mean, scale: of the logarithms; most: the largest one. gain, offset: by which exponentials become the
    standardised label. reach: the range of the standardised label that training has seen.
    """

    part: Part
    mean: float
    scale: float
    most: float
    gain: float
    offset: float
    reach: tuple[float, float]

    def outputs(self, schema: Schema, values: list[np.ndarray]) -> np.ndarray:
        return self.outputs_from(self.part.outputs(schema, values))

    def outputs_from(self, learned: np.ndarray) -> np.ndarray:
        """As `outputs`, from what the part answers."""
        exponentials = np.exp(np.clip(learned * self.scale + self.mean, 0.0, self.most))
        found: np.ndarray = np.clip(exponentials * self.gain + self.offset, *self.reach)
        return found


@dataclass(frozen=True, eq=False)
class TreePart:
    """HistGradientBoostingClassifier, of indices into the classes, or HistGradientBoostingRegressor."""

    estimator: Any

    def outputs(self, schema: Schema, values: list[np.ndarray]) -> np.ndarray:
        classes = len(schema.classes)
        return np.concatenate(
            [tree_outputs(self.estimator, tile, classes) for tile in schema.tree_tiles(values)]
        )


@dataclass(frozen=True, eq=False)
class CorrectedPart:
    """A ridge regression, and trees that estimate what it leaves: the answer is the sum of both.

    reach: the least and the largest answer, as standardised labels.
    """

    linear: Part
    trees: Part
    reach: tuple[float, float]

    def outputs(self, schema: Schema, values: list[np.ndarray]) -> np.ndarray:
        sums = self.linear.outputs(schema, values) + self.trees.outputs(schema, values)
        found: np.ndarray = np.clip(sums, *self.reach)
        return found


@dataclass(frozen=True, eq=False)
class Blend:
    """The weighted mean of what several parts answer."""

    parts: tuple[Part, ...]
    weights: tuple[float, ...]

    def outputs(self, schema: Schema, values: list[np.ndarray]) -> np.ndarray:
        found: np.ndarray = sum(
            (
                weight * part.outputs(schema, values)
                for part, weight in zip(self.parts, self.weights, strict=True)
            ),
            start=np.zeros(()),
        )
        return found


def written(column: Column, values: np.ndarray) -> np.ndarray:
    """The features that a linear model gets of a column, of shape (n, width)."""
    features = np.empty((len(values), column.width))
    column.write(values, features)
    return features


def tree_outputs(estimator: Any, features: np.ndarray, classes: int) -> np.ndarray:
    """What trees answer, as Part.outputs. classes: how many there are; 0 for a regression."""
    if not classes:
        estimated: np.ndarray = estimator.predict(features)
        return estimated
    probabilities = np.zeros((len(features), classes))
    probabilities[:, estimator.classes_.astype(np.int64)] = estimator.predict_proba(features)
    return probabilities


def shares(scores: np.ndarray) -> np.ndarray:
    """Scores of shape (n, outputs) as probabilities: of two classes for one output, else softmax."""
    if scores.shape[1] == 1:
        scores = np.concatenate([np.zeros_like(scores), scores], axis=1)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    found: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return found
