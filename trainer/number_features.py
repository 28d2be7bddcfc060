"""The features that a linear model gets of numbers: standardised, and the logarithms of long tails.

This file is packaged inside the MLflow model, beside touchdown_model.py.
"""

from __future__ import annotations

import numpy as np

FAR = 10.0
"""Standard deviations at which a linear model's features are clipped, unless a tail is longer."""


def logarithms(values: np.ndarray, unit: float) -> np.ndarray:
    """The logarithm of 1 + |value| / unit, with the value's sign. NaN stays NaN."""
    found: np.ndarray = np.log1p(np.abs(values) / unit)
    np.copysign(found, values, out=found)
    return found


def standardised(values: np.ndarray, mean: float, scale: float, reach: tuple[float, float]) -> np.ndarray:
    """(values - mean) / scale, clipped to the reach; a missing value becomes 0, the mean."""
    found: np.ndarray = values - mean
    found /= scale
    np.clip(found, *reach, out=found)
    gaps = np.isnan(found)
    if gaps.any():
        found[gaps] = 0.0
    return found
