"""Which metric decides on a model: accuracy, or average precision if all but a few rows are of one class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import verdict_rules as rules
from text import quoted


@dataclass(frozen=True)
class Deciding:
    """metric: one of verdict_rules.DECIDING_METRICS. majority: the index of the most frequent class.

    note: why it is not the usual metric; empty if it is.
    """

    metric: str = rules.DECIDING_METRIC["regression"]
    majority: int = 0
    note: str = ""

    @property
    def ranks(self) -> bool:
        """Whether the metric judges the order of the rows, and not each prediction."""
        return self.metric == "average_precision"

    def rarity(self, probabilities: np.ndarray) -> np.ndarray:
        """The probability that each row is of another class than the most frequent one."""
        found: np.ndarray = np.delete(probabilities, self.majority, axis=1).sum(axis=1)
        return found

    @classmethod
    def among(cls, classes: tuple[str, ...], rows: np.ndarray) -> Deciding:
        """That of a classification. rows: how many each class has."""
        majority = int(rows.argmax())
        rare = 1 - float(rows[majority] / rows.sum())
        if rare >= rules.RARE:
            return cls(rules.DECIDING_METRIC["classification"], majority)
        percent = f"{100 * (1 - rare):.4g} %"
        note = (
            f"class {quoted(classes[majority])} has {percent} of the rows, so the model is judged by average"
            " precision, which tells how well it puts the rows of other classes first, and not by accuracy"
        )
        return cls(rules.DECIDING_METRICS["classification"][1], majority, note)
