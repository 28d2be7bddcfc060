"""Tables of pure noise: the label has nothing to do with the columns, whatever a model finds in them.

Twelve kinds of tables, each with five numbers of rows and three seeds. They differ in what makes it easy to
see something in noise: few rows, many columns, many levels, unlikely classes, a few extreme labels, copies.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

ROWS = (20, 60, 250, 1000, 5000)
SEEDS = (1, 2, 3)

Random = np.random.Generator
Labels = Callable[[Random, int], np.ndarray]


@dataclass(frozen=True)
class Kind:
    """numbers, categories: how many columns there are of each. gaps: the share of missing cells.

    copies: how many times a row stands in the table, at most.
    """

    labels: Labels
    numbers: int
    categories: int = 0
    levels: int = 5
    gaps: float = 0.0
    copies: int = 1


def classes(*shares: float) -> Labels:
    """Classes with these shares of the rows, and at least two rows each."""

    def drawn(random: Random, rows: int) -> np.ndarray:
        some = np.repeat(np.arange(len(shares)), 2)
        rest = random.choice(len(shares), size=rows - len(some), p=np.array(shares) / sum(shares))
        codes: np.ndarray = random.permutation(np.concatenate([some, rest]))
        return np.array([f"class {code}" for code in codes])

    return drawn


def normal(random: Random, rows: int) -> np.ndarray:
    return random.normal(100, 15, rows).round(3)


def long_tailed(random: Random, rows: int) -> np.ndarray:
    return np.exp(random.normal(3, 2, rows)).round(2)


def with_outliers(random: Random, rows: int) -> np.ndarray:
    """Student's distribution with two degrees of freedom, which has no variance."""
    return random.standard_t(2, rows).round(4)


def counts(random: Random, rows: int) -> np.ndarray:
    return random.negative_binomial(1, 0.1, rows)


KINDS = {
    "two even classes": Kind(classes(1, 1), 4),
    "two even classes, many columns": Kind(classes(1, 1), 25),
    "two uneven classes": Kind(classes(7, 3), 4, 3, gaps=0.1),
    "a rare class": Kind(classes(9, 1), 8),
    "several rare classes": Kind(classes(88, 4, 4, 4), 5, 2),
    "six classes": Kind(classes(3, 2, 1, 1, 1, 1), 5, 2, levels=30),
    "copies of rows": Kind(classes(1, 1), 3, 3, copies=4),
    "normal numbers": Kind(normal, 5, 2),
    "normal numbers, many columns": Kind(normal, 30),
    "a long tail": Kind(long_tailed, 6, 2, gaps=0.1),
    "outliers": Kind(with_outliers, 8),
    "counts": Kind(counts, 3, 3, levels=40),
}


def tables() -> Iterator[tuple[str, str]]:
    """The name and the text of each table, as CSV, with the label in the last column."""
    for (name, kind), rows, seed in itertools.product(KINDS.items(), ROWS, SEEDS):
        yield f"{name}, {rows} rows, seed {seed}", text(kind, rows, seed)


def text(kind: Kind, rows: int, seed: int) -> str:
    """A table of a kind as CSV. The same arguments give the same text."""
    random = np.random.default_rng([seed, rows, list(KINDS.values()).index(kind)])
    columns = [random.normal(0, 10.0 ** (place % 4), rows).round(4) for place in range(kind.numbers)]
    cells = [column.astype(str) for column in columns]
    cells += [
        np.char.add("level ", random.integers(kind.levels, size=rows).astype(str))
        for _ in range(kind.categories)
    ]
    cells = [np.where(random.random(rows) < kind.gaps, "", column) for column in cells]
    table = np.stack([*cells, kind.labels(random, rows).astype(str)], axis=1)
    if kind.copies > 1:
        table = random.permutation(table.repeat(random.integers(1, kind.copies + 1, rows), axis=0))[:rows]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*(f"column {place}" for place in range(len(cells))), "label"])
    writer.writerows(table.tolist())
    return out.getvalue()
