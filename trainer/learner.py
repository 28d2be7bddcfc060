"""A linear model that learns from one chunk of rows after the other, with a step that suits each row."""

from __future__ import annotations

import contextlib
import copy
import math
import os
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from chunks import Chunk, squared_norms
from class_weights import of_rows
from holdout import HOLDOUT, SEED
from schema import Plan
from survey import Survey

MANY_ROWS = 50_000
"""Rows from which the classifiers of several classes are trained at the same time."""
MANY_CHUNKS = 16
"""Chunks of an epoch from which the weights after each are averaged, instead of those after each row.

To average after each row, as scikit-learn does, takes as long as to learn. Averages of fewer chunks are
noisier: with two, the RMSE was 5 % larger. scikit-learn averages no intercept of more than two classes, so
with these the weights after each chunk are averaged, however few chunks there are.
"""
MEASURED_ROWS = 2_500
"""Rows of a chunk that an epoch's loss is measured on."""
MAX_SQUARED_NORM = {"classification": 10.0, "regression": 2.0}
"""Mean squared row norm above which the learning rate is scaled down."""
LONGEST_STEP = {"classification": 4.0, "regression": 1.0}
"""Step times squared norm, the intercept's 1 included, at which a row's own step overshoots no more.

At 1, a step of the squared loss ends at the row's own target. A logistic loss is at most a quarter as steep.
"""
HEAVIEST_STEP = 1.0
"""The same for rows of average length of the class that weighs most. Longer steps make the loss so noisy that
training starts again, which is slower: of rows of 1:17, at 4, twice.
"""
NO_WEIGHT = 1e-300
"""scikit-learn accepts no weights that are all 0; so small a one changes nothing."""


class WeightOverflowError(ArithmeticError):
    """A weight of the model became infinite or NaN."""


class Learner:
    """Trains an SGDClassifier or SGDRegressor at a constant rate.

    The rate suits the rows' mean norm. A row that is so long that this step would overshoot has a smaller
    weight, and so a step of its own, so that no row can throw the model off. lr: the learning rate as it is
    used: at a larger one, every row would have a smaller weight.
    """

    def __init__(
        self,
        survey: Survey,
        plan: Plan,
        chunk: Chunk,
        lr: float,
        weights: np.ndarray | None = None,
        *,
        mixed: bool,
    ) -> None:
        """chunk: the first one, to estimate the norm from. mixed: whether its rows are shuffled already.

        weights: how much a row of each class counts; None if all rows count alike.
        """
        self._task, self._classes, self._whole = survey.task, len(plan.schema.classes), not mixed
        norm = max(mean_squared_norm(chunk.features), 1e-12)
        scaled = min(1.0, MAX_SQUARED_NORM[survey.task] / norm)
        self.lr = min(lr, LONGEST_STEP[survey.task] / scaled)
        self._class_weights = weights
        if weights is not None:
            # A row's step is as many times as long as the row weighs.
            self.lr = min(self.lr, HEAVIEST_STEP / (weights.max() * scaled * (norm + 1)))
        self._rate = self.lr * scaled
        self._shares = class_shares(survey, plan)
        if weights is not None:
            self._shares = np.full(self._classes, 1 / self._classes)
        many = survey.rows * (1 - HOLDOUT) >= MANY_CHUNKS * len(chunk.target)
        self._average_chunks = mixed and (many or self._classes > 2)
        self._estimator = self._new_estimator(survey, chunk.features.shape[1], mixed=mixed)
        self._averaged: Any = None
        self._chunks = 0

    def _new_estimator(self, survey: Survey, width: int, *, mixed: bool) -> Any:
        from sklearn.linear_model import SGDClassifier, SGDRegressor

        common = {"learning_rate": "constant", "eta0": self._rate, "shuffle": not mixed}
        # At a constant rate the weights keep moving around their optimum; their average does not.
        if not self._classes:
            return SGDRegressor(average=not self._average_chunks, **common)
        jobs = (os.cpu_count() or 1) if self._classes > 2 and survey.rows > MANY_ROWS else None
        average = mixed and not self._average_chunks
        found = SGDClassifier(loss="log_loss", average=average, n_jobs=jobs, **common)
        return found if np.ptp(self._shares) == 0 else started(found, self._shares, width)

    def learn(self, chunk: Chunk, step: int) -> tuple[float, float, float]:
        """Train on a chunk: its loss and accuracy afterwards, and the loss of the answer at the start.

        step: another one for each chunk. Raises WeightOverflowError.
        """
        from sklearn import config_context

        # partial_fit shuffles with the same seed in each call, so every call gets a seed of its own.
        self._estimator.set_params(random_state=SEED + step)
        classes = {"classes": np.arange(self._classes)} if self._classes else {}
        # A schema makes finite features only, so scikit-learn need not check them.
        with np.errstate(all="ignore"), config_context(assume_finite=True), discarded_warnings():
            try:
                weights = self._row_weights(chunk)
                self._estimator.partial_fit(chunk.features, chunk.target, sample_weight=weights, **classes)
            except ValueError as error:
                # scikit-learn has no class for this error: "under-/overflow check" in its _sgd_fast.pyx.tp.
                if str(error).startswith("Floating-point under-/overflow occurred"):
                    raise WeightOverflowError(str(error)) from error
                raise
            self._average()
            return self._measure(chunk)

    def _row_weights(self, chunk: Chunk) -> np.ndarray | None:
        """The weight of each row, None if it is 1."""
        longest = LONGEST_STEP[self._task] / self._rate
        weights = of_rows(self._class_weights, chunk.target)
        if weights is None and chunk.longest + 1 <= longest:
            return None
        most = longest / (squared_norms(chunk.features) + 1)
        found: np.ndarray = np.minimum(1.0 if weights is None else weights, most)
        return found

    def _average(self) -> None:
        """Move the mean of the weights after each chunk on to the present ones."""
        if not self._average_chunks:
            return
        self._chunks += 1
        if self._averaged is None:
            self._averaged = copy.deepcopy(self._estimator)
        for mean, now in (
            (self._averaged.coef_, self._estimator.coef_),
            (self._averaged.intercept_, self._estimator.intercept_),
        ):
            mean += (now - mean) / self._chunks

    @property
    def _answering(self) -> Any:
        """The estimator that answers with the averaged weights."""
        return self._estimator if self._averaged is None else self._averaged

    def _measured(self, chunk: Chunk) -> slice:
        return slice(None, None, 1 if self._whole else max(1, len(chunk.target) // MEASURED_ROWS))

    def _measure(self, chunk: Chunk) -> tuple[float, float, float]:
        """Loss, accuracy and loss at the start, on every row or on about MEASURED_ROWS of them."""
        some, start = self._measured(chunk), self.start_loss(chunk)
        features, target = chunk.features[some], chunk.target[some]
        if not self._classes:
            error = self._answering.predict(features) - target
            return float((error * error).mean()), math.nan, start
        codes, weights = target.astype(np.int64), of_rows(self._class_weights, target)
        loss, accuracy = losses(self._answering.predict_proba(features), codes, weights)
        return loss, accuracy, start

    def start_loss(self, chunk: Chunk) -> float:
        """The loss of answering the label's mean, which is 0, or the shares of the classes."""
        target = chunk.target[self._measured(chunk)]
        if not self._classes:
            return float((target * target).mean())
        answered = -np.log(self._shares[target.astype(np.int64)])
        return weighted_mean(answered, of_rows(self._class_weights, target))

    @property
    def finite(self) -> bool:
        """Whether every weight is a finite number."""
        found = self._answering
        return bool(np.isfinite(found.coef_).all() and np.isfinite(found.intercept_).all())

    def finished(self) -> Any:
        """The estimator, as it is saved."""
        found = self._answering
        return found.set_params(random_state=SEED, **({"n_jobs": None} if self._classes else {}))


def class_shares(survey: Survey, plan: Plan) -> np.ndarray:
    """The share of each class among the rows with a label; of shape (0,) for a regression."""
    known = plan.class_of >= 0
    counts = np.bincount(plan.class_of[known], survey.classes.counts[known], len(plan.schema.classes))
    shares: np.ndarray = counts / max(counts.sum(), 1)
    return shares


def started(estimator: Any, shares: np.ndarray, width: int) -> Any:
    """The untrained classifier with the intercepts that answer the shares. shares: none is 0 or 1.

    A fit is how scikit-learn takes intercepts to start from.
    """
    classes = len(shares)
    intercepts = np.log(shares / (1 - shares))
    rows = (np.zeros((classes, width)), np.arange(classes))
    usual = {name: estimator.get_params()[name] for name in ("max_iter", "tol", "random_state")}
    estimator.set_params(max_iter=1, tol=None, random_state=SEED)
    estimator.fit(
        *rows,
        coef_init=np.zeros((1 if classes == 2 else classes, width)),
        intercept_init=intercepts[1:] if classes == 2 else intercepts,
        sample_weight=np.full(classes, NO_WEIGHT),
    )
    return estimator.set_params(**usual)


@contextlib.contextmanager
def discarded_warnings() -> Iterator[None]:
    """Discard warnings, and restore the process's warning filters at the end.

    scikit-learn's threads each reset the filters, which are the process's, and restore them in any order
    (sklearn/utils/parallel.py): they may be left empty, and then each thread warns of that.
    """
    with warnings.catch_warnings(record=True):
        yield


def mean_squared_norm(features: np.ndarray) -> float:
    """The mean squared norm of the rows, estimated from about MEASURED_ROWS of them."""
    some = features[:: max(1, len(features) // MEASURED_ROWS)]
    return float(np.einsum("ij,ij->", some, some) / len(some))


def weighted_mean(values: np.ndarray, weights: np.ndarray | None) -> float:
    """The mean over the rows, whose weights have a mean of 1 over all training rows; None if each is 1."""
    return float(values.mean() if weights is None else (values * weights).mean())


def losses(
    probabilities: np.ndarray, codes: np.ndarray, weights: np.ndarray | None = None
) -> tuple[float, float]:
    """Loss as sklearn.metrics.log_loss and accuracy as sklearn.metrics.accuracy_score.

    probabilities: of shape (n, classes). codes: int64 of shape (n,), the true classes. weights: of the rows
    in the loss, of shape (n,), as weighted_mean takes them; the accuracy has none. scikit-learn's functions
    sort all labels in every call, which would take longer than the training.
    """
    of_the_true_class = probabilities[np.arange(len(codes)), codes]
    smallest = np.finfo(
        probabilities.dtype
    ).eps  # clipped as in log_loss, so that a certain error stays finite
    loss = -np.log(np.clip(of_the_true_class, smallest, 1 - smallest))
    return weighted_mean(loss, weights), float((probabilities.argmax(axis=1) == codes).mean())
