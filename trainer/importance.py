"""Measures how much a model's predictions depend on each column: permutation importance.

Source: Breiman, "Random Forests", Machine Learning 45, 2001.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from deciding_metric import Deciding
from holdout import SEED
from ranking import Ranking
from sampled_rows import SampledRows
from schema import Plan
from touchdown_model import TouchdownModel

IMPORTANCE_ROWS = 2000
"""Hold-out rows on which importance is measured, or fewer; see IMPORTANCE_CELLS."""
IMPORTANCE_CELLS = 40_000_000
"""Features that all predictions for the importance of all columns may take together."""
REPEATS = 3
"""How often each column is shuffled."""
MAX_REPEATED_COLUMNS = 200
"""Columns up to which each is shuffled more than once."""
STACKED_CELLS = 4_000_000
"""Features that are predicted at once: copies of the rows, each with another column shuffled."""


def importance(plan: Plan, chosen: TouchdownModel, sampled: SampledRows) -> list[dict[str, Any]]:
    """How much worse the deciding metric gets if a column's values are shuffled among hold-out rows.

    Returns {"column", "mean", "std"} for each column, over the repetitions, the most important one first.
    """
    columns = chosen.schema.columns
    cells_per_row = max(1, chosen.schema.width) * len(columns) * REPEATS
    held = sampled.held(max(100, min(IMPORTANCE_ROWS, IMPORTANCE_CELLS // cells_per_row)))
    worse = _shuffled_losses(chosen, plan.values(sampled.batch, held), sampled.labels[held], plan.deciding)
    found = [
        {"column": column.name, "mean": float(each.mean()), "std": float(each.std())}
        for column, each in zip(columns, worse, strict=True)
    ]
    return sorted(found, key=lambda each: -float(each["mean"]))


def _shuffled_losses(
    chosen: TouchdownModel, values: list[np.ndarray], labels: np.ndarray, deciding: Deciding
) -> np.ndarray:
    """How much worse the metric is with each column shuffled, of shape (columns, repeats).

    values: of the rows, one array for each column. Thousands of columns take as many predictions of few rows,
    so several of them are made at once, on stacked copies of the rows.
    """
    rows, columns = len(labels), len(values)
    repeats = REPEATS if columns <= MAX_REPEATED_COLUMNS else 1
    unshuffled = _measure(deciding, labels, chosen.outputs(values))
    generator = np.random.default_rng(SEED)
    together = max(1, STACKED_CELLS // max(1, rows * max(chosen.schema.width, columns)))
    worse = np.empty((columns, repeats))
    for first in range(0, columns, together):
        group = range(first, min(first + together, columns))
        stacked = [np.tile(each, len(group)) for each in values]
        for repeat in range(repeats):  # each repetition shuffles the same parts; the others stay as they are
            for place, column in enumerate(group):
                part = slice(place * rows, (place + 1) * rows)
                stacked[column][part] = generator.permutation(values[column])
            outputs = chosen.outputs(stacked)
            for place, column in enumerate(group):
                value = _measure(deciding, labels, outputs[place * rows : (place + 1) * rows])
                lost = value - unshuffled if deciding.metric == "rmse" else unshuffled - value
                worse[column, repeat] = lost
    return worse


def _measure(deciding: Deciding, labels: np.ndarray, outputs: np.ndarray) -> float:
    if deciding.ranks:
        rare, scores = labels != deciding.majority, deciding.rarity(outputs)
        return Ranking.of(scores[rare], scores[~rare]).average_precision() if rare.any() else 0.0
    if deciding.metric == "accuracy":
        return float((outputs.argmax(axis=1) == labels).mean())
    return float(np.sqrt(((outputs - labels) ** 2).mean()))
