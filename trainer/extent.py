"""How much of the permutation importance a budget of work allows.

The predictions that it takes are as many as rows, columns and repetitions together. Those of a model of many
columns or trees take long, so first fewer repetitions are made, then fewer rows are taken, and then only the
columns that the model uses most are shuffled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from budget import answer_work

SHARE = 0.1
"""The share of a training's budget that importance may take."""
MOST_ROWS, ENOUGH_ROWS, FEWEST_ROWS = 2000, 500, 100
"""Hold-out rows: at most; that repetitions are given up for; and that columns are given up for."""
REPEATS = 3
"""How often each column is shuffled, at most."""


@dataclass(frozen=True)
class Extent:
    """What is predicted.

    rows: of the hold-out. columns: those that are shuffled, by their places in the schema. repeats: how often
    each of them is.
    """

    rows: int
    columns: tuple[int, ...]
    repeats: int


def extent_of(use: Sequence[float], trees: int, classes: int, held: int, units: float) -> Extent:
    """As much as so many units of work allow; at the least, one column of a few rows is shuffled once.

    use: how much the model uses each of its columns; those with 0 are not shuffled. trees, classes: of the
    model. held: how many hold-out rows there are.
    """
    used = sorted((place for place, each in enumerate(use) if each), key=lambda place: -use[place])
    answers = int(units / answer_work(1, len(use), trees, max(1, classes)))
    few = max(1, min(held, FEWEST_ROWS))
    columns = used[: max(1, answers // few)]
    each = max(few, answers // max(1, len(columns)))
    repeats = max(1, min(REPEATS, each // max(1, min(held, ENOUGH_ROWS))))
    return Extent(min(held, MOST_ROWS, each // repeats), tuple(sorted(columns)), repeats)
