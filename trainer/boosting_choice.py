"""The candidates of gradient-boosted trees: their number of rounds by cross-validation.

For numbers, there are two: trees that estimate the label, and trees that estimate what ridge regression
leaves of it. The latter suit a label that follows lines apart from steps and bends. On 17 public tables (197
to 24,000 rows), blends with them had 0.973 times the hold-out RMSE of those without (geometric mean).
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from budget import Budget, binning_work, tree_work
from choice import FINAL, Candidate
from cores import threads
from holdout import SEED
from linear_choice import loss_of
from progress import say
from touchdown_blend import CorrectedPart, LogPart, TreePart
from touchdown_model import DATE
from training_set import LEAST_ROWS, TrainingSet, before, training_rows

BOOSTING, CORRECTED = "boosting", "boosted ridge regression"
RATE, CAREFUL_RATE, MANY_CLASSES = 0.1, 0.05, 20
"""Learning rate, and the one above so many classes: their trees diverge at a higher one."""
FASTEST = 3.0
"""How many times as high the rate may be if the budget allows few rounds."""
LEAF_ROWS, PENALTY = 10, 1.0
"""min_samples_leaf and l2_regularization. Without the latter, trees of many classes diverge."""
FEATURE_SHARE = 0.5
"""Features that each split may choose from, unless there are dates, whose parts stand for each other."""
MOST_ROUNDS, FEWEST_ROUNDS, PATIENCE = 500, 30, 20
"""Rounds: at most; that training rows are given up for; and after which a loss that did not fall is final.

A patience of 10 takes a tenth less time on small tables, but several lose 1 to 4 % of log loss or RMSE.
"""
LEAST_ROUNDS = 5
"""Rounds that are worth growing: after fewer, the answers are hardly any other than the classes' shares."""
ENOUGH_ROUNDS = 100
"""Rounds that suffice for RATE, about. For fewer, the rate is higher."""
CHOICE_ROWS = 200_000
"""Rows from which a fold is predicted, at most."""
LEAST_TREE_ROWS = 40
"""Rows below which a tree hardly splits anything."""
BINNED_ROWS, MOST_BINS = 1000, 255
"""Rows whose values tell how many bins a feature has, about; and bins, at most."""
BLOCK = 3.0
"""Units of work after which progress is told."""


@dataclass
class Boosting:
    """How trees are grown.

    features: of all training rows. reserved: units of the budget that are for others. linear: what the trees
    correct, as Candidate.everywhere; if it is empty, they estimate the label.
    """

    rows: TrainingSet
    features: np.ndarray
    budget: Budget
    reserved: float = 0.0
    linear: dict[int, np.ndarray] = field(default_factory=dict)
    bins: int = field(init=False)
    """How many bins the values of all features are sorted into, about."""
    trees: int = field(init=False)
    """How many trees a round has."""
    rate: float = field(init=False)
    most_rounds: int = field(init=False)
    most_rows: int = field(init=False)

    def __post_init__(self) -> None:
        classes = len(self.rows.schema.classes)
        some = self.features[:: max(1, len(self.features) // BINNED_ROWS)]
        self.bins = sum(min(MOST_BINS, len(np.unique(column))) for column in some.T)
        self.trees = classes if classes > 2 else 1
        self.most_rows = len(self.rows)
        self.most_rounds = min(MOST_ROUNDS, self._affordable())
        while self.most_rounds < FEWEST_ROUNDS and self.most_rows > LEAST_ROWS:
            self.most_rows = max(LEAST_ROWS, self.most_rows * 2 // 3)
            self.most_rounds = min(MOST_ROUNDS, self._affordable())
        rate = CAREFUL_RATE if classes > MANY_CLASSES else RATE
        self.rate = rate * min(FASTEST, max(1.0, ENOUGH_ROUNDS / max(1, self.most_rounds)))

    def work(self, rows: int, rounds: int) -> float:
        """Units of work that so many rounds take."""
        width = self.features.shape[1]
        return binning_work(rows, width) + rounds * self.trees * tree_work(rows, width, self.bins, LEAF_ROWS)

    def _affordable(self) -> int:
        """How many rounds the budget allows for one fold and the final model."""
        chosen_on = min(self.most_rows, CHOICE_ROWS)
        first, final = self.work(chosen_on, 0), self.work(self.most_rows, 0)
        each = self.work(chosen_on, 1) + self.work(self.most_rows, 1) - first - final
        return int((self.left - first - final) / each)

    @property
    def left(self) -> float:
        """Units of the budget that these trees may still take."""
        return self.budget.left - self.reserved

    @property
    def thorough(self) -> bool:
        """Whether the budget allows as many rounds as suffice, on all rows."""
        return self.most_rounds >= ENOUGH_ROUNDS and self.most_rows == len(self.rows)

    def affords(self, grown: list[Any]) -> bool:
        """Whether the budget allows one more fold beside the final model, judged by the folds so far."""
        rounds = max(each.n_iter_ for each in grown)
        best = best_rounds([-each.validation_score_[1:] for each in grown])
        return self.work(self.most_rows, rounds) + self.work(self.most_rows, best) <= self.left

    def target(self, fold: int) -> np.ndarray:
        """What trees estimate that predict a fold: the label, or what the linear model leaves of it."""
        found: np.ndarray = self.rows.target - self.linear[fold] if self.linear else self.rows.target
        return found

    # --- Growing ----------------------------------------------------------------------------------------

    def estimator(self) -> Any:
        """Untrained trees."""
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        schema = self.rows.schema
        chosen = HistGradientBoostingClassifier if schema.classes else HistGradientBoostingRegressor
        dates = any(column.kind == DATE for column in schema.columns)
        return chosen(
            learning_rate=self.rate,
            min_samples_leaf=LEAF_ROWS,
            l2_regularization=PENALTY,
            max_features=1.0 if dates else FEATURE_SHARE,
            categorical_features=schema.tree_categories(),
            early_stopping=False,
            n_iter_no_change=PATIENCE,
            tol=0.0,
            warm_start=True,
            random_state=SEED,
        )

    def for_fold(self, number: int, most_rounds: int) -> Any:
        """Trees of rows outside a fold. They grow until the loss of the fold's rows falls no more.

        The fold's rows of classes that none of the other rows has are not looked at.
        """
        fold = self.rows.folds[number]
        most = min(self.most_rows, CHOICE_ROWS)
        self.rows.encode(self.features, fold, trees=True)
        features, target = training_rows(self.features, self.target(number), fold, most)
        validation = self.target(number)[fold]
        known = (
            np.isin(validation, target) if self.rows.schema.classes else np.ones(len(validation), dtype=bool)
        )
        estimator = self.estimator().set_params(early_stopping=True)
        self._grow(
            estimator,
            features,
            target,
            most_rounds,
            {
                "X_val": self.features[fold][known],
                "y_val": validation[known],
                "sample_weight_val": self.rows.weights(validation[known]),
            },
        )
        return estimator

    def final(self, rounds: int) -> TreePart:
        """So many rounds of trees of all training rows, or of as many as the budget allows."""
        estimator = self.estimator()
        self.rows.encode(self.features, trees=True)
        most = self.most_rows
        self._grow(estimator, before(self.features, most), self.target(FINAL)[:most], rounds, {})
        return TreePart(estimator)

    def _grow(
        self,
        estimator: Any,
        features: np.ndarray,
        target: np.ndarray,
        rounds: int,
        validation: dict[str, Any],
    ) -> None:
        """Grow trees in blocks of rounds, between which progress is told."""
        rows, weights = len(target), self.rows.weights(target)
        block = max(1, int(BLOCK / (self.work(rows, 1) - self.work(rows, 0))))
        blocks = max(1, rounds // block)
        with threads(features.size):
            for most in (rounds * number // blocks for number in range(1, blocks + 1)):
                estimator.set_params(max_iter=most).fit(features, target, weights, **validation)
                if estimator.n_iter_ < most or self.budget.out_of_time:
                    break
                if most < rounds:
                    say(f"boosting: {most} of at most {rounds} rounds")
        self.budget.spend(self.work(rows, estimator.n_iter_))


def could_boost(rows: TrainingSet) -> bool:
    """Whether there are enough rows for trees."""
    return bool(rows.folds) and len(rows) >= LEAST_TREE_ROWS


def choose_boosting(rows: TrainingSet, budget: Budget, others: list[Candidate]) -> list[Candidate]:
    """Trees, and those that correct the best of the linear candidates, where it can be corrected.

    The latter need the budget for as many rounds as suffice beside the former. There are neither if there are
    too few rows for trees, or if the budget allows a few rounds only.
    """
    if not could_boost(rows):
        return []
    started = time.perf_counter()
    features = rows.trees()
    halves = Boosting(rows, features, budget, budget.left / 2)
    linear = min(others, key=lambda each: loss_of(rows, each))
    corrects = bool(linear.everywhere) and halves.thorough
    boosting = halves if corrects else Boosting(rows, features, budget)
    if boosting.most_rounds < LEAST_ROUNDS:
        return []
    found = [_candidate(BOOSTING, boosting, range(len(rows.folds)), started)]
    if corrects:
        started = time.perf_counter()
        reserved = boosting.work(len(rows), found[0].rounds)
        corrected = Boosting(rows, features, budget, reserved, linear.everywhere)
        trees = _candidate(CORRECTED, corrected, sorted(linear.predictions), started)
        part, grow = linear.fit(), trees.fit
        reach = part.reach if isinstance(part, LogPart) else (-math.inf, math.inf)
        trees.predictions = {
            number: np.clip(linear.predictions[number] + answers, *reach)
            for number, answers in trees.predictions.items()
        }
        trees.fit = lambda: CorrectedPart(part, grow(), reach)
        trees.corrects, trees.settings = linear.name, f"{trees.settings} after {linear.name}"
        found.append(trees)
    return found


def _candidate(name: str, boosting: Boosting, folds: Sequence[int], started: float) -> Candidate:
    """Trees whose number of rounds predicts the folds best: as many as the budget allows, at least one."""
    rows, budget = boosting.rows, boosting.budget
    grown: dict[int, Any] = {}
    # The last fold comes first: its training rows are a view of all of them.
    for number in reversed(folds):
        if grown and (budget.out_of_time or not boosting.affords(list(grown.values()))):
            break
        # Of losses, only as many rounds are looked at as all folds have.
        most = min([boosting.most_rounds, *(each.n_iter_ for each in grown.values())])
        grown[number] = boosting.for_fold(number, most)
    rounds = best_rounds([-each.validation_score_[1:] for each in grown.values()])
    classes = len(rows.schema.classes)
    predictions = {}
    for number, each in grown.items():
        rows.encode(boosting.features, rows.folds[number], trees=True)
        predictions[number] = staged_outputs(each, boosting.features[rows.folds[number]], rounds, classes)
    return Candidate(
        name,
        predictions,
        f"{rounds} rounds at rate {boosting.rate:.2g}",
        time.perf_counter() - started,
        boosting.most_rows,
        lambda: boosting.final(rounds),
        rounds,
    )


def best_rounds(losses: list[np.ndarray]) -> int:
    """The number of rounds with the smallest mean loss over the folds, while all of them go on."""
    shortest = min(map(len, losses))
    mean = np.mean([each[:shortest] for each in losses], axis=0)
    return int(np.argmin(mean)) + 1


def staged_outputs(estimator: Any, features: np.ndarray, rounds: int, classes: int) -> np.ndarray:
    """What trees answer after some of their rounds, as touchdown_blend.Part.outputs."""
    stages = estimator.staged_predict_proba(features) if classes else estimator.staged_predict(features)
    answer: np.ndarray = next(islice(stages, rounds - 1, rounds))
    if not classes:
        return answer
    probabilities = np.zeros((len(features), classes))
    probabilities[:, estimator.classes_.astype(np.int64)] = answer
    return probabilities
