"""Logistic regression by LBFGS, one penalty after the other, and the work that it takes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from budget import lbfgs_work
from scipy import sparse
from touchdown_blend import LinearPart, Part
from training_set import Matrix, TrainingSet, training_rows

INVERSE_PENALTIES = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)
"""C of scikit-learn's LogisticRegression, which divides the penalty, strong ones first."""
ITERATIONS = 100
"""Iterations of LBFGS for one penalty, at most."""
PATH_ITERATIONS = 70
"""Iterations that all penalties of a fold take together, about: each begins where the one before ended."""
FEWEST_ITERATIONS = 2
"""Iterations for one penalty, if the classes and features are very many."""
FEW_EVALUATIONS = 2
"""How many times more often than it iterates LBFGS evaluates the loss, which counts if it iterates seldom."""
MOST_WEIGHTS = 2_000_000
"""Weights of a logistic regression, at most: LBFGS takes 200 bytes for each."""


class Logistic:
    """Logistic regression. The labels are indices into `classes` classes, not all of which need to occur."""

    name, symbol = "logistic regression", "C"
    penalties: tuple[float, ...] = INVERSE_PENALTIES
    default = 4

    def __init__(self, classes: int, weights: Callable[[np.ndarray], np.ndarray | None]) -> None:
        """weights: how much rows with some labels count; None if all rows count alike."""
        self._classes, self._weights = classes, weights
        self._iterations = ITERATIONS
        self._taken = 0
        self._hurried = False

    def work(self, rows: TrainingSet, most: int, folds: int) -> float:
        """Units of work that so many folds and the final model take, with at most `most` rows each."""
        iterations = PATH_ITERATIONS * folds + ITERATIONS // 2
        if self._hurried:
            iterations = (self._iterations + FEW_EVALUATIONS) * (folds + 1)
        return self._work(rows, most, iterations)

    def taken(self, rows: TrainingSet, most: int, _folds: int) -> float:
        """Units of work that all models have taken so far."""
        return self._work(rows, most, self._taken)

    def affords(self, rows: TrainingSet, most: int, folds: int, units: float) -> bool:
        """Whether so many units allow one more fold, which takes as long as one of the folds so far."""
        return self.taken(rows, most, folds) * (1 + 1 / folds) <= units

    def _work(self, rows: TrainingSet, most: int, iterations: int) -> float:
        outputs = 1 if self._classes == 2 else self._classes
        width = min(rows.schema.width, MOST_WEIGHTS // outputs)
        return lbfgs_work(most, rows.entries, outputs, iterations, width)

    def hurry(self, rows: TrainingSet, most: int, units: float) -> None:
        """Try the default penalty alone, in as many iterations as take so many units of work."""
        self.penalties, self.default, self._hurried = (self.penalties[self.default],), 0, True
        self._iterations = max(FEWEST_ITERATIONS, int(self._iterations * units / self.work(rows, most, 1)))

    def path(self, features: Matrix, target: np.ndarray, fold: slice, most: int) -> Iterator[Part]:
        """For each penalty, the model that predicts the fold."""
        rows, labels = training_rows(features, target, fold, most)
        estimator = logistic_estimator().set_params(max_iter=self._iterations)
        for penalty in self.penalties:
            yield self._fitted(estimator.set_params(C=penalty), rows, labels)

    def fit(self, features: Matrix, target: np.ndarray, penalty: float) -> LinearPart:
        estimator = logistic_estimator().set_params(C=penalty, max_iter=self._iterations)
        return self._fitted(estimator, features, target)

    def _fitted(self, estimator: Any, features: Matrix, target: np.ndarray) -> LinearPart:
        from sklearn import config_context

        seen = np.unique(target)
        if len(seen) == 1:
            return LinearPart(np.zeros((features.shape[1], 1)), np.zeros(1), seen)
        width = features.shape[1]
        kept = frequent(features, MOST_WEIGHTS // len(seen))
        if len(kept) < width:
            features = features[:, kept]
            self.symbol = f"the {len(kept)} most frequent features, C"
        with warnings.catch_warnings(), config_context(assume_finite=True):
            warnings.simplefilter("ignore")  # that the iterations end before the minimum is reached
            estimator.fit(features, target, sample_weight=self._weights(target))
        self._taken += int(estimator.n_iter_.max()) + FEW_EVALUATIONS * self._hurried
        weights = np.zeros((width, len(estimator.coef_)))
        weights[kept] = estimator.coef_.T
        return LinearPart(weights, estimator.intercept_.copy(), seen)


def frequent(features: Matrix, most: int) -> np.ndarray:
    """The places of so many features, in ascending order: those that are not 0 in most rows."""
    if features.shape[1] <= most:
        return np.arange(features.shape[1])
    counts = features.getnnz(axis=0) if sparse.issparse(features) else np.count_nonzero(features, axis=0)
    return np.sort(np.argsort(-counts, kind="stable")[:most])


def logistic_estimator() -> Any:
    """An untrained LogisticRegression. Trained for another penalty, it goes on from where it is."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=ITERATIONS, warm_start=True)
