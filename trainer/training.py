"""Training by passes over the cache: a linear model chunk by chunk, boosted trees on a bounded sample."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
import touchdown_model as model
from design import Design
from holdout import HOLDOUT, SEED, row_hashes
from parallel import in_order, read_ahead
from refusals import BadInputError
from schema import Plan
from survey import Survey

CHUNK_CELLS = 6_000_000
"""Features of one chunk, at most 48 MB: a few chunks are in memory at once."""
MANY_ROWS = 50_000
"""Rows from which the classifiers of several classes are trained side by side."""
SLICE_ROWS = 32_768
"""Rows that are trained on at a time, where there are more."""
HAND, HAND_CELLS = 16, 12_000_000
"""Batches that are dealt into slices together, and their cells, 96 MB, at which there are enough of them."""
MEASURED_ROWS = 2_500
"""Rows of a slice that an epoch's loss is measured on."""
CURVE_ROWS = 20_000
"""Rows that the learning curve of boosting is measured on."""
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
    """Training rows: features of shape (n, width), and of the label class indices or scaled numbers.

    memory: what the features are the beginning of, where it is to be used again.
    """

    features: np.ndarray
    target: np.ndarray
    memory: np.ndarray | None = None


@dataclass
class Rows:
    """The training rows of a batch: its columns whole, which of its rows, and their target."""

    numbers: np.ndarray
    codes: np.ndarray
    taken: np.ndarray
    target: np.ndarray


class Chunks:
    """The training rows as chunks of features, epoch after epoch, each in an order of its own.

    A dataset of one batch is one chunk, in its own order. Of several batches, some at random are dealt into
    slices that fit into the processor's cache, each with a share of every one of them, so that rows which lie
    sorted by their label in the file do not come sorted. The first epoch keeps its slices on disk, if that
    has the room; later ones take them at random.
    """

    def __init__(self, survey: Survey, plan: Plan, folder: Path, epochs: int) -> None:
        self._cache, self._plan = survey.cache, plan
        self._design = Design(survey, plan)
        width = self._design.width
        self.mixed = len(survey.cache) > 1
        self._rows = max(64, min(SLICE_ROWS, CHUNK_CELLS // max(1, width)))
        self._only: Chunk | None = None
        self._path = folder / "features.cache"
        self._keeps = epochs > 1 and 8 * survey.rows * (width + 1) < shutil.disk_usage(folder).free / 2
        self._slices: list[tuple[int, int]] = []
        """Of what is on the disk: where a slice begins, and how many rows it has."""
        self._spare: SimpleQueue[np.ndarray] = SimpleQueue()

    def epoch(self, number: int) -> Iterator[Chunk]:
        generator = np.random.default_rng(SEED + number)
        if self._only is not None:
            yield self._only
        elif self._slices:
            yield from self._read(generator.permutation(len(self._slices)))
        elif self.mixed:
            yield from self._first(generator)
        else:
            self._only = self._made([self._rows_of(0)], [slice(None)])
            yield self._only

    def done(self, chunk: Chunk) -> None:
        """Let a chunk's memory be used again: memory from the system costs as much time as filling it."""
        if chunk.memory is not None:
            self._spare.put(chunk.memory)

    def _memory(self) -> np.ndarray:
        try:
            return self._spare.get_nowait()
        except Empty:
            # A slice may have one row more of each batch of its hand.
            return np.empty((self._rows + HAND, self._design.width))

    def delete(self) -> None:
        self._path.unlink(missing_ok=True)

    def _first(self, generator: np.random.Generator) -> Iterator[Chunk]:
        slices: list[tuple[int, int]] = []
        with self._path.open("wb") if self._keeps else contextlib.nullcontext() as file:
            for chunk in in_order(lambda deal: self._made(*deal), self._dealt(generator), ahead=4):
                if file is not None:
                    slices.append((file.tell(), len(chunk.target)))
                    file.write(chunk.features.data)
                    file.write(chunk.target.data)
                yield chunk
        self._slices = slices

    def _dealt(self, generator: np.random.Generator) -> Iterator[tuple[list[Rows], list[slice], int]]:
        """Batches at random, a handful at a time; which part of each is in a slice; a seed for the slice."""
        hand: list[Rows] = []
        order = generator.permutation(len(self._cache))
        for place, number in enumerate(order, start=1):
            hand.append(self._rows_of(int(number)))
            cells = sum(rows.numbers.size + rows.codes.size for rows in hand)
            if len(hand) < HAND and cells < HAND_CELLS and place < len(order):
                continue
            gathered = sum(len(rows.target) for rows in hand)
            count = -(-gathered // self._rows)  # none of a hand in which no row has a label
            for deal in range(count):
                yield (
                    hand,
                    [
                        slice(size * deal // count, size * (deal + 1) // count)
                        for size in map(len, (rows.target for rows in hand))
                    ],
                    int(generator.integers(2**63)),
                )
            hand = []

    def _rows_of(self, number: int) -> Rows:
        """A batch's training rows."""
        plan, batch = self._plan, self._cache.read(number)
        label = plan.labels(batch)
        taken = np.flatnonzero(plan.labelled(label) & ~plan.split.mask(batch.start, len(label)))
        target = label[taken].astype(np.float64)
        if not plan.schema.classes:
            target = (target - plan.schema.label_mean) / plan.schema.label_scale
        return Rows(batch.numbers, batch.codes, taken, target)

    def _made(self, hand: list[Rows], parts: list[slice], seed: int | None = None) -> Chunk:
        """A slice, its rows mixed where there is a seed: mixed once, no epoch has to walk at random again."""
        target = np.concatenate([rows.target[part] for rows, part in zip(hand, parts, strict=True)])
        features = np.empty((len(target), self._design.width))
        start = 0
        for rows, part in zip(hand, parts, strict=True):
            taken = rows.taken[part]
            self._design.fill(rows.numbers, rows.codes, taken, features[start : start + len(taken)])
            start += len(taken)
        if seed is None:
            return Chunk(features, target)
        order = np.random.default_rng(seed).permutation(len(target))
        memory = self._memory()
        mixed = memory[: len(order)]
        features.take(order, axis=0, out=mixed, mode="clip")  # "raise" would make a copy first
        return Chunk(mixed, target.take(order), memory)

    def _read(self, order: Iterable[int]) -> Iterator[Chunk]:
        with self._path.open("rb") as file:
            for number in order:
                place, rows = self._slices[int(number)]
                file.seek(place)
                memory = self._memory()
                found, target = memory[:rows], np.empty(rows)
                if file.readinto(found.data) + file.readinto(target.data) < found.nbytes + target.nbytes:
                    raise EOFError(f"{self._path.name} is shorter than what was written to it")
                yield Chunk(found, target, memory)


# --- A linear model ----------------------------------------------------------------------------------


def train_linear(
    survey: Survey, plan: Plan, folder: Path, epochs: int, lr: float, on_epoch: Callable[[Epoch], None]
) -> Trained:
    """SGDClassifier (logistic loss) or SGDRegressor (squared loss) by `epochs` passes at rate `lr`.

    The same bytes, epochs and lr give the same model and metrics, bit for bit.
    Raises BadInputError when the weights overflow, which a learning rate that is far too high makes them do.
    """
    from sklearn import config_context
    from sklearn.linear_model import SGDClassifier, SGDRegressor

    rows = Chunks(survey, plan, folder, epochs)
    classes = plan.schema.classes
    jobs = (os.cpu_count() or 1) if len(classes) > 2 and survey.rows > MANY_ROWS else None
    estimator: Any = None
    history: list[Epoch] = []
    trained_on = 0
    for number in range(1, epochs + 1):
        measured: list[tuple[float, float, int]] = []
        trained_on = 0
        for chunk in read_ahead(rows.epoch(number)) if rows.mixed else rows.epoch(number):
            if estimator is None:
                rate = lr * min(1.0, LONG_ROW[survey.task] / max(mean_square(chunk.features), 1e-12))
                # The last steps at a constant rate scatter around the best weights; their mean does not.
                common = {"learning_rate": "constant", "eta0": rate, "shuffle": not rows.mixed}
                if classes:
                    estimator = SGDClassifier(loss="log_loss", average=rows.mixed, n_jobs=jobs, **common)
                else:
                    estimator = SGDRegressor(average=True, **common)
            # partial_fit starts its shuffle from the seed each time: a seed per epoch and chunk.
            estimator.set_params(random_state=SEED + number + trained_on)
            trained_on += len(chunk.target)
            # A schema makes finite features only, so they need not be checked again.
            with np.errstate(all="ignore"), config_context(assume_finite=True):
                try:
                    if classes:
                        estimator.partial_fit(chunk.features, chunk.target, classes=np.arange(len(classes)))
                    else:
                        estimator.partial_fit(chunk.features, chunk.target)
                except ValueError as error:
                    if not weights_overflowed(error):
                        raise
                    raise diverged(number, lr) from error
                measured.append(measure(estimator, chunk, whole=not rows.mixed))
            rows.done(chunk)
        weights = np.array([rows for _, _, rows in measured], dtype=float)
        loss = float(np.average([loss for loss, _, _ in measured], weights=weights))
        if not math.isfinite(loss) or not np.isfinite(estimator.coef_).all():
            raise diverged(number, lr)
        accuracy = float(np.average([accuracy for _, accuracy, _ in measured], weights=weights))
        history.append(Epoch(number, loss, accuracy, time.time_ns() // 1_000_000))
        on_epoch(history[-1])
    rows.delete()
    estimator.set_params(random_state=SEED, **({"n_jobs": None} if classes else {}))
    return Trained(model.TouchdownModel(plan.schema, estimator, "linear"), history, trained_on)


def weights_overflowed(error: ValueError) -> bool:
    """Whether partial_fit raised it because a weight became infinite or NaN.

    scikit-learn has no class for that error: sklearn/linear_model/_sgd_fast.pyx.tp, "under-/overflow check".
    """
    return str(error).startswith("Floating-point under-/overflow occurred")


def diverged(epoch: int, lr: float) -> BadInputError:
    return BadInputError(f"training diverged in epoch {epoch} at learning rate {lr:g}; choose a smaller lr")


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
    loss, accuracy = losses(estimator.predict_proba(features), target.astype(np.int64))
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
    survey: Survey, plan: Plan, _folder: Path, rounds: int, lr: float, on_epoch: Callable[[Epoch], None]
) -> Trained:
    """HistGradientBoosting by `rounds` rounds at rate `lr`, on as many training rows as fit in memory.

    Which ones is told by the rows' hashes, so it is a sample by chance and always the same.
    Raises BadInputError when the loss overflows.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    features, target = boosting_rows(survey, plan)
    # A column whose every value is held out: the trees cannot be without one, and never ask for this.
    features[:, np.isnan(features).all(axis=0)] = 0.0
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
        estimator.fit(features, target)
    history = []
    some = slice(None, None, max(1, len(target) // CURVE_ROWS))
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
            raise BadInputError(f"boosting diverged at learning rate {lr:g}; choose a smaller lr")
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
