"""The linear candidate: logistic regression by LBFGS, or ridge; its penalty by cross-validation."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from budget import LINEAR_SHARE, Budget, gram_work, lbfgs_work
from choice import FINAL, Candidate, loss
from log_label import LogLabel
from scipy import linalg, sparse
from touchdown_blend import LinearPart, LogPart, Part
from training_set import LEAST_ROWS, Matrix, TrainingSet, before, outside

INVERSE_PENALTIES = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)
"""C of scikit-learn's LogisticRegression, which divides the penalty, strong ones first."""
PENALTIES = tuple(10.0**power for power in range(5, -3, -1))
"""alpha of ridge regression, strong ones first."""
ITERATIONS = 100
"""Iterations of LBFGS for one penalty, at most."""
PATH_ITERATIONS = 70
"""Iterations that all penalties of a fold take together, about: each begins where the one before ended."""
RIDGE, LOG_RIDGE = "ridge regression", "ridge regression of the logarithm"
MOST_CORRECTED_ROWS = 200_000
"""Rows up to which trees may correct ridge regression, which takes its answers for all of them."""
MOST_OVER = 10.0
"""Units of work that the linear candidate may take beyond its share."""
FEWEST_ITERATIONS = 10
MOST_GRAM_FEATURES = 2000
"""Features up to which ridge regression solves the normal equations, which takes their number cubed."""


def choose_linear(rows: TrainingSet, budget: Budget) -> list[Candidate]:
    """The penalty whose models predict the folds best, and its model, trained on all rows.

    Where that exceeds the linear candidate's share of the budget, fewer folds are predicted, or the models
    are trained on fewer rows. How many iterations a fold takes is known once one is predicted. With a
    thousand classes and thousands of features, a single penalty is tried, in few iterations. For a label that
    is never negative, there is a second candidate, which learns its logarithm, if the rest of the share
    suffices for as many folds and rows.
    """
    features = rows.linear()
    share = budget.left * LINEAR_SHARE
    folds, most = list(range(len(rows.folds))), len(rows)
    first, *others = searches(rows)
    if first.work(rows, most, len(folds)) > share:
        folds = folds[-1:]
    while most > LEAST_ROWS and first.work(rows, most, len(folds)) > share:
        most = max(LEAST_ROWS, most // 2)
    if first.work(rows, most, len(folds)) > share + MOST_OVER:
        first.hurry(rows, most, share + MOST_OVER)
    found: list[Candidate] = []
    for search in [first, *others]:
        if not found or search.work(rows, most, len(folds)) <= share:
            found.append(_chosen(rows, features, search, folds, most, share))
            work = search.taken(rows, most, len(found[-1].predictions))
            budget.spend(work)
            share -= work
    return found


def searches(rows: TrainingSet) -> list[Logistic | Ridge]:
    """What is searched for the best penalty."""
    schema = rows.schema
    if schema.classes:
        return [Logistic(len(schema.classes), rows.weights)]
    label = LogLabel.of(rows.target, schema.label_mean, schema.label_scale) if rows.folds else None
    return [Ridge(), *([LogRidge(label)] if label else [])]


def _chosen(
    rows: TrainingSet, features: Matrix, search: Logistic | Ridge, folds: list[int], most: int, share: float
) -> Candidate:
    """The best penalty by these folds, and its model, trained on so many rows.

    share: units of work from which on no further fold is predicted.
    """
    started = time.perf_counter()
    classes = len(rows.schema.classes)
    paths: dict[int, list[Part]] = {}
    answers: dict[int, list[np.ndarray]] = {}
    # The last fold comes first, as for trees: a blend is chosen on the folds that all have predicted.
    for fold in reversed(folds):
        if answers and not search.affords(rows, most, len(answers), share):
            break
        held = rows.folds[fold]
        rows.encode(features, held)
        paths[fold] = list(search.path(features, rows.target, held, most))
        answers[fold] = [outputs(part, features[held], classes) for part in paths[fold]]
    losses = [
        sum(loss_sum(rows, rows.folds[fold], each[place]) for fold, each in answers.items())
        for place in range(len(search.penalties))
    ]
    best = int(np.argmin(losses)) if paths else search.default
    everywhere: dict[int, np.ndarray] = {}
    corrects = not classes and most == len(rows) <= MOST_CORRECTED_ROWS
    for fold, path in paths.items() if corrects else ():
        rows.encode(features, rows.folds[fold])
        everywhere[fold] = outputs(path[best], features, classes)
    rows.encode(features)
    part = search.fit(before(features, most), rows.target[:most], search.penalties[best])
    if corrects:
        everywhere[FINAL] = outputs(part, features, classes)
    return Candidate(
        search.name,
        {fold: each[best] for fold, each in answers.items()},
        f"{search.symbol} {search.penalties[best]:g}",
        time.perf_counter() - started,
        most,
        lambda: part,
        everywhere=everywhere,
    )


def outputs(part: Part, features: Matrix, classes: int) -> np.ndarray:
    """What a model answers for rows with these features, as Part.outputs. classes: their number, or 0."""
    if isinstance(part, LogPart):
        return part.outputs_from(outputs(part.part, features, classes))
    assert isinstance(part, LinearPart)
    return part.outputs_from(features @ part.weights + part.intercept, classes)


def loss_sum(rows: TrainingSet, fold: slice, predictions: np.ndarray) -> float:
    """The loss of a fold's rows, times what they count together."""
    target = rows.target[fold]
    weights = rows.weights(target)
    return loss(target, predictions, weights) * (len(target) if weights is None else float(weights.sum()))


def loss_of(rows: TrainingSet, candidate: Candidate) -> float:
    """A candidate's loss on the folds that it has predicted."""
    folds = sorted(candidate.predictions)
    target = rows.targets_of([rows.folds[fold] for fold in folds])
    return loss(target, candidate.answers(folds), rows.weights(target))


def training_rows(features: Matrix, target: np.ndarray, fold: slice, most: int) -> tuple[Matrix, np.ndarray]:
    """The rows that a fold is predicted from, at most so many."""
    if fold.start >= most:
        return before(features, most), target[:most]
    return outside(features, fold), np.delete(target, fold)


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
            iterations = self._iterations * (folds + 1)
        return self._work(rows, most, iterations)

    def taken(self, rows: TrainingSet, most: int, _folds: int) -> float:
        """Units of work that all models have taken so far."""
        return self._work(rows, most, self._taken)

    def affords(self, rows: TrainingSet, most: int, folds: int, units: float) -> bool:
        """Whether so many units allow one more fold, which takes as long as one of the folds so far."""
        return self.taken(rows, most, folds) * (1 + 1 / folds) <= units

    def _work(self, rows: TrainingSet, most: int, iterations: int) -> float:
        outputs = 1 if self._classes == 2 else self._classes
        return lbfgs_work(most, rows.entries, outputs, iterations, rows.schema.width)

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
        with warnings.catch_warnings(), config_context(assume_finite=True):
            warnings.simplefilter("ignore")  # that the iterations end before the minimum is reached
            estimator.fit(features, target, sample_weight=self._weights(target))
        self._taken += int(estimator.n_iter_.max())
        return LinearPart(estimator.coef_.T.copy(), estimator.intercept_.copy(), seen)


def logistic_estimator() -> Any:
    """An untrained LogisticRegression. Trained for another penalty, it goes on from where it is."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=ITERATIONS, warm_start=True)


class Ridge:
    """Ridge regression of a standardised label."""

    name, symbol, penalties, default = RIDGE, "alpha", PENALTIES, 5

    def hurry(self, rows: TrainingSet, most: int, units: float) -> None:
        """Do nothing: of a single output, no model takes long."""

    def work(self, rows: TrainingSet, most: int, folds: int) -> float:
        """Units of work that so many folds and the final model take, with at most `most` rows each."""
        width = rows.schema.width
        if width <= MOST_GRAM_FEATURES:
            return gram_work(most, rows.entries, width, folds * len(PENALTIES) + 1)
        return lbfgs_work(most, rows.entries, 1, ITERATIONS * (len(PENALTIES) * folds + 1))

    def taken(self, rows: TrainingSet, most: int, folds: int) -> float:
        """Units of work that so many folds and the final model have taken: what was known beforehand."""
        return self.work(rows, most, folds)

    def affords(self, _rows: TrainingSet, _most: int, _folds: int, _units: float) -> bool:
        return True

    def path(self, features: Matrix, target: np.ndarray, fold: slice, most: int) -> Iterator[Part]:
        """For each penalty, the model that predicts the fold."""
        rows, labels = training_rows(features, target, fold, most)
        yield from self._fitted(rows, labels, self.penalties)

    def fit(self, features: Matrix, target: np.ndarray, penalty: float) -> Part:
        return next(self._fitted(features, target, (penalty,)))

    def _fitted(
        self, features: Matrix, target: np.ndarray, penalties: tuple[float, ...]
    ) -> Iterator[LinearPart]:
        """A model for each penalty: by the normal equations, or step by step if there are many features."""
        mean = np.asarray(features.mean(axis=0)).ravel()
        middle = float(target.mean())
        if features.shape[1] > MOST_GRAM_FEATURES:
            for penalty in penalties:
                yield self._iterated(features, target, penalty)
            return
        products = features.T @ features
        products = products.toarray() if sparse.issparse(products) else products
        products -= len(target) * np.outer(mean, mean)
        with_label = features.T @ target - len(target) * middle * mean
        for penalty in penalties:
            penalised = products + penalty * np.eye(len(products))
            weights = linalg.solve(penalised, with_label, assume_a="pos")
            yield LinearPart(weights[:, np.newaxis], np.array([middle - mean @ weights]), np.empty(0))

    def _iterated(self, features: Matrix, target: np.ndarray, penalty: float) -> LinearPart:
        from sklearn.linear_model import Ridge as RidgeRegression

        estimator = RidgeRegression(alpha=penalty, solver="lsqr", max_iter=ITERATIONS)
        estimator.fit(features, target)
        return LinearPart(
            estimator.coef_[:, np.newaxis].copy(), np.array([estimator.intercept_]), np.empty(0)
        )


class LogRidge(Ridge):
    """Ridge regression of a label's logarithm."""

    name = LOG_RIDGE

    def __init__(self, label: LogLabel) -> None:
        self._label = label

    def path(self, features: Matrix, target: np.ndarray, fold: slice, most: int) -> Iterator[Part]:
        rows, labels = training_rows(features, target, fold, most)
        for part in self._fitted(rows, self._label.learned(labels), self.penalties):
            yield self._label.part(part, outputs(part, rows, 0), labels)

    def fit(self, features: Matrix, target: np.ndarray, penalty: float) -> Part:
        part = next(self._fitted(features, self._label.learned(target), (penalty,)))
        return self._label.part(part, outputs(part, features, 0), target)
