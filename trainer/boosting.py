"""Trains gradient-boosted trees on as many training rows as fit in memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import touchdown_model as model
from boosting_choice import PENALTY
from class_weights import of_rows
from cores import threads
from holdout import HOLDOUT, SEED, sampling_hashes
from progress import Epoch
from refusals import BadInputError
from schema import Plan
from survey import Survey
from training import Trained, losses

MAX_ROWS = 500_000
MAX_CELLS = 15_000_000
LEAST_ROWS = 1000
"""Rows that are trained on even if they exceed MAX_CELLS."""
CURVE_ROWS = 20_000
"""Rows that the learning curve is measured on."""
CURVE_POINTS = 100
MOST_LOSS = 1e12
"""A loss from which a model has diverged, and its predictions would soon overflow. The mean's is about 1."""


def train_boosting(
    survey: Survey, plan: Plan, _folder: Path, rounds: int, lr: float, on_epoch: Callable[[Epoch], None]
) -> Trained:
    """HistGradientBoostingClassifier or …Regressor, trained for `rounds` rounds at rate `lr`.

    Raises BadInputError when the loss explodes. scikit-learn itself raises nothing then.
    """
    features, target = training_rows(survey, plan)
    # A column may have values in hold-out rows only. The trees never ask for it, but accept no empty column.
    features[:, np.isnan(features).all(axis=0)] = 0.0
    weights = plan.class_weights(target)
    estimator = boosting_estimator(plan, rounds, lr)
    with np.errstate(all="ignore"), threads(features.size):
        estimator.fit(features, target, sample_weight=of_rows(weights, target))
    history = learning_curve(estimator, features, target, weights, rounds, lr, on_epoch)
    return Trained(model.TouchdownModel(plan.schema, estimator, "boosting"), history, len(target))


def boosting_estimator(plan: Plan, rounds: int, lr: float) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    chosen = HistGradientBoostingClassifier if plan.schema.classes else HistGradientBoostingRegressor
    return chosen(
        max_iter=rounds,
        learning_rate=lr,
        early_stopping=False,
        l2_regularization=PENALTY,
        random_state=SEED,
        categorical_features=plan.schema.tree_categories(),
    )


def learning_curve(
    estimator: Any,
    features: np.ndarray,
    target: np.ndarray,
    weights: np.ndarray | None,
    rounds: int,
    lr: float,
    on_epoch: Callable[[Epoch], None],
) -> list[Epoch]:
    """The loss after about CURVE_POINTS of the rounds, the first and the last among them.

    Measured on about CURVE_ROWS of the training rows. weights: of the classes; None if all rows count alike.
    Raises BadInputError when the loss exceeds MOST_LOSS.
    """
    history: list[Epoch] = []
    some = slice(None, None, max(1, len(target) // CURVE_ROWS))
    truth, every = target[some], max(1, rounds // CURVE_POINTS)
    classifier = hasattr(estimator, "staged_predict_proba")
    stages = estimator.staged_predict_proba if classifier else estimator.staged_predict
    for number, predicted in enumerate(stages(features[some]), start=1):
        if number % every and number not in (1, rounds):
            continue
        if classifier:
            codes = np.searchsorted(estimator.classes_, truth)
            loss, accuracy = losses(predicted, codes, of_rows(weights, truth))
        else:
            with np.errstate(over="ignore", invalid="ignore"):
                loss, accuracy = float(((predicted - truth) ** 2).mean()), math.nan
        if not loss <= MOST_LOSS:
            raise BadInputError(f"boosting diverged at learning rate {lr:g}; choose a smaller lr")
        history.append(Epoch.measured_now(number, loss, accuracy))
        on_epoch(history[-1])
    return history


def training_rows(survey: Survey, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """Features and target of the rows that are trained on.

    If there are too many, those with the smallest hashes, which is a random sample but always the same, and
    all training rows of small classes.
    """
    width = sum(column.tree_width for column in plan.schema.columns)
    most = max(LEAST_ROWS, min(MAX_ROWS, MAX_CELLS // width))
    share = min(1.0, most / max(1.0, survey.rows * (1 - HOLDOUT)))
    below = np.uint64(min(2**64 - 1, int(share * 2**64)))
    features, targets = [], []
    for batch in survey.cache.batches():
        label = plan.labels(batch)
        chosen = plan.labelled(label) & ~plan.split.mask(batch.start, len(label))
        if share < 1:
            kept = plan.split.kept(batch.start, len(label))
            chosen &= (sampling_hashes(batch.start, len(label)) < below) | kept
        rows = np.flatnonzero(chosen)
        if len(rows):
            features.append(plan.schema.tree_features(plan.values(batch, rows)))
            targets.append(label[rows])
    return np.concatenate(features), plan.targets(np.concatenate(targets))
