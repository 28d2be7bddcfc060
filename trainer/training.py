"""Trains a linear model by stochastic gradient descent, chunk by chunk, so that any number of rows fits."""

from __future__ import annotations

import contextlib
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import touchdown_model as model
from choice import ChoiceRecord
from chunks import Chunk, Chunks
from holdout import SEED
from parallel import read_ahead
from refusals import BadInputError
from schema import Plan
from survey import Survey

MANY_ROWS = 50_000
"""Rows from which the classifiers of several classes are trained at the same time."""
MEASURED_ROWS = 2_500
"""Rows of a chunk that an epoch's loss is measured on."""
MAX_SQUARED_NORM = {"classification": 10.0, "regression": 2.0}
"""Mean squared row norm above which the learning rate is scaled down."""


@dataclass(frozen=True)
class Epoch:
    """One pass over the training rows, or one round of boosting, measured at its end.

    loss: as sklearn.metrics.log_loss, or the mean squared error in units of the label's variance. accuracy:
    in [0, 1]; NaN for a regression. milliseconds: the time of the measurement, since 1970, as MLflow counts.
    """

    number: int
    loss: float
    accuracy: float
    milliseconds: int

    @classmethod
    def measured_now(cls, number: int, loss: float, accuracy: float) -> Epoch:
        return cls(number, loss, accuracy, time.time_ns() // 1_000_000)


@dataclass(frozen=True)
class Trained:
    """A model. epochs: the measured ones, in order. rows: how many it was trained on.

    choice: how it was chosen; None if the job named its algorithm.
    """

    model: model.TouchdownModel
    epochs: list[Epoch]
    rows: int
    choice: ChoiceRecord | None = None


class WeightOverflowError(ArithmeticError):
    """A weight of the model became infinite or NaN."""


def train_linear(
    survey: Survey, plan: Plan, folder: Path, epochs: int, lr: float, on_epoch: Callable[[Epoch], None]
) -> Trained:
    """SGDClassifier (logistic loss) or SGDRegressor (squared loss), trained for `epochs` epochs at rate `lr`.

    folder: where features are cached. The same bytes, epochs and lr give the same model and metrics, bit for
    bit. Raises BadInputError when the weights overflow, as they do if the learning rate is far too high.
    """
    chunks = Chunks(survey, plan, folder, epochs)
    classes = plan.schema.classes
    estimator: Any = None
    history: list[Epoch] = []
    trained_on = 0
    for number in range(1, epochs + 1):
        measured: list[tuple[float, float, int]] = []
        trained_on = 0
        for chunk in read_ahead(chunks.epoch(number)) if chunks.mixed else chunks.epoch(number):
            if estimator is None:
                estimator = linear_estimator(survey, plan, chunk, lr, mixed=chunks.mixed)
            # partial_fit shuffles with the same seed in each call, so every call gets a seed of its own.
            estimator.set_params(random_state=SEED + number + trained_on)
            trained_on += len(chunk.target)
            try:
                measured.append(fit_chunk(estimator, chunk, classes, whole=not chunks.mixed))
            except WeightOverflowError as error:
                raise diverged(number, lr) from error
            chunks.release(chunk)
        weights = np.array([rows for _, _, rows in measured], dtype=float)
        loss = float(np.average([loss for loss, _, _ in measured], weights=weights))
        if not math.isfinite(loss) or not np.isfinite(estimator.coef_).all():
            raise diverged(number, lr)
        accuracy = float(np.average([accuracy for _, accuracy, _ in measured], weights=weights))
        history.append(Epoch.measured_now(number, loss, accuracy))
        on_epoch(history[-1])
    chunks.delete()
    estimator.set_params(random_state=SEED, **({"n_jobs": None} if classes else {}))
    return Trained(model.TouchdownModel(plan.schema, estimator, "linear"), history, trained_on)


def diverged(epoch: int, lr: float) -> BadInputError:
    return BadInputError(f"training diverged in epoch {epoch} at learning rate {lr:g}; choose a smaller lr")


def linear_estimator(survey: Survey, plan: Plan, chunk: Chunk, lr: float, *, mixed: bool) -> Any:
    """An untrained estimator. chunk: the first one; mixed: whether its rows are shuffled already."""
    from sklearn.linear_model import SGDClassifier, SGDRegressor

    squared_norm = max(mean_squared_norm(chunk.features), 1e-12)
    rate = lr * min(1.0, MAX_SQUARED_NORM[survey.task] / squared_norm)
    common = {"learning_rate": "constant", "eta0": rate, "shuffle": not mixed}
    # At a constant rate the weights keep moving around their optimum; their average does not.
    classes = plan.schema.classes
    if not classes:
        return SGDRegressor(average=True, **common)
    jobs = (os.cpu_count() or 1) if len(classes) > 2 and survey.rows > MANY_ROWS else None
    return SGDClassifier(loss="log_loss", average=mixed, n_jobs=jobs, **common)


@contextlib.contextmanager
def discarded_warnings() -> Iterator[None]:
    """Discard warnings, and restore the process's warning filters at the end.

    scikit-learn's threads each reset the filters, which are the process's, and restore them in any order
    (sklearn/utils/parallel.py): they may be left empty, and then each thread warns of that.
    """
    with warnings.catch_warnings(record=True):
        yield


def fit_chunk(
    estimator: Any, chunk: Chunk, classes: tuple[str, ...], *, whole: bool
) -> tuple[float, float, int]:
    """Train on a chunk and measure it, as `measure`. Raises WeightOverflowError."""
    from sklearn import config_context

    # A schema makes finite features only, so scikit-learn need not check them.
    with np.errstate(all="ignore"), config_context(assume_finite=True), discarded_warnings():
        try:
            if classes:
                estimator.partial_fit(chunk.features, chunk.target, classes=np.arange(len(classes)))
            else:
                estimator.partial_fit(chunk.features, chunk.target)
        except ValueError as error:
            # scikit-learn has no class for this error; see "under-/overflow check" in its _sgd_fast.pyx.tp.
            if str(error).startswith("Floating-point under-/overflow occurred"):
                raise WeightOverflowError(str(error)) from error
            raise
        return measure(estimator, chunk, whole=whole)


def mean_squared_norm(features: np.ndarray) -> float:
    """The mean squared norm of the rows, estimated from about MEASURED_ROWS of them."""
    some = features[:: max(1, len(features) // MEASURED_ROWS)]
    return float(np.einsum("ij,ij->", some, some) / len(some))


def measure(estimator: Any, chunk: Chunk, *, whole: bool) -> tuple[float, float, int]:
    """Loss, accuracy and rows of a chunk. whole: measure on every row, not on about MEASURED_ROWS of them."""
    step = 1 if whole else max(1, len(chunk.target) // MEASURED_ROWS)
    features, target = chunk.features[::step], chunk.target[::step]
    if not hasattr(estimator, "predict_proba"):
        error = estimator.predict(features) - target
        return float((error * error).mean()), math.nan, len(chunk.target)
    loss, accuracy = losses(estimator.predict_proba(features), target.astype(np.int64))
    return loss, accuracy, len(chunk.target)


def losses(probabilities: np.ndarray, codes: np.ndarray) -> tuple[float, float]:
    """Loss as sklearn.metrics.log_loss and accuracy as sklearn.metrics.accuracy_score.

    probabilities: of shape (n, classes). codes: int64 of shape (n,), the true classes. scikit-learn's
    functions sort all labels in every call, which would take longer than the training.
    """
    of_the_true_class = probabilities[np.arange(len(codes)), codes]
    smallest = np.finfo(
        probabilities.dtype
    ).eps  # clipped as in log_loss, so that a certain error stays finite
    loss = -np.log(np.clip(of_the_true_class, smallest, 1 - smallest)).mean()
    return float(loss), float((probabilities.argmax(axis=1) == codes).mean())
