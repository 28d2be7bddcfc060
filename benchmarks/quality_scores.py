"""What the contenders' predictions are worth: metrics, and which differences are beyond noise."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality_tables import Table

SMALLEST = 1e-15
"""Probabilities below it count as it, as in scikit-learn's log_loss."""
RESAMPLES = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Scored:
    """One contender on the hold-out of one table and seed.

    metrics: accuracy, log_loss and macro_f1, or rmse and r2. rows: of each row of the hold-out, 1 if it was
    right, or its squared error. took: seconds, processors and peak.
    """

    metrics: dict[str, float]
    rows: np.ndarray
    took: dict[str, Any]


def scored(folder: Path, table: Table, name: str) -> Scored | None:
    """The scores of a contender; None if it has not predicted this hold-out."""
    answers, took = folder / f"{name}.npz", folder / f"{name}.json"
    if not answers.exists() or not took.exists():
        return None
    truth = texts_of(folder / "truth.csv")
    with np.load(answers) as found:
        if table.task == "classification":
            metrics, rows = of_classes(truth, found["answers"], [str(each) for each in found["classes"]])
        else:
            metrics, rows = of_numbers(np.array(truth, dtype=np.float64), found["answers"])
    return Scored(metrics, rows, json.loads(took.read_text()))


def texts_of(path: Path) -> list[str]:
    """The only column of a CSV."""
    with path.open(newline="") as lines:
        return [row[0] for row in list(csv.reader(lines))[1:]]


def of_classes(
    truth: list[str], answers: np.ndarray, classes: list[str]
) -> tuple[dict[str, float], np.ndarray]:
    """Metrics of probabilities of shape (n, classes), and which rows are right.

    A class that the contender has never seen has the probability 0 there. The probabilities of a row are made
    to have the sum 1.
    """
    places = {plain(name): place for place, name in enumerate(classes)}
    target = np.array([places.get(plain(name), -1) for name in truth])
    answers = answers / answers.sum(axis=1, keepdims=True)
    guessed = answers.argmax(axis=1)
    right = guessed == target
    likely = np.where(target < 0, 0.0, answers[np.arange(len(target)), target])
    metrics = {
        "accuracy": float(right.mean()),
        "log_loss": float(-np.log(np.clip(likely, SMALLEST, 1.0)).mean()),
        "macro_f1": macro_f1(target, guessed),
    }
    return metrics, right.astype(np.float64)


def plain(name: str) -> str:
    """A class's name without what may differ between two ways of reading it."""
    return name.strip().casefold()


def macro_f1(target: np.ndarray, guessed: np.ndarray) -> float:
    """The mean F1 of all classes that occur in either, as scikit-learn's f1_score(average="macro")."""
    found = []
    for each in np.union1d(target, guessed):
        hits = float(((target == each) & (guessed == each)).sum())
        found.append(2 * hits / float((target == each).sum() + (guessed == each).sum()))
    return float(np.mean(found))


def of_numbers(truth: np.ndarray, answers: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
    """Metrics of estimates of shape (n,), and each row's squared error."""
    squares = np.square(answers - truth)
    return {
        "rmse": float(np.sqrt(squares.mean())),
        "r2": float(1 - squares.sum() / np.square(truth - truth.mean()).sum()),
    }, squares


def interval(task: str, ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of how much better ours is, by a bootstrap of paired rows.

    ours, theirs: as Scored.rows, of the same rows. Of classes, the difference of the accuracies; of numbers,
    the ratio of the RMSE, theirs being 1.
    """
    random = np.random.default_rng(0)
    found = np.empty(RESAMPLES)
    for number in range(RESAMPLES):
        rows = random.integers(0, len(ours), len(ours))
        mine, other = ours[rows].mean(), theirs[rows].mean()
        if task == "classification":
            found[number] = mine - other
        else:
            found[number] = np.sqrt(mine / other) if other else np.inf
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
