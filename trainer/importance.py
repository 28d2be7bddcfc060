"""Measures how much a model's predictions depend on each column: permutation importance.

Source: Breiman, "Random Forests", Machine Learning 45, 2001.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from column_use import trees_of, use_of
from cores import threads
from deciding_metric import Deciding
from extent import MOST_ROWS, Extent, extent_of
from holdout import SEED
from ranking import Ranking
from sampled_rows import SampledRows
from schema import Plan
from touchdown_model import TouchdownModel

STACKED_CELLS = 4_000_000
"""Features that are predicted at once: copies of the rows, each with another column shuffled."""


def importance(
    plan: Plan, chosen: TouchdownModel, sampled: SampledRows, units: float
) -> list[dict[str, Any]]:
    """How much worse the deciding metric gets if a column's values are shuffled among hold-out rows.

    units: of work that this may take, about. Returns {"column", "mean", "std"} for each column, over the
    repetitions, the most important one first. Columns that no answer depends on are not shuffled, and have 0.
    Those of which the model uses least are left out if there are too many.
    """
    held = sampled.held(MOST_ROWS)
    use = use_of(chosen.schema, chosen.estimator)
    trees, classes = trees_of(chosen.estimator), len(chosen.schema.classes)
    extent = extent_of(use.tolist(), trees, classes, len(held), units)
    held = held[: extent.rows]
    values, labels = plan.values(sampled.batch, held), sampled.labels[held]
    with threads(0, trees=trees > 0):
        worse = _shuffled_losses(chosen, values, labels, plan.deciding, extent)
    measured = dict(zip(extent.columns, worse, strict=True))
    found = [
        {"column": column.name, "mean": float(each.mean()), "std": float(each.std())}
        for place, column in enumerate(chosen.schema.columns)
        if (each := measured.get(place, np.zeros(1) if not use[place] else None)) is not None
    ]
    return sorted(found, key=lambda each: -float(each["mean"]))


def _shuffled_losses(
    chosen: TouchdownModel, values: list[np.ndarray], labels: np.ndarray, deciding: Deciding, extent: Extent
) -> np.ndarray:
    """How much worse the metric is with each of some columns shuffled, of shape (columns, repeats).

    values: of the rows, one array for each column of the schema. Thousands of columns take as many
    predictions of few rows, so several of them are made at once, on stacked copies of the rows.
    """
    rows, shuffled = len(labels), extent.columns
    unshuffled = _measure(deciding, labels, chosen.outputs(values))
    generator = np.random.default_rng(SEED)
    together = max(1, STACKED_CELLS // max(1, rows * max(chosen.schema.width, len(values))))
    worse = np.empty((len(shuffled), extent.repeats))
    for first in range(0, len(shuffled), together):
        group = shuffled[first : first + together]
        stacked = [np.tile(each, len(group)) for each in values]
        for repeat in range(extent.repeats):  # each repetition shuffles the same parts; the others stay
            for place, column in enumerate(group):
                part = slice(place * rows, (place + 1) * rows)
                stacked[column][part] = generator.permutation(values[column])
            outputs = chosen.outputs(stacked)
            for place in range(len(group)):
                value = _measure(deciding, labels, outputs[place * rows : (place + 1) * rows])
                lost = value - unshuffled if deciding.metric == "rmse" else unshuffled - value
                worse[first + place, repeat] = lost
    return worse


def _measure(deciding: Deciding, labels: np.ndarray, outputs: np.ndarray) -> float:
    if deciding.ranks:
        rare, scores = labels != deciding.majority, deciding.rarity(outputs)
        return Ranking.of(scores[rare], scores[~rare]).average_precision() if rare.any() else 0.0
    if deciding.metric == "accuracy":
        return float((outputs.argmax(axis=1) == labels).mean())
    return float(np.sqrt(((outputs - labels) ** 2).mean()))
