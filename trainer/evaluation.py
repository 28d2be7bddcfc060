"""How good a model is on the rows that were held out, and which columns that rests on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import touchdown_model as model
from cache import Batch
from design import Design
from holdout import SEED
from parallel import in_order
from schema import Plan
from survey import Survey
from training import Trained, losses

CALIBRATION_BINS = 10
SHOWN_RESIDUALS = 2000
IMPORTANCE_ROWS = 2000
IMPORTANCE_CELLS = 40_000_000
"""Cells that all the predictions for the importances together may take."""
REPEATS = 3
STACKED_CELLS = 4_000_000
"""Features of the rows, with one column shuffled after the other, that are predicted at once."""


@dataclass
class HoldOut:
    """What a model does with the hold-out rows. metrics: as scikit-learn defines them.

    baseline: the primary metric of always answering the most frequent class, or the mean.
    """

    rows: int
    metrics: dict[str, float]
    baseline: float
    confusion: np.ndarray | None = None
    calibration: dict[str, Any] | None = None
    residuals: dict[str, list[float]] | None = None


class Classification:
    """Adds up the hold-out of a classification, batch by batch."""

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
        if classes == 2:
            sure, right = probabilities[:, 1], truth == 1
        else:
            sure, right = probabilities.max(axis=1), predicted == truth
        places = np.minimum((sure * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
        for column, weights in enumerate((sure, right.astype(float), np.ones(len(sure)))):
            self.bins[:, column] += np.bincount(places, weights, minlength=CALIBRATION_BINS)

    def holdout(self, classes: tuple[str, ...]) -> HoldOut:
        rows = int(self.confusion.sum())
        truth, predicted = self.confusion.sum(axis=1), self.confusion.sum(axis=0)
        right = np.diag(self.confusion)
        # As sklearn.metrics.f1_score with average="macro": 0 for a class that is neither there nor predicted.
        f1 = 2 * right / np.maximum(truth + predicted, 1)
        what = f"the probability of {classes[1]!r}" if len(classes) == 2 else "the probability of the answer"
        bins = [
            {"predicted": sure / count, "observed": hits / count, "rows": int(count)}
            for sure, hits, count in self.bins
            if count
        ]
        return HoldOut(
            rows,
            {"accuracy": right.sum() / rows, "macro_f1": float(f1.mean()), "log_loss": self.loss / rows},
            baseline=float(truth[self.majority] / rows),
            confusion=self.confusion,
            calibration={"what": what, "bins": bins},
        )


@dataclass
class Regression:
    """Adds up the hold-out of a regression. mean: of the label, which the baseline answers always."""

    mean: float
    errors: list[tuple[float, float, float, float, int]] = field(default_factory=list)
    shown: list[np.ndarray] = field(default_factory=list)

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
        if sum(part.shape[1] for part in self.shown) < SHOWN_RESIDUALS:
            self.shown.append(np.stack([truth, estimated]))

    def holdout(self) -> HoldOut:
        squares, absolute, total, around, _ = map(sum, zip(*self.errors, strict=True))
        rows = sum(count for *_, count in self.errors)
        # The spread around the hold-out's own mean, from that around the training's.
        spread = around - rows * (total / rows - self.mean) ** 2
        shown = np.concatenate(self.shown, axis=1)[:, :SHOWN_RESIDUALS]
        return HoldOut(
            rows,
            {
                "rmse": math.sqrt(squares / rows),
                "mae": absolute / rows,
                "r2": 1 - squares / spread if spread > 0 else 0.0,
            },
            baseline=math.sqrt(around / rows),
            residuals={"truth": shown[0].tolist(), "predicted": shown[1].tolist()},
        )


def evaluate(survey: Survey, plan: Plan, trained: dict[str, Trained]) -> dict[str, HoldOut]:
    """Each model on all hold-out rows, by algorithm; one pass over the cache."""
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

    def answered(number: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        batch = survey.cache.read(number)
        label = plan.labels(batch)
        rows = np.flatnonzero(plan.labelled(label) & plan.split.mask(batch.start, len(label)))
        return label[rows], {name: answers_of(each.model, batch, rows) for name, each in trained.items()}

    def answers_of(chosen: model.TouchdownModel, batch: Batch, rows: np.ndarray) -> np.ndarray:
        if chosen.algorithm != "linear":
            return chosen.answers(plan.values(batch, rows))
        features = np.empty((len(rows), design.width))
        design.fill(batch.numbers, batch.codes, rows, features)
        return chosen.answers_to(features)

    for truth, answers in in_order(answered, iter(range(len(survey.cache)))):
        for name, each in answers.items():
            if len(truth):
                sums[name].add(truth, each)
    return {name: each.holdout(classes) if classes else each.holdout() for name, each in sums.items()}


@dataclass
class SampledRows:
    """The sample: its values, and of each row its label and whether it is held out.

    batch: as the cache has its batches; places: in which row of its numbers or codes a column is.
    labels: class indices, -1 without one; or numbers, NaN without one.
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
        """The places of the hold-out rows among them, of the first `most` only."""
        return np.flatnonzero(self.held_out)[:most]

    def values(self, name: str) -> np.ndarray:
        """Of a column of numbers, booleans or dates: float64, NaN where one is missing."""
        values: np.ndarray = self.batch.numbers[self.places[name]]
        return values

    def counts(self, name: str) -> dict[str | None, int]:
        """Of a column of texts: how many rows each has, as drift takes it."""
        texts = self.survey.levels[name].codes
        # Codes below 0 come first: OTHER, then MISSING.
        counts = np.bincount(self.batch.codes[self.places[name]] - model.OTHER, minlength=len(texts) + 2)
        pairs = zip(["", None, *texts], counts.tolist(), strict=True)
        return {text: count for text, count in pairs if count}

    @cached_property
    def cells(self) -> pd.DataFrame:
        """What stands in the rows; it is parsed for whoever asks first."""
        return self.survey.sample.table().to_pandas()


def importance(plan: Plan, chosen: model.TouchdownModel, sampled: SampledRows) -> list[dict[str, Any]]:
    """How much worse the primary metric gets when a column is shuffled among hold-out rows; best first.

    Source: Breiman, "Random Forests", Machine Learning 45, 2001 (permutation importance).
    """
    schema, task = chosen.schema, "classification" if chosen.schema.classes else "regression"
    width = max(1, schema.width)
    most = max(100, min(IMPORTANCE_ROWS, IMPORTANCE_CELLS // (width * len(schema.columns) * REPEATS)))
    held = sampled.held(most)
    labels = sampled.labels[held]
    features = chosen.features(plan.values(sampled.batch, held))
    rows = len(features)
    repeats = REPEATS if len(schema.columns) <= 200 else 1
    base = primary(task, labels, chosen.answers_to(features))
    generator = np.random.default_rng(SEED)
    linear = chosen.algorithm == "linear"
    ends = np.cumsum([column.width if linear else column.tree_width for column in schema.columns])
    parts = [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    # Thousands of columns are as many predictions of few rows: several of them are made at once.
    together = max(1, STACKED_CELLS // max(1, features.size))
    worse = np.empty((len(parts), repeats))
    for first in range(0, len(parts), together):
        group = parts[first : first + together]
        stacked = np.tile(features, (len(group), 1))
        for repeat in range(repeats):  # each shuffles the same parts again; all others stay as they are
            for place, part in enumerate(group):
                stacked[place * rows : (place + 1) * rows, part] = generator.permutation(features[:, part])
            answers = chosen.answers_to(stacked)
            for place in range(len(group)):
                value = primary(task, labels, answers[place * rows : (place + 1) * rows])
                worse[first + place, repeat] = base - value if task == "classification" else value - base
    found = [
        {"column": column.name, "mean": float(each.mean()), "std": float(each.std())}
        for column, each in zip(schema.columns, worse, strict=True)
    ]
    return sorted(found, key=lambda each: -float(each["mean"]))


def primary(task: str, labels: np.ndarray, answers: np.ndarray) -> float:
    if task == "classification":
        return float((answers.argmax(axis=1) == labels).mean())
    return float(np.sqrt(((answers - labels) ** 2).mean()))
