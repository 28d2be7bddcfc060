"""Trains a linear model by stochastic gradient descent, chunk by chunk, so that any number of rows fits."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import touchdown_model as model
from choice import ChoiceRecord
from chunks import Chunks
from class_weights import balanced
from learner import Learner, WeightOverflowError
from learner import losses as losses
from out_of_fold import Unseen
from parallel import read_ahead
from progress import Epoch, say
from refusals import BadInputError
from schema import Plan
from survey import Survey
from text import shorten

MOST_HALVINGS = 20
"""How often the learning rate is halved before the training is refused."""
ROUNDING = 1e-6
"""Share by which a loss may be above the one that training starts from."""
MOST_PRODUCTS, PRODUCTS_PER_BYTE = 1e10, 3000
"""Products of a feature and a weight that a training may compute: some 20 seconds, and more for larger files.

Weights are as many as features times classes, so 1000 classes and thousands of categories would take hours.
"""
MANY_ROWS = 50_000
"""Rows above which it may be above it by another 1 / rows for each feature, as chance alone makes it.

Features that say nothing would otherwise have a large dataset trained on again and again.
"""


@dataclass(frozen=True)
class Trained:
    """A model. epochs: the measured ones, in order. rows: how many it was trained on.

    choice: how it was chosen; None if the job named its algorithm. out_of_fold: training rows and what models
    of the others answered; None if none was predicted.
    """

    model: model.TouchdownModel
    epochs: list[Epoch]
    rows: int
    choice: ChoiceRecord | None = None
    out_of_fold: Unseen | None = None


class TooFastError(ArithmeticError):
    """A model came out worse than the answer that it started from, or its weights overflowed.

    lr: the learning rate. loss, start: after the epoch, and of the answer.
    """

    def __init__(self, lr: float, epoch: int, loss: float, start: float) -> None:
        super().__init__(f"loss {loss:.4g} after epoch {epoch}, {start:.4g} at the start")
        self.lr, self.epoch, self.loss, self.start = lr, epoch, loss, start


def train_linear(
    survey: Survey, plan: Plan, folder: Path, epochs: int, lr: float, on_epoch: Callable[[Epoch], None]
) -> Trained:
    """SGDClassifier (logistic loss) or SGDRegressor (squared loss), trained for `epochs` epochs at rate `lr`.

    Training starts from the answer of the mean, or of the classes' shares. If the loss after an epoch is
    above that of this answer, the rate is halved and training starts again; stdout and the plan's notes say
    so. folder: where features are cached. The same bytes, epochs and lr give the same model and metrics, bit
    for bit. Raises BadInputError if MOST_HALVINGS do not help.
    """
    epochs = affordable(survey, plan, epochs)
    chunks = Chunks(survey, plan, folder, epochs)
    weights = balanced(training_rows_by_class(survey, plan)) if plan.balanced else None
    answer = "the mean" if survey.task == "regression" else "the classes' shares"
    rate = lr
    for halvings in range(MOST_HALVINGS + 1):
        try:
            trained, used = attempt(survey, plan, chunks, epochs, rate, on_epoch, weights)
            break
        except TooFastError as error:
            rate = error.lr / 2
            worse = (
                f"loss {error.loss:.4g} in epoch {error.epoch} is above {error.start:.4g}, that of {answer}"
            )
            if halvings == MOST_HALVINGS:
                raise BadInputError(
                    f"training diverged: {worse}, even at learning rate {error.lr:g}; choose a smaller lr"
                ) from error
            say(f"{worse}: training starts again at learning rate {rate:g}")
    chunks.delete()
    if halvings:
        plan.notes.append(
            f"linear was trained at learning rate {used:g}: at twice that rate, the loss after an epoch was"
            f" above that of answering {answer}"
        )
    elif used < lr:
        where = "every row" if weights is None else "rows of the class that counts most"
        plan.notes.append(f"linear was trained at learning rate {used:g}: larger ones overshoot at {where}")
    return trained


def affordable(survey: Survey, plan: Plan, epochs: int) -> int:
    """As many of these epochs as a file of this size may take. The plan's notes say so if they are fewer.

    Raises BadInputError if a single one is too many.
    """
    outputs = len(plan.schema.classes) if len(plan.schema.classes) > 2 else 1
    each = float(survey.rows) * plan.schema.width * outputs
    most = int((MOST_PRODUCTS + PRODUCTS_PER_BYTE * survey.source.size) // each)
    if most >= epochs:
        return epochs
    what = f"{len(plan.schema.classes)} classes and {plan.schema.width} features"
    if not most:
        raise BadInputError(
            f"dataset {shorten(survey.source.name)}: {what} take too long with a linear model; choose"
            " the algorithm auto, merge classes, or leave out columns of many categories"
        )
    plan.notes.append(
        f"linear was trained for {most} epochs instead of {epochs}: with {what}, each takes long"
    )
    return most


def attempt(
    survey: Survey,
    plan: Plan,
    chunks: Chunks,
    epochs: int,
    lr: float,
    on_epoch: Callable[[Epoch], None],
    weights: np.ndarray | None,
) -> tuple[Trained, float]:
    """Train from the start at one rate: the model, and the rate that was used. Raises TooFastError.

    weights: of the classes; None if all rows count alike.
    """
    learner: Learner | None = None
    history: list[Epoch] = []
    slack = ROUNDING + (plan.schema.width / survey.rows if survey.rows > MANY_ROWS else 0)
    for number in range(1, epochs + 1):
        measured: list[tuple[float, float, float]] = []
        rows: list[int] = []
        for chunk in read_ahead(chunks.epoch(number)) if chunks.mixed else chunks.epoch(number):
            learner = learner or Learner(survey, plan, chunk, lr, weights, mixed=chunks.mixed)
            try:
                measured.append(learner.learn(chunk, number + sum(rows)))
            except WeightOverflowError as error:
                raise TooFastError(learner.lr, number, math.inf, learner.start_loss(chunk)) from error
            rows.append(len(chunk.target))
            chunks.release(chunk)
        assert learner is not None
        loss, accuracy, start = map(float, np.average(measured, axis=0, weights=rows))
        if not loss <= start * (1 + slack) or not learner.finite:
            raise TooFastError(learner.lr, number, loss, start)
        history.append(Epoch.measured_now(number, loss, accuracy))
        on_epoch(history[-1])
    assert learner is not None
    trained = model.TouchdownModel(plan.schema, learner.finished(), "linear")
    return Trained(trained, history, sum(rows)), learner.lr


def training_rows_by_class(survey: Survey, plan: Plan) -> np.ndarray:
    """How many training rows each class has. It reads the whole cache once."""
    counts = np.zeros(len(plan.schema.classes), dtype=np.int64)
    for batch in survey.cache.batches():
        label = plan.labels(batch)
        trained = plan.labelled(label) & ~plan.split.mask(batch.start, len(label))
        counts += np.bincount(label[trained], minlength=len(counts))
    return counts
