"""What may be chosen, and how it is measured: on training rows that its models were not trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from out_of_fold import SMALLEST
from touchdown_blend import Part

FINAL = -1
"""Stands for the fold of no rows: its model is trained on all of them."""


@dataclass
class Candidate:
    """A model that may be chosen.

    predictions: by the number of a fold, what models of the other rows answered for its rows: probabilities
    of shape (n, classes), or standardised labels of shape (n,). settings: what was chosen within the
    candidate, in words. seconds: how long that took. rows: how many it is trained on. fit: trains it on them.
    rounds: of boosting; 1 for a linear model. everywhere: of ridge regression, by the number of a fold, the
    answers for all training rows of the model that has predicted the fold, and under FINAL those of the final
    model, of shape (n,); empty if no trees may correct it. corrects: the name of the candidate that it
    corrects, or "".
    """

    name: str
    predictions: dict[int, np.ndarray]
    settings: str
    seconds: float
    rows: int
    fit: Callable[[], Part]
    rounds: int = 1
    everywhere: dict[int, np.ndarray] = field(default_factory=dict)
    corrects: str = ""

    def answers(self, folds: list[int]) -> np.ndarray:
        """Its predictions of some folds' rows, one fold after the other."""
        return np.concatenate([self.predictions[fold] for fold in folds])


@dataclass(frozen=True)
class Scored:
    """What a candidate scored in the choice.

    score: None if there was nothing to compare it with. weight: its share in the model; 0 if it is no part of
    it.
    """

    name: str
    settings: str
    score: float | None
    seconds: float
    rows: int
    weight: float


@dataclass(frozen=True)
class ChoiceRecord:
    """How a model was chosen.

    metric: what the scores are: "log loss", "balanced log loss" (each class counts alike) or "RMSE". rows:
    how many training rows were predicted for it. folds: how many parts they come from; 1 for a single split,
    0 if there were too few rows to compare anything.
    """

    metric: str
    rows: int
    folds: int
    selected: str
    candidates: tuple[Scored, ...]

    def document(self) -> dict[str, Any]:
        """As metrics.json states it."""
        return asdict(self)


def loss(target: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Log loss of probabilities, or mean squared error of standardised labels; the rows' weighted mean."""
    if predictions.ndim == 1:
        return float(np.square(predictions - target).mean())
    true = predictions[np.arange(len(target)), target]
    return float(np.average(-np.log(np.clip(true, SMALLEST, 1.0)), weights=weights))
