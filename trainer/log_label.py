"""The logarithm of a label, as a linear model learns it.

Effects on prices and counts multiply more often than they add.

On 19 tables of pydataset with such labels, the hold-out RMSE of what auto chooses was 0.86 times as large
with such a candidate (geometric mean; from 0.19 to 1.03). Where the label is not of that kind, the blend
gives it no weight. Trees gain less by it, and a second set of them takes long.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tails import unit_of
from touchdown_blend import LogPart, Part

ROUNDING = 1e-9
"""Standard deviations by which a label of 0 may come out negative."""
WIDE = 3.0
"""How many times the median the largest label is, at least. Otherwise its logarithm is nearly a line."""


@dataclass(frozen=True)
class LogLabel:
    """log(1 + label / unit) of a regression's labels.

    label_mean, label_scale: by which the label is standardised. mean, scale: by which its logarithm is; most:
    the largest one. reach: the range of the standardised label.
    """

    label_mean: float
    label_scale: float
    unit: float
    mean: float
    scale: float
    most: float
    reach: tuple[float, float]

    @classmethod
    def of(cls, target: np.ndarray, mean: float, scale: float) -> LogLabel | None:
        """The logarithm of some labels; None if one of them is negative, or if they are too close together.

        target: standardised by mean and scale.
        """
        labels = target * scale + mean
        positive = np.sort(labels[labels > 0])
        if labels.min() < -ROUNDING * scale or not len(positive) or positive[-1] < WIDE * np.median(labels):
            return None
        unit = unit_of(positive)
        logarithms = np.log1p(np.maximum(labels, 0.0) / unit)
        return cls(
            *(mean, scale, unit, float(logarithms.mean()), float(logarithms.std()), float(logarithms.max())),
            (float(target.min()), float(target.max())),
        )

    def learned(self, target: np.ndarray) -> np.ndarray:
        """The standardised logarithms of standardised labels."""
        labels = np.maximum(target * self.label_scale + self.label_mean, 0.0)
        found: np.ndarray = (np.log1p(labels / self.unit) - self.mean) / self.scale
        return found

    def part(self, inner: Part, answers: np.ndarray, target: np.ndarray) -> LogPart:
        """What answers the label for a part that answers its logarithm.

        answers, target: of the rows that it was trained on. The exponential of a mean logarithm is less than
        the mean, so it is multiplied by the factor that makes the squared error of these rows smallest.
        """
        powers = np.exp(np.clip(answers * self.scale + self.mean, 0.0, self.most))
        shifted = (target * self.label_scale + self.label_mean) / self.unit + 1.0
        factor = float((powers * shifted).sum() / np.square(powers).sum())
        gain, offset = (
            factor * self.unit / self.label_scale,
            -(self.unit + self.label_mean) / self.label_scale,
        )
        return LogPart(inner, self.mean, self.scale, self.most, gain, offset, self.reach)
