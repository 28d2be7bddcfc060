"""Measures models on the hold-out rows, and how much each column contributes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import touchdown_model as model
import verdict_rules as rules
from cache import Batch
from design import Design
from holdout import SEED
from parallel import in_order
from schema import Plan
from survey import Survey
from training import Trained, losses

CALIBRATION_BINS = 10
MAX_RESIDUALS = 2000
"""Rows whose true and predicted values are kept for the report."""
IMPORTANCE_ROWS = 2000
"""Hold-out rows on which importance is measured, or fewer; see IMPORTANCE_CELLS."""
IMPORTANCE_CELLS = 40_000_000
"""Features that all predictions for the importance of all columns may take together."""
REPEATS = 3
"""How often each column is shuffled."""
MAX_REPEATED_COLUMNS = 200
"""Columns up to which each is shuffled more than once."""
STACKED_CELLS = 4_000_000
"""Features that are predicted at once: copies of the rows, each with another column shuffled."""


@dataclass
class HoldOut:
    """How a model does on the hold-out rows.

    metrics: as scikit-learn defines them. baseline: the deciding metric of always predicting the most
    frequent class, or the mean. confusion: counts of shape (n_classes, n_classes), rows true and columns
    predicted.
    """

    rows: int
    metrics: dict[str, float]
    baseline: float
    confusion: np.ndarray | None = None
    calibration: dict[str, Any] | None = None
    residuals: dict[str, list[float]] | None = None


class Classification:
    """Adds up a classifier's results on the hold-out, batch by batch. majority: the most frequent class."""

    def __init__(self, classes: int, majority: int) -> None:
        self.confusion = np.zeros((classes, classes), dtype=np.int64)
        self.loss = 0.0
        self.majority = majority
        self.bins = np.zeros((CALIBRATION_BINS, 3))

    def add(self, truth: np.ndarray, probabilities: np.ndarray) -> None:
        classes = len(self.confusion)
        predicted = probabilities.argmax(axis=1)
        self.confusion += np.bincount(truth * classes + predicted, minlength=classes**2).reshape(
            classes, classes
        )
        self.loss += losses(probabilities, truth)[0] * len(truth)
        self._add_to_bins(truth, probabilities, predicted)

    def _add_to_bins(self, truth: np.ndarray, probabilities: np.ndarray, predicted: np.ndarray) -> None:
        """Sum up confidence, correct predictions and rows for each bin of the confidence."""
        if probabilities.shape[1] == 2:
            confidence, correct = probabilities[:, 1], truth == 1
        else:
            confidence, correct = probabilities.max(axis=1), predicted == truth
        places = np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
        for column, weights in enumerate((confidence, correct.astype(float), np.ones(len(confidence)))):
            self.bins[:, column] += np.bincount(places, weights, minlength=CALIBRATION_BINS)

    def holdout(self, classes: tuple[str, ...]) -> HoldOut:
        rows = int(self.confusion.sum())
        truth, predicted = self.confusion.sum(axis=1), self.confusion.sum(axis=0)
        correct = np.diag(self.confusion)
        # As sklearn.metrics.f1_score with average="macro": 0 for a class that is neither true nor predicted.
        f1 = 2 * correct / np.maximum(truth + predicted, 1)
        positive = repr(classes[1]) if len(classes) == 2 else "the predicted class"
        bins = [
            {"predicted": confidence / count, "observed": hits / count, "rows": int(count)}
            for confidence, hits, count in self.bins
            if count
        ]
        return HoldOut(
            rows,
            {"accuracy": correct.sum() / rows, "macro_f1": float(f1.mean()), "log_loss": self.loss / rows},
            baseline=float(truth[self.majority] / rows),
            confusion=self.confusion,
            calibration={"what": f"the probability of {positive}", "bins": bins},
        )


@dataclass
class Regression:
    """Adds up a regressor's results on the hold-out, batch by batch.

    mean: the label's mean in training, which the baseline always predicts.
    """

    mean: float
    errors: list[tuple[float, float, float, float, int]] = field(default_factory=list)
    pairs: list[np.ndarray] = field(default_factory=list)

    def add(self, truth: np.ndarray, estimated: np.ndarray) -> None:
        error = estimated - truth
        self.errors.append(
            (
                float(error @ error),
                float(np.abs(error).sum()),
                float(truth.sum()),
                float(((truth - self.mean) ** 2).sum()),
                len(truth),
            )
        )
        if sum(part.shape[1] for part in self.pairs) < MAX_RESIDUALS:
            self.pairs.append(np.stack([truth, estimated]))

    def holdout(self) -> HoldOut:
        squares, absolute, total, around, _ = map(sum, zip(*self.errors, strict=True))
        rows = sum(count for *_, count in self.errors)
        # The sum of squares around the hold-out's own mean, from that around the training's mean.
        spread = around - rows * (total / rows - self.mean) ** 2
        pairs = np.concatenate(self.pairs, axis=1)[:, :MAX_RESIDUALS]
        return HoldOut(
            rows,
            {
                "rmse": math.sqrt(squares / rows),
                "mae": absolute / rows,
                "r2": 1 - squares / spread if spread > 0 else 0.0,
            },
            baseline=math.sqrt(around / rows),
            residuals={"truth": pairs[0].tolist(), "predicted": pairs[1].tolist()},
        )


def evaluate(survey: Survey, plan: Plan, trained: dict[str, Trained]) -> dict[str, HoldOut]:
    """Measure each model, by algorithm, on all hold-out rows, in one pass over the cache."""
    classes = plan.schema.classes
    counts = np.bincount(
        plan.class_of[plan.class_of >= 0], survey.classes.counts[plan.class_of >= 0], minlength=1
    )
    design = Design(survey, plan)
    sums: dict[str, Any] = {
        name: Classification(len(classes), int(counts.argmax()))
        if classes
        else Regression(plan.schema.label_mean)
        for name in trained
    }

    def predict(number: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        batch = survey.cache.read(number)
        label = plan.labels(batch)
        rows = np.flatnonzero(plan.labelled(label) & plan.split.mask(batch.start, len(label)))
        return label[rows], {name: outputs_of(each.model, batch, rows) for name, each in trained.items()}

    def outputs_of(trained_model: model.TouchdownModel, batch: Batch, rows: np.ndarray) -> np.ndarray:
        if trained_model.algorithm != "linear":
            return trained_model.outputs(plan.values(batch, rows))
        features = np.empty((len(rows), design.width))
        design.fill(batch.numbers, batch.codes, rows, features)
        return trained_model.outputs_from(features)

    for truth, outputs in in_order(predict, iter(range(len(survey.cache)))):
        for name, each in outputs.items():
            if len(truth):
                sums[name].add(truth, each)
    return {name: each.holdout(classes) if classes else each.holdout() for name, each in sums.items()}


@dataclass
class SampledRows:
    """The sample's rows, with their values, labels and whether they are held out.

    batch: the values, laid out as in the cache; places: the row of its numbers or codes that holds a column.
    labels: class indices, -1 if a row has no label; or numbers, NaN if it has none.
    """

    survey: Survey
    batch: Batch
    places: dict[str, int]
    labels: np.ndarray
    held_out: np.ndarray

    @classmethod
    def of(cls, survey: Survey, plan: Plan) -> SampledRows:
        sample = survey.sample
        batch = sample.batch()
        labels = plan.labels(batch)
        places = {
            name: place
            for names in (survey.number_columns, survey.text_columns)
            for place, name in enumerate(names)
        }
        return cls(survey, batch, places, labels, plan.split.of(sample.rows) & plan.labelled(labels))

    def held(self, most: int | None = None) -> np.ndarray:
        """The indices of the hold-out rows in the sample; only the first `most` of them if given."""
        return np.flatnonzero(self.held_out)[:most]

    def values(self, name: str) -> np.ndarray:
        """A column of numbers, booleans or dates: float64, NaN where a value is missing."""
        values: np.ndarray = self.batch.numbers[self.places[name]]
        return values

    def counts(self, name: str) -> dict[str | None, int]:
        """How many rows each text of a column has.

        As drift.bins takes them: None stands for missing values, "" for the texts that the survey merged.
        """
        texts = self.survey.levels[name].codes
        # The codes below 0 come first: OTHER, then MISSING.
        counts = np.bincount(self.batch.codes[self.places[name]] - model.OTHER, minlength=len(texts) + 2)
        pairs = zip(["", None, *texts], counts.tolist(), strict=True)
        return {text: count for text, count in pairs if count}

    @cached_property
    def cells(self) -> pd.DataFrame:
        """The raw cells of the rows, parsed at the first use."""
        return self.survey.sample.table().to_pandas()


def importance(plan: Plan, chosen: model.TouchdownModel, sampled: SampledRows) -> list[dict[str, Any]]:
    """How much worse the deciding metric gets if a column's values are shuffled among hold-out rows.

    Returns {"column", "mean", "std"} for each column, over the repetitions, the most important one first.
    Source: Breiman, "Random Forests", Machine Learning 45, 2001 (permutation importance).
    """
    columns = chosen.schema.columns
    cells_per_row = max(1, chosen.schema.width) * len(columns) * REPEATS
    held = sampled.held(max(100, min(IMPORTANCE_ROWS, IMPORTANCE_CELLS // cells_per_row)))
    features = chosen.features(plan.values(sampled.batch, held))
    worse = _shuffled_losses(chosen, features, sampled.labels[held])
    found = [
        {"column": column.name, "mean": float(each.mean()), "std": float(each.std())}
        for column, each in zip(columns, worse, strict=True)
    ]
    return sorted(found, key=lambda each: -float(each["mean"]))


def _shuffled_losses(chosen: model.TouchdownModel, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How much worse the metric is with each column shuffled, of shape (columns, repeats).

    Thousands of columns take as many predictions of few rows, so several of them are made at once, on stacked
    copies of the rows.
    """
    metric = rules.DECIDING_METRIC["classification" if chosen.schema.classes else "regression"]
    rows = len(features)
    parts = _column_slices(chosen)
    repeats = REPEATS if len(parts) <= MAX_REPEATED_COLUMNS else 1
    unshuffled = _measure(metric, labels, chosen.outputs_from(features))
    generator = np.random.default_rng(SEED)
    together = max(1, STACKED_CELLS // max(1, features.size))
    worse = np.empty((len(parts), repeats))
    for first in range(0, len(parts), together):
        group = parts[first : first + together]
        stacked = np.tile(features, (len(group), 1))
        for repeat in range(repeats):  # each repetition shuffles the same parts; the others stay as they are
            for place, part in enumerate(group):
                stacked[place * rows : (place + 1) * rows, part] = generator.permutation(features[:, part])
            outputs = chosen.outputs_from(stacked)
            for place in range(len(group)):
                value = _measure(metric, labels, outputs[place * rows : (place + 1) * rows])
                lost = unshuffled - value if metric == "accuracy" else value - unshuffled
                worse[first + place, repeat] = lost
    return worse


def _column_slices(chosen: model.TouchdownModel) -> list[slice]:
    """The features that each column has."""
    linear = chosen.algorithm == "linear"
    ends = np.cumsum([column.width if linear else column.tree_width for column in chosen.schema.columns])
    return [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _measure(metric: str, labels: np.ndarray, outputs: np.ndarray) -> float:
    if metric == "accuracy":
        return float((outputs.argmax(axis=1) == labels).mean())
    return float(np.sqrt(((outputs - labels) ** 2).mean()))
