"""The training rows in memory, in folds: what a model is chosen on.

Rows of the hold-out are never among them, so nothing is chosen by what it is measured on.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import touchdown_model as model
from cache import Batch
from class_weights import of_rows
from equal_rows import content_hashes
from folds import FoldLimits, copies_of, folds_of
from holdout import HOLDOUT, sampling_hashes
from schema import Plan
from scipy import sparse
from survey import Survey
from target_encoding import Labels, encoded, parts_of
from touchdown_blend import written

Matrix = Any
"""Features of shape (n, features): an array, or a scipy.sparse.csr_matrix."""

TILE_ROWS = 8192
"""Rows whose features are made together."""
SPARSE_BELOW = 0.25
"""Share of features that are not 0, below which a sparse matrix is smaller and faster."""
LEAST_ROWS = 1000
"""Rows that are trained on even if their features exceed the limit."""


@dataclass(frozen=True)
class Limits(FoldLimits):
    """What choosing a model may take. bytes: of the features that are in memory at once."""

    bytes: int = 300_000_000


class TrainingSet:
    """The rows that a model is chosen and trained on, ordered by fold.

    target: class indices as int64, or the standardised label, of shape (n,). folds: the slices of rows that
    are predicted by models which were trained on the rows outside. The rows before the first of them are
    always trained on. sampled: whether these are some of the training rows only.
    """

    def __init__(self, survey: Survey, plan: Plan, limits: Limits) -> None:
        self._survey, self._plan = survey, plan
        self.schema = plan.schema
        self.entries = sum(_entries(column) for column in self.schema.columns)
        self.sparse = self.entries < SPARSE_BELOW * self.schema.width
        self._encoded = [place for place, column in enumerate(self.schema.columns) if column.encoded]
        rows, target, hashes, copies, codes = self._chosen_rows(limits)
        fold, count = folds_of(target if self.schema.classes else None, copies, limits)
        order = np.lexsort((hashes, fold))
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        self._places = np.split(place, np.cumsum([len(each) for each in rows])[:-1])
        self._rows = rows
        self.target = target[order]
        self._codes = [each[order] for each in codes]
        self._parts = parts_of(copies[order]) if codes else np.empty(0, dtype=np.int8)
        self._weights = plan.class_weights(target)
        bounds = np.searchsorted(fold[order], np.arange(count + 1))
        self.folds = [slice(int(a), int(b)) for a, b in itertools.pairwise(bounds) if b > a]

    def __len__(self) -> int:
        return len(self.target)

    def targets_of(self, folds: list[slice]) -> np.ndarray:
        """The targets of some folds' rows, one fold after the other."""
        return np.concatenate([self.target[:0], *(self.target[fold] for fold in folds)])

    def weights(self, target: np.ndarray) -> np.ndarray | None:
        """How much rows with these targets count; None if all rows count alike."""
        return of_rows(self._weights, target)

    def _row_bytes(self) -> int:
        """What a row takes: the larger of its features for each kind of model, and its predictions."""
        linear = 12 * self.entries if self.sparse else 8 * self.schema.width
        trees = 9 * sum(column.tree_width for column in self.schema.columns)
        codes = 4 * len(self._encoded)
        return max(linear, trees) + codes + 24 * max(1, len(self.schema.classes))

    def _chosen_rows(
        self, limits: Limits
    ) -> tuple[list[np.ndarray], np.ndarray, np.ndarray, np.ndarray, list[np.ndarray]]:
        """For each batch its chosen rows; of all of them the target, a hash, and one that copies share.

        Also, for each of the encoded categories, the codes of all rows.

        If there are too many, those with the smallest hashes are chosen, which is a random sample but always
        the same, and all training rows of small classes.
        """
        survey, plan = self._survey, self._plan
        trained = max(1.0, plan.labelled_rows(survey) * (1 - HOLDOUT))
        share = min(1.0, max(LEAST_ROWS, limits.bytes // self._row_bytes()) / trained)
        self.sampled = share < 1
        below = np.uint64(min(2**64 - 1, int(share * 2**64)))
        rows, targets, hashes, contents = [], [], [], []
        codes: list[list[np.ndarray]] = [[] for _ in self._encoded]
        for batch in survey.cache.batches():
            label = plan.labels(batch)
            hashed = sampling_hashes(batch.start, len(label))
            chosen = plan.labelled(label) & ~plan.split.mask(batch.start, len(label))
            if share < 1:
                chosen &= (hashed < below) | plan.split.kept(batch.start, len(label))
            rows.append(np.flatnonzero(chosen))
            targets.append(label[rows[-1]])
            hashes.append(hashed[rows[-1]])
            for place, found in zip(self._encoded, codes, strict=True):
                found.append(plan.codes(place, batch, rows[-1]))
            if plan.split.bits is not None:  # equal rows are copies
                columns = list(batch.numbers[:, rows[-1]])
                contents.append(content_hashes(columns, batch.codes[:, rows[-1]], len(rows[-1])))
        target = np.concatenate(targets)
        if not self.schema.classes:
            target = plan.targets(target)
        every = np.concatenate(hashes)
        copies = copies_of(np.concatenate(contents), every) if contents else every
        return rows, target, every, copies, [np.concatenate(each) for each in codes]

    # --- Features ---------------------------------------------------------------------------------------

    def trees(self) -> np.ndarray:
        """The features of trees: float64 of shape (n, features)."""
        features = np.empty((len(self), sum(column.tree_width for column in self.schema.columns)))

        def fill(places: np.ndarray, values: list[np.ndarray]) -> None:
            features[places] = self.schema.tree_features(values)

        self._each_tile(fill)
        # A column may have values in hold-out rows only. The trees never ask for it, but accept no empty
        # column.
        features[:, np.isnan(features).all(axis=0)] = 0.0
        self.encode(features, trees=True)
        return features

    def linear(self) -> Matrix:
        """The features of a linear model, of shape (n, features); sparse if most of them are 0."""
        features = self._sparse() if self.sparse else self._dense()
        self.encode(features)
        return features

    def _dense(self) -> np.ndarray:
        """As `linear`."""
        features = np.empty((len(self), self.schema.width))

        def fill(places: np.ndarray, values: list[np.ndarray]) -> None:
            features[places] = self.schema.features(values)

        self._each_tile(fill)
        return features

    def _sparse(self) -> sparse.csr_matrix:
        """As `linear`. Every row has the same number of entries, some of which may be 0."""
        data = np.empty((len(self), self.entries))
        indices = np.empty((len(self), self.entries), dtype=np.int32)
        ones = [_ones(column) if column.kind == model.CATEGORY else None for column in self.schema.columns]

        def fill(places: np.ndarray, values: list[np.ndarray]) -> None:
            start = entry = 0
            for column, each, one in zip(self.schema.columns, values, ones, strict=True):
                count = _entries(column)
                part = slice(entry, entry + count)
                if one is None:
                    data[places, part] = written(column, each)
                    indices[places, part] = np.arange(start, start + count)
                else:
                    shared = column.shared(each)
                    data[places, entry] = one[1][shared]
                    indices[places, entry] = start + one[0][shared]
                    data[places, entry + 1 : entry + count] = 0.0  # `encode` fills them
                    indices[places, entry + 1 : entry + count] = start + column.own + np.arange(count - 1)
                start += column.width
                entry += count

        self._each_tile(fill)
        starts = np.arange(len(self) + 1, dtype=np.int64) * self.entries
        return sparse.csr_matrix(
            (data.reshape(-1), indices.reshape(-1), starts), shape=(len(self), self.schema.width), copy=False
        )

    def encode(self, features: Matrix, fold: slice | None = None, *, trees: bool = False) -> None:
        """Fill the features that tell what the label is like at the levels of categories.

        features: as `linear` makes them, or `trees`. fold: rows that are to be predicted: the other rows get
        values in which these rows' labels are no part. See target_encoding.py.
        """
        if not self._encoded:
            return
        cells = features.data.reshape(len(self), -1) if sparse.issparse(features) else features
        start = 0
        for place, column in enumerate(self.schema.columns):
            if place in self._encoded:
                own = 1 if trees or sparse.issparse(features) else column.own
                values, _ = self._values_of(place, fold)
                cells[:, start + own : start + own + column.encoded] = values
            if trees:
                start += column.tree_width
            else:
                start += _entries(column) if sparse.issparse(features) else column.width

    def _values_of(self, place: int, fold: slice | None) -> tuple[np.ndarray, np.ndarray]:
        """As target_encoding.encoded, for the column at a place of the schema."""
        column, codes = self.schema.columns[place], self._codes[self._encoded.index(place)]
        labels = Labels.of(self.target, len(self.schema.classes), column.encoded)
        return encoded(codes, len(column.levels) + len(column.more), labels, self._parts, fold)

    def learned_schema(self) -> model.Schema:
        """The schema, with what all training rows say of the label at the levels of categories."""
        columns = list(self.schema.columns)
        for place in self._encoded:
            columns[place] = replace(columns[place], effects=self._values_of(place, None)[1])
        return replace(self.schema, columns=tuple(columns))

    def some(self, most: int) -> tuple[list[np.ndarray], np.ndarray]:
        """Values and targets of about `most` rows, taken from everywhere in the file."""
        step = -(-len(self) // most)
        found, targets = [], []
        for number, (rows, places) in enumerate(zip(self._rows, self._places, strict=True)):
            found.append(self._plan.values(self._survey.cache.read(number), rows[::step]))
            targets.append(self.target[places[::step]])
        return [np.concatenate(each) for each in zip(*found, strict=True)], np.concatenate(targets)

    def _each_tile(self, fill: Callable[[np.ndarray, list[np.ndarray]], None]) -> None:
        """Call `fill` with places and values of a few rows at a time."""
        for number, (rows, places) in enumerate(zip(self._rows, self._places, strict=True)):
            if not len(rows):
                continue
            batch: Batch = self._survey.cache.read(number)
            for start in range(0, len(rows), TILE_ROWS):
                tile = slice(start, start + TILE_ROWS)
                fill(places[tile], self._plan.values(batch, rows[tile]))


def outside(features: Matrix, fold: slice) -> Matrix:
    """The rows outside a fold: a view without a copy if the fold is the last one."""
    if fold.stop == features.shape[0]:
        return before(features, fold.start)
    if sparse.issparse(features):
        return sparse.vstack([features[: fold.start], features[fold.stop :]], format="csr")
    return np.concatenate([features[: fold.start], features[fold.stop :]])


def training_rows(features: Matrix, target: np.ndarray, fold: slice, most: int) -> tuple[Matrix, np.ndarray]:
    """The rows that a fold is predicted from, at most so many."""
    if fold.start >= most:
        return before(features, most), target[:most]
    return outside(features, fold), np.delete(target, fold)


def before(features: Matrix, rows: int) -> Matrix:
    """The first rows, without a copy."""
    if not sparse.issparse(features):
        return features[:rows]
    end = int(features.indptr[rows])
    return sparse.csr_matrix(
        (features.data[:end], features.indices[:end], features.indptr[: rows + 1]),
        shape=(rows, features.shape[1]),
        copy=False,
    )


def _entries(column: model.Column) -> int:
    """How many features of a column may differ from 0 in a row."""
    return 1 + column.encoded if column.kind == model.CATEGORY else column.width


def _ones(column: model.Column) -> tuple[np.ndarray, np.ndarray]:
    """For each code of a category, the place of its feature that is 1, and that 1.0 (0.0 if there is none).

    OTHER and MISSING are -2 and -1, so they index the last entries.
    """
    codes = np.array([*range(len(column.levels)), model.OTHER, model.MISSING], dtype=np.int32)
    features = written(column, codes)
    if not column.width:
        return np.zeros(len(codes), dtype=np.int64), np.zeros(len(codes))
    return features.argmax(axis=1), features.any(axis=1).astype(float)
