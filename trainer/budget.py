"""How much work it may take to choose a model.

It is counted in work, not on a clock: so the same file, setting and seed give the same model on any machine,
however busy it is. One unit is about what one core of an ordinary server does in a second. The clock is
only an emergency stop.
"""

from __future__ import annotations

import time

DEFAULT_BUDGET = 10.0
"""Units of work."""
LINEAR_SHARE = 0.3
"""The share of the budget that the linear candidate may take."""
GRACE, PATIENCE = 60.0, 10.0
"""Seconds until the emergency stop takes effect: so many, and so many for each unit of work."""


class Budget:
    """What is left of the work that a training may take."""

    def __init__(self, units: float) -> None:
        self.units = self.left = units
        self._stop_at = time.monotonic() + GRACE + PATIENCE * units

    def spend(self, units: float) -> None:
        self.left -= units

    @property
    def out_of_time(self) -> bool:
        """Whether the machine is so slow that what is not necessary is left out."""
        return time.monotonic() > self._stop_at


# The constants below were measured in processor time, on one core, with scikit-learn 1.9.


MANY_OUTPUTS = 20
"""Outputs from which the products of features and weights, and the weights themselves, take longest."""


def lbfgs_work(rows: int, entries: int, outputs: int, iterations: int, width: int = 0) -> float:
    """Units that logistic regression takes.

    entries: features of a row that are computed with; width: all features.
    """
    each = 4e-4 + 4e-9 * rows * entries + 1.5e-8 * rows * outputs
    many = max(0, outputs - MANY_OUTPUTS)
    return iterations * (each + many * (2e-9 * rows * entries + 1.1e-7 * width))


def gram_work(rows: int, entries: int, features: int, solutions: int) -> float:
    """Units that the sums of products of all features take, and solving for so many penalties."""
    return 2e-3 + 1e-9 * rows * entries * min(entries, features) + solutions * (5e-4 + 1e-10 * features**3)


def tree_work(rows: int, features: int, bins: int, leaf_rows: int) -> float:
    """Units that one tree of 31 leaves takes. bins: of all features together, at most 255 each."""
    leaves = max(2, min(31, rows // leaf_rows))
    return leaves * (2.4e-5 + 5e-7 * features + 5e-9 * bins) + 6e-9 * rows * features


def binning_work(rows: int, features: int) -> float:
    """Units that it takes to sort the values of all features into bins, once per fit."""
    return 1e-3 + 1e-7 * rows * features


def answer_work(rows: int, columns: int, trees: int, outputs: int) -> float:
    """Units that it takes to predict rows. outputs: classes, or 1 for a number."""
    return 4e-8 * rows * (columns * (1 + 0.1 * outputs) + trees)
