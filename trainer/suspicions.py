"""What makes a good model suspicious: equal rows, and a column that alone gives the label away.

Measured on the sampled rows, and told before all other notes.
"""

from __future__ import annotations

import numpy as np
from equal_rows import content_hashes, different
from holdout import row_hashes
from sampled_rows import SampledRows
from schema import Plan
from text import quoted

TOLD = 0.01
"""Share of equal rows from which they are told."""
MOST_ROWS = 2000
"""Rows on which each column is tried alone."""
FEWEST_ROWS = 40
BINS = 20
"""Ranges that numbers are cut into."""
GIVEN_AWAY = 0.99
"""Share of labels, or of their variance, that a column alone explains if it gives the label away."""
HALF = np.uint64(1 << 63)
"""The hash below which half of the rows lie."""
PLAIN = 0.9
"""Share of the most frequent class above which a column cannot show much."""


def add_suspicions(plan: Plan, sampled: SampledRows) -> None:
    """Add notes on equal rows and on columns that give the label away, and count the copies."""
    plan.suspicions = [*_equal_rows(plan, sampled), *_given_away(plan, sampled)]
    plan.notes[:0] = plan.suspicions


def _equal_rows(plan: Plan, sampled: SampledRows) -> list[str]:
    batch = sampled.batch
    hashes = content_hashes(
        [*batch.numbers, sampled.labels.astype(np.float64)], batch.codes, len(batch.label)
    )
    hashes = hashes[plan.labelled(sampled.labels)]
    held = sampled.held_out[plan.labelled(sampled.labels)]
    _, group, sizes = np.unique(hashes, return_inverse=True, return_counts=True)
    if plan.split.bits is not None:
        in_holdout = np.bincount(group[held], minlength=len(sizes))
        plan.copies = max(1.0, int(held.sum()) / different(in_holdout)) if held.any() else 1.0
        repeats = 1 - len(sizes) / len(hashes)
        if repeats < TOLD:
            return []
        return [
            f"{_percent(repeats)} of the rows repeat another row: equal rows are all trained on or all held"
            " out, so that no model is measured on rows that it was trained on; remove the repetitions unless"
            " they count"
        ]
    trained = np.bincount(group[~held], minlength=len(sizes)) > 0
    both = float(trained[group[held]].mean()) if held.any() else 0.0
    if both < TOLD:
        return []
    return [
        f"{_percent(both)} of the hold-out rows are equal to rows that were trained on, label and all: there"
        " are few different rows, and the metrics also show how well a model remembers them"
    ]


def _given_away(plan: Plan, sampled: SampledRows) -> list[str]:
    """A note on each of the first columns that explain nearly all labels by themselves."""
    rows = np.flatnonzero(plan.labelled(sampled.labels))[:MOST_ROWS]
    labels = sampled.labels[rows].astype(np.float64)
    names = [column.name for column in plan.schema.columns]
    if len(rows) < FEWEST_ROWS or len(names) < 2 or _plain(plan, labels):
        return []
    values = plan.values(sampled.batch, rows)
    shares = [explained(_ranges(each), labels, bool(plan.schema.classes)) for each in values]
    return [
        f"column {quoted(name)} alone gives the label away: it explains {_percent(share)} of it; leave the"
        " column out if it is not known before the label is"
        for name, share in zip(names, shares, strict=True)
        if share >= GIVEN_AWAY
    ][:5]


def _plain(plan: Plan, labels: np.ndarray) -> bool:
    _, counts = np.unique(labels, return_counts=True)
    return bool(plan.schema.classes) and float(counts.max()) > PLAIN * len(labels)


def _ranges(values: np.ndarray) -> np.ndarray:
    """The group of each value: its level, or one of BINS ranges of numbers, with missing ones apart."""
    if values.dtype.kind != "f":
        return values
    known = ~np.isnan(values)
    if not known.any():
        return np.zeros(len(values), dtype=np.int64)
    bounds = np.unique(np.quantile(values[known], np.linspace(0, 1, BINS + 1)[1:-1], method="nearest"))
    return np.where(known, np.searchsorted(bounds, values), -1)


def explained(groups: np.ndarray, labels: np.ndarray, classes: bool) -> float:
    """The share of labels, or of their variance, that the groups explain: learned on half of the rows.

    Every second row would not do: in a file whose classes take turns, these are all of one class.
    """
    fit = row_hashes(0, len(labels)) < HALF
    test = ~fit
    _, codes = np.unique(groups, return_inverse=True)
    count = int(codes.max()) + 1
    if classes:
        kinds, label = np.unique(labels, return_inverse=True)
        table = np.bincount(codes[fit] * len(kinds) + label[fit], minlength=count * len(kinds))
        answer = table.reshape(count, len(kinds)).argmax(axis=1)
        return float((answer[codes[test]] == label[test]).mean())
    sums, rows = np.bincount(codes[fit], labels[fit], count), np.bincount(codes[fit], minlength=count)
    mean = np.where(rows > 0, sums / np.maximum(rows, 1), labels[fit].mean())
    around = float(((labels[test] - labels[fit].mean()) ** 2).sum())
    error = float(((labels[test] - mean[codes[test]]) ** 2).sum())
    return 1 - error / around if around > 0 else 0.0


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
