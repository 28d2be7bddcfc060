"""How much a model leans on each column, read off its weights and splits, and what an answer of it costs."""

from __future__ import annotations

from typing import Any

import numpy as np
from touchdown_blend import Blend, CorrectedPart, LinearPart, LogPart, TreePart
from touchdown_model import Schema


def use_of(schema: Schema, estimator: Any) -> np.ndarray:
    """The share of each column in the model's weights or gains, of shape (columns,), with the sum 1.

    0 stands for a column that the answers do not depend on. It tells nothing of how right they are.
    estimator: as TouchdownModel has it.
    """
    if isinstance(estimator, Blend):
        parts = zip(estimator.parts, estimator.weights, strict=True)
        found = sum((weight * use_of(schema, part) for part, weight in parts), start=np.zeros(()))
    elif isinstance(estimator, CorrectedPart):
        found = use_of(schema, estimator.linear) + use_of(schema, estimator.trees)
    elif isinstance(estimator, LogPart):
        found = use_of(schema, estimator.part)
    elif isinstance(estimator, TreePart):
        found = use_of(schema, estimator.estimator)
    elif isinstance(estimator, LinearPart):
        found = _of_features(schema, np.abs(estimator.weights).sum(axis=1), trees=False)
    elif hasattr(estimator, "coef_"):
        found = _of_features(schema, np.abs(np.atleast_2d(estimator.coef_)).sum(axis=0), trees=False)
    else:
        found = _of_features(schema, _gains(schema, estimator), trees=True)
    total = found.sum()
    return found / total if total > 0 else np.zeros(len(schema.columns))


def trees_of(estimator: Any) -> int:
    """How many trees answer each row."""
    if isinstance(estimator, Blend):
        return sum(map(trees_of, estimator.parts))
    if isinstance(estimator, CorrectedPart):
        return trees_of(estimator.trees)
    if isinstance(estimator, TreePart):
        return trees_of(estimator.estimator)
    each_round = int(getattr(estimator, "n_trees_per_iteration_", 0))
    return each_round * int(estimator.n_iter_) if each_round else 0


def _of_features(schema: Schema, sizes: np.ndarray, *, trees: bool) -> np.ndarray:
    """The sum of what each column's features have."""
    widths = [column.tree_width if trees else column.width for column in schema.columns]
    return np.bincount(np.repeat(np.arange(len(widths)), widths), sizes, minlength=len(widths))


def _gains(schema: Schema, estimator: Any) -> np.ndarray:
    """What the splits of all trees gain by each of their features.

    scikit-learn tells it by no public name (1.9, sklearn/ensemble/_hist_gradient_boosting). Its trees have
    the categories before all other features, see HistGradientBoosting's `_preprocess_X`.
    """
    categories = np.array(schema.tree_categories())
    gains = np.zeros(len(categories))
    for trees in estimator._predictors:
        for tree in trees:
            inner = tree.nodes[tree.nodes["is_leaf"] == 0]
            gains += np.bincount(inner["feature_idx"], inner["gain"], minlength=len(gains))
    found = np.empty_like(gains)
    found[np.argsort(~categories, kind="stable")] = gains
    return found
