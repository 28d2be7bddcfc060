"""Measures how good models are on the hold-out rows."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import touchdown_model as model
from baseline import Trivial, against_majority, against_mean, against_random_order
from cache import Batch
from deciding_metric import Deciding
from design import Design
from out_of_fold import Unseen
from parallel import in_order
from ranking import Scores
from schema import Plan
from survey import Survey
from training import Trained, losses

CALIBRATION_BINS = 10
MAX_KEPT = 2000
"""Rows whose true and predicted values are kept."""
MOST_GROUPS = 10_000
"""Groups of hold-out rows whose squared errors are kept; each of the first rows is a group of its own."""


@dataclass
class HoldOut:
    """How a model does on the hold-out rows.

    metrics: as scikit-learn defines them, the deciding one among them. baseline: how that compares with what
    can be done without the columns. unseen: the first rows, with labels and estimates as they are.
    confusion: counts of shape (n_classes, n_classes), rows true and columns predicted.
    """

    rows: int
    metrics: dict[str, float]
    baseline: Trivial
    unseen: Unseen
    confusion: np.ndarray | None = None
    calibration: dict[str, Any] | None = None
    residuals: dict[str, list[float]] | None = None


class FirstRows:
    """The labels of the first hold-out rows, and what a model answered."""

    def __init__(self) -> None:
        self._pairs: list[np.ndarray] = []

    def add(self, truth: np.ndarray, answers: np.ndarray) -> None:
        if sum(part.shape[1] for part in self._pairs) < MAX_KEPT:
            self._pairs.append(np.stack([truth, answers]))

    def unseen(self) -> Unseen:
        return Unseen(*np.concatenate(self._pairs, axis=1)[:, :MAX_KEPT])


class Classification:
    """Adds up a classifier's results on the hold-out, batch by batch."""

    def __init__(self, classes: int, deciding: Deciding) -> None:
        self.confusion = np.zeros((classes, classes), dtype=np.int64)
        self.loss = 0.0
        self.deciding = deciding
        self.scores = Scores(), Scores()
        self.bins = np.zeros((CALIBRATION_BINS, 3))
        self.first = FirstRows()

    def add(self, truth: np.ndarray, probabilities: np.ndarray) -> None:
        classes = len(self.confusion)
        predicted = probabilities.argmax(axis=1)
        self.confusion += np.bincount(truth * classes + predicted, minlength=classes**2).reshape(
            classes, classes
        )
        self.loss += losses(probabilities, truth)[0] * len(truth)
        self._add_to_bins(truth, probabilities, predicted)
        self.first.add(truth, probabilities[np.arange(len(truth)), truth])
        if self.deciding.ranks:
            rare, scores = truth != self.deciding.majority, self.deciding.rarity(probabilities)
            for side, rows in zip(self.scores, (rare, ~rare), strict=True):
                side.add(scores[rows])

    def _add_to_bins(self, truth: np.ndarray, probabilities: np.ndarray, predicted: np.ndarray) -> None:
        """Sum up confidence, correct predictions and rows for each bin of the confidence."""
        if probabilities.shape[1] == 2:
            confidence, correct = probabilities[:, 1], truth == 1
        else:
            confidence, correct = probabilities.max(axis=1), predicted == truth
        places = np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
        for column, weights in enumerate((confidence, correct.astype(float), np.ones(len(confidence)))):
            self.bins[:, column] += np.bincount(places, weights, minlength=CALIBRATION_BINS)

    def holdout(self, classes: tuple[str, ...], copies: float) -> HoldOut:
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
        metrics = {
            "accuracy": correct.sum() / rows,
            "macro_f1": float(f1.mean()),
            "log_loss": self.loss / rows,
        }
        if self.deciding.ranks:
            metrics[self.deciding.metric], baseline = against_random_order(*self.scores, copies)
        else:
            baseline = against_majority(self.confusion, self.deciding.majority, copies)
        return HoldOut(
            rows,
            metrics,
            baseline=baseline,
            unseen=self.first.unseen(),
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
    first: FirstRows = field(default_factory=FirstRows)
    groups: np.ndarray = field(default_factory=lambda: np.zeros((2, MOST_GROUPS)))

    def add(self, truth: np.ndarray, estimated: np.ndarray) -> None:
        error, around = estimated - truth, (truth - self.mean) ** 2
        places = (sum(count for *_, count in self.errors) + np.arange(len(truth))) % MOST_GROUPS
        for sums, squares in zip(self.groups, (error**2, around), strict=True):
            sums += np.bincount(places, squares, minlength=MOST_GROUPS)
        self.errors.append(
            (
                float(error @ error),
                float(np.abs(error).sum()),
                float(truth.sum()),
                float(around.sum()),
                len(truth),
            )
        )
        self.first.add(truth, estimated)

    def holdout(self, copies: float) -> HoldOut:
        squares, absolute, total, around, _ = map(sum, zip(*self.errors, strict=True))
        rows = sum(count for *_, count in self.errors)
        # The sum of squares around the hold-out's own mean, from that around the training's mean.
        spread = around - rows * (total / rows - self.mean) ** 2
        first = self.first.unseen()
        return HoldOut(
            rows,
            {
                "rmse": math.sqrt(squares / rows),
                "mae": absolute / rows,
                "r2": 1 - squares / spread if spread > 0 else 0.0,
            },
            baseline=against_mean(self.groups[0, :rows], self.groups[1, :rows], rows, copies),
            unseen=first,
            residuals={"truth": first.target.tolist(), "predicted": first.answers.tolist()},
        )


def evaluate(survey: Survey, plan: Plan, trained: dict[str, Trained]) -> dict[str, HoldOut]:
    """Measure each model, by algorithm, on all hold-out rows, in one pass over the cache."""
    classes = plan.schema.classes
    design = Design(survey, plan)
    sums: dict[str, Any] = {
        name: Classification(len(classes), plan.deciding) if classes else Regression(plan.schema.label_mean)
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
    return {
        name: each.holdout(classes, plan.copies) if classes else each.holdout(plan.copies)
        for name, each in sums.items()
    }
