"""How much a row counts in the training of a classifier, by its class.

Weighted by the setting class_weights = balanced, each class counts alike in the loss that is minimised,
however rare it is. The hold-out is not weighted.
"""

from __future__ import annotations

import numpy as np

BALANCED = "balanced"
NOTE = (
    "rows are weighted by class_weights, so that each class counts alike in training: predicted probabilities"
    " do not follow the classes' frequencies"
)
NO_CLASSES = "class_weights was not used, because a regression has no classes"


def balanced(counts: np.ndarray) -> np.ndarray:
    """The weight of each class: inverse to its rows, and 1 as the mean of all rows; 0 if it has none.

    counts: the training rows of each class. As scikit-learn's class_weight="balanced", which comes from King
    and Zeng, "Logistic Regression in Rare Events Data", Political Analysis 9, 2001.
    """
    present = counts > 0
    weights = np.zeros(len(counts))
    weights[present] = counts.sum() / (present.sum() * counts[present])
    return weights


def of_rows(by_class: np.ndarray | None, target: np.ndarray) -> np.ndarray | None:
    """The weight of each row. None if all count alike. target: class indices."""
    return None if by_class is None else by_class[target.astype(np.int64)]
