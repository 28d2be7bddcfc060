"""The linear candidate: logistic regression by LBFGS, or ridge; its penalty by cross-validation."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from budget import LINEAR_SHARE, Budget, gram_work, lbfgs_work
from choice import FINAL, Candidate, loss
from log_label import LogLabel
from logistic import Logistic
from scipy import linalg, sparse
from touchdown_blend import LinearPart, LogPart, Part
from training_set import LEAST_ROWS, Matrix, TrainingSet, before, training_rows

PENALTIES = tuple(10.0**power for power in range(5, -3, -1))
"""alpha of ridge regression, strong ones first."""
ITERATIONS = 100
"""Iterations of LSQR for one penalty, at most."""
RIDGE, LOG_RIDGE = "ridge regression", "ridge regression of the logarithm"
MOST_CORRECTED_ROWS = 200_000
"""Rows up to which trees may correct ridge regression, which takes its answers for all of them."""
ROWS_OF_CLASS = 20
"""Rows for each class that iterations are given up for: a class of one row teaches nothing."""
MOST_GRAM_FEATURES = 2000
"""Features up to which ridge regression solves the normal equations, which takes their number cubed."""


def choose_linear(rows: TrainingSet, budget: Budget) -> list[Candidate]:
    """The penalty whose models predict the folds best, and its model, trained on all rows.

    Where that exceeds the linear candidate's share of the budget, fewer folds are predicted, or the models
    are trained on fewer rows. How many iterations a fold takes is known once one is predicted. With a
    thousand classes, for which trees take longer than the budget, the linear candidate may take twice its
    share, and all of the budget if it has to: a single penalty is tried, in few iterations. For a label that
    is never negative, there is a second candidate, which learns its logarithm, if the rest of the share
    suffices for as many folds and rows.
    """
    features = rows.linear()
    share = budget.left * LINEAR_SHARE
    folds, most = list(range(len(rows.folds))), len(rows)
    first, *others = searches(rows)
    if first.work(rows, most, len(folds)) > share:
        folds = folds[-1:]
    most = fewer(most, max(LEAST_ROWS, ROWS_OF_CLASS * len(rows.schema.classes)), share, first, rows, folds)
    if first.work(rows, most, len(folds)) > 2 * share:
        first.hurry(rows, most, 2 * share)
        most = fewer(most, LEAST_ROWS, budget.left, first, rows, folds)
    found: list[Candidate] = []
    for search in [first, *others]:
        if not found or search.work(rows, most, len(folds)) <= share:
            found.append(_chosen(rows, features, search, folds, most, share))
            work = search.taken(rows, most, len(found[-1].predictions))
            budget.spend(work)
            share -= work
    return found


def fewer(
    most: int, least: int, units: float, search: Logistic | Ridge, rows: TrainingSet, folds: list[int]
) -> int:
    """So many rows, or as few as so many units of work allow, but not fewer than `least` of them."""
    while most > least and search.work(rows, most, len(folds)) > units:
        most = max(least, most // 2)
    return most


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
