"""Training by passes over the cache: a linear model chunk by chunk, boosted trees on a bounded sample."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import touchdown_model as model
from reading import read_ahead
from refusals import BadInput
from schema import Plan
from survey import HOLDOUT, SEED, Survey, row_hashes

CHUNK_ROWS = 262_144
CHUNK_CELLS = 6_000_000
"""Features of one chunk, 48 MB: two chunks are in memory at once."""
MEASURED_ROWS = 20_000
"""Rows of a chunk that an epoch's loss is measured on, where there are several chunks."""
LONG_ROW = {"classification": 10.0, "regression": 2.0}
"""Mean square length of a row of features up to which the learning rate is used as it is given."""
BOOSTED_ROWS = 500_000
BOOSTED_CELLS = 15_000_000
CURVE_POINTS = 100


@dataclass(frozen=True)
class Epoch:
    """One pass over the training rows (one round of boosting), measured after it.

    loss: as sklearn.metrics.log_loss, or the mean squared error in units of the label's variance; accuracy is
    NaN for a regression.
    """

    number: int
    loss: float
    accuracy: float
    milliseconds: int  # since 1970, as MLflow counts


@dataclass(frozen=True)
class Trained:
    """rows: how many were trained on."""

    model: model.TouchdownModel
    epochs: list[Epoch]
    rows: int


@dataclass
class Chunk:
    """Training rows: features of shape (n, width), and the label as class indices or scaled numbers."""

    features: np.ndarray
    target: np.ndarray


class Design:
    """Makes the features of cached rows, the same ones that the deployed model makes, many columns at a time."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        columns = plan.schema.columns
        self.width = plan.schema.width
        starts = np.cumsum([0, *(column.width for column in columns)])[:-1]
        simple = [
            place for place, column in enumerate(columns) if column.kind in (model.NUMBER, model.BOOLEAN)
        ]
        self._rows = np.array([plan.places[place] for place in simple], dtype=np.int64)
        self._features = np.array([starts[place] for place in simple], dtype=np.int64)
        self._mean = np.array([columns[place].mean[0] for place in simple])[:, np.newaxis]
        self._scale = np.array([columns[place].scale[0] for place in simple])[:, np.newaxis]
        flagged = [index for index, place in enumerate(simple) if columns[place].indicator]
        self._flagged = np.array(flagged, dtype=np.int64)
        others = set(range(len(columns))) - set(simple)
        self._others = [(place, int(starts[place])) for place in sorted(others)]

    def features(self, numbers: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Float64 of shape (n, width) for n rows of the cache, given as (columns, n) each."""
        plan = self.plan
        count = numbers.shape[1] if len(numbers) else codes.shape[1]
        found = np.zeros((count, self.width))
        if len(self._rows):
            values = numbers[self._rows] if len(self._rows) < len(numbers) else numbers
            found[:, self._features] = model.standardised(values, self._mean, self._scale).T
            for index in self._flagged:
                found[np.isnan(values[index]), self._features[index] + 1] = 1.0
        for place, start in self._others:
            column, lookup = plan.schema.columns[place], plan.lookups[place]
            values = numbers[plan.places[place]] if lookup is None else lookup[codes[plan.places[place]]]
            column.write(values, found[:, start : start + column.width])
        return found


def chunks(survey: Survey, plan: Plan, design: Design, epoch: int) -> Iterator[Chunk]:
    """The training rows of one epoch, in an order of its own.

    Batches are taken at random and several make a chunk: rows that lie sorted by their label in the file
    do not come sorted.
    """
    cache = survey.cache
    order = np.arange(len(cache))
    rows = max(256, min(CHUNK_ROWS, CHUNK_CELLS // max(1, design.width)))
    if len(cache) > 1:
        order = np.random.default_rng(SEED + epoch).permutation(len(cache))
    waiting: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    gathered = 0
    for number in order:
        batch = cache.read(int(number))
        label = plan.labels(batch)
        taken = plan.labelled(label) & ~plan.split.mask(batch.start, len(label))
        if taken.all():
            waiting.append((batch.numbers, batch.codes, label))
        elif taken.any():
            waiting.append((batch.numbers[:, taken], batch.codes[:, taken], label[taken]))
        gathered += int(taken.sum())
        if gathered >= rows:
            yield from _chunk(plan, design, waiting, rows)
            waiting, gathered = [], 0
    if waiting:
        yield from _chunk(plan, design, waiting, rows)


def _chunk(
    plan: Plan, design: Design, parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]], rows: int
) -> Iterator[Chunk]:
    count = sum(len(label) for _, _, label in parts)
    label = np.concatenate([label for _, _, label in parts])
    target = label if plan.schema.classes else (label - plan.schema.label_mean) / plan.schema.label_scale
    if design.width * count <= 2 * CHUNK_CELLS or len(parts) > 1:
        features = np.empty((count, design.width))
        start = 0
        for numbers, codes, each in parts:
            features[start : start + len(each)] = design.features(numbers, codes)
            start += len(each)
        yield Chunk(features, target)
        return
    numbers, codes, _ = parts[0]  # so wide that one batch is several chunks
    for first in range(0, count, rows):
        part = slice(first, first + rows)
        yield Chunk(design.features(numbers[:, part], codes[:, part]), target[part])


# --- A linear model ----------------------------------------------------------------------------------


def train_linear(
    survey: Survey, plan: Plan, epochs: int, lr: float, on_epoch: Callable[[Epoch], None]
) -> Trained:
    """SGDClassifier (logistic loss) or SGDRegressor (squared loss) by `epochs` passes at rate `lr`.

    The same bytes, epochs and lr give the same model and metrics, bit for bit.
    Raises BadInput when the weights overflow, which a learning rate that is far too high makes them do.
    """
    from sklearn.linear_model import SGDClassifier, SGDRegressor

    design = Design(plan)
    classes = plan.schema.classes
    estimator: Any = None
    history: list[Epoch] = []
    trained_on = 0
    for number in range(1, epochs + 1):
        measured: list[tuple[float, float, int]] = []
        trained_on = 0
        for chunk in read_ahead(chunks(survey, plan, design, number)):
            if estimator is None:
                rate = lr * min(1.0, LONG_ROW[survey.task] / max(mean_square(chunk.features), 1e-12))
                if classes:
                    estimator = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=rate)
                else:
                    # The last steps at a constant rate scatter around the best weights; their mean does not.
                    estimator = SGDRegressor(learning_rate="constant", eta0=rate, average=True)
            # partial_fit starts its shuffle from the seed each time: a seed per epoch and chunk.
            estimator.set_params(random_state=SEED + number + trained_on)
            trained_on += len(chunk.target)
            with contextlib.suppress(ValueError), np.errstate(all="ignore"):  # weights that overflow
                if classes:
                    estimator.partial_fit(chunk.features, chunk.target, classes=np.arange(len(classes)))
                else:
                    estimator.partial_fit(chunk.features, chunk.target)
                measured.append(measure(estimator, chunk, whole=len(survey.cache) == 1))
                continue
            measured.append((math.nan, math.nan, len(chunk.target)))
        weights = np.array([rows for _, _, rows in measured], dtype=float)
        loss = float(np.average([loss for loss, _, _ in measured], weights=weights))
        if not math.isfinite(loss) or not np.isfinite(estimator.coef_).all():
            raise BadInput(
                f"training diverged in epoch {number} at learning rate {lr:g}; choose a smaller lr"
            )
        accuracy = float(np.average([accuracy for _, accuracy, _ in measured], weights=weights))
        history.append(Epoch(number, loss, accuracy, time.time_ns() // 1_000_000))
        on_epoch(history[-1])
    estimator.set_params(random_state=SEED)
    return Trained(model.TouchdownModel(plan.schema, estimator, "linear"), history, trained_on)


def mean_square(features: np.ndarray) -> float:
    """The mean square length of the rows, from at most MEASURED_ROWS of them."""
    some = features[:: max(1, len(features) // MEASURED_ROWS)]
    return float(np.einsum("ij,ij->", some, some) / len(some))


def measure(estimator: Any, chunk: Chunk, *, whole: bool) -> tuple[float, float, int]:
    """Loss, accuracy and weight of a chunk after it was trained on, on some of its rows unless `whole`."""
    step = 1 if whole else max(1, len(chunk.target) // MEASURED_ROWS)
    features, target = chunk.features[::step], chunk.target[::step]
    if not hasattr(estimator, "predict_proba"):
        error = estimator.predict(features) - target
        return float((error * error).mean()), math.nan, len(chunk.target)
    loss, accuracy = losses(estimator.predict_proba(features), target)
    return loss, accuracy, len(chunk.target)


def losses(probabilities: np.ndarray, codes: np.ndarray) -> tuple[float, float]:
    """Loss as sklearn.metrics.log_loss and accuracy as accuracy_score.

    Computed here because those two sort all labels on every call, which took longer than the training.
    """
    of_the_true_class = probabilities[np.arange(len(codes)), codes]
    smallest = np.finfo(probabilities.dtype).eps  # as log_loss clips, so that a certain error stays finite
    loss = -np.log(np.clip(of_the_true_class, smallest, 1 - smallest)).mean()
    return float(loss), float((probabilities.argmax(axis=1) == codes).mean())


# --- Boosted trees -----------------------------------------------------------------------------------


def train_boosting(
    survey: Survey, plan: Plan, rounds: int, lr: float, on_epoch: Callable[[Epoch], None]
) -> Trained:
    """HistGradientBoosting by `rounds` rounds at rate `lr`, on all training rows or on as many as fit in memory.

    Which ones is told by the rows' hashes, so it is a sample by chance and always the same.
    Raises BadInput when the loss overflows.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    features, target = boosting_rows(survey, plan)
    common: dict[str, Any] = {
        "max_iter": rounds,
        "learning_rate": lr,
        "early_stopping": False,
        "random_state": SEED,
        "categorical_features": plan.schema.tree_categories(),
    }
    classes = plan.schema.classes
    estimator: Any = (
        HistGradientBoostingClassifier(**common) if classes else HistGradientBoostingRegressor(**common)
    )
    with np.errstate(all="ignore"):
        try:
            estimator.fit(features, target)
        except ValueError as error:
            if "finite" not in str(error) and "NaN" not in str(error) and "infinity" not in str(error):
                raise
            raise BadInput(f"boosting diverged at learning rate {lr:g}; choose a smaller lr") from error
    history = []
    some = slice(None, None, max(1, len(target) // MEASURED_ROWS))
    shown, every = target[some], max(1, rounds // CURVE_POINTS)
    stages = estimator.staged_predict_proba if classes else estimator.staged_predict
    for number, answer in enumerate(stages(features[some]), start=1):
        if number % every and number not in (1, rounds):
            continue
        if classes:
            loss, accuracy = losses(answer, np.searchsorted(estimator.classes_, shown))
        else:
            with np.errstate(over="ignore", invalid="ignore"):
                loss, accuracy = float(((answer - shown) ** 2).mean()), math.nan
        if not math.isfinite(loss):
            raise BadInput(f"boosting diverged at learning rate {lr:g}; choose a smaller lr")
        history.append(Epoch(number, loss, accuracy, time.time_ns() // 1_000_000))
        on_epoch(history[-1])
    return Trained(model.TouchdownModel(plan.schema, estimator, "boosting"), history, len(target))


def boosting_rows(survey: Survey, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """Features and target of the rows that boosting trains on."""
    width = sum(column.tree_width for column in plan.schema.columns)
    most = max(1000, min(BOOSTED_ROWS, BOOSTED_CELLS // width))
    share = min(1.0, most / max(1.0, survey.rows * (1 - HOLDOUT)))
    below = np.uint64(min(2**64 - 1, int((HOLDOUT + (1 - HOLDOUT) * share) * 2**64)))
    features, targets = [], []
    for batch in survey.cache.batches():
        label = plan.labels(batch)
        taken = plan.labelled(label) & ~plan.split.mask(batch.start, len(label))
        if share < 1:
            # Those few of a small class are kept, whatever their hashes.
            kept = plan.split.kept(batch.start, len(label))
            taken &= (row_hashes(batch.start, len(label)) < below) | kept
        rows = np.flatnonzero(taken)
        if len(rows):
            features.append(plan.schema.tree_features(plan.values(batch, rows)))
            targets.append(label[rows])
    target = np.concatenate(targets)
    if not plan.schema.classes:
        target = (target - plan.schema.label_mean) / plan.schema.label_scale
    return np.concatenate(features), target
