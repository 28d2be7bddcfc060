"""The training rows as chunks of features, in the order in which a linear model is trained on them."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

import numpy as np
from design import Design
from holdout import SEED
from parallel import in_order
from schema import Plan
from survey import Survey

CHUNK_CELLS = 6_000_000
"""Features in one chunk, at most 48 MB: a few chunks are in memory at once."""
SLICE_ROWS = 32_768
"""Rows in one chunk, if there are more than one batch."""
LEAST_SLICE_ROWS = 64
"""Rows in one chunk even if a row has so many features that they exceed CHUNK_CELLS."""
SHUFFLED_BATCHES, SHUFFLED_CELLS = 16, 12_000_000
"""Shuffle at most 16 batches together, or fewer once they hold 12 million cells (96 MB)."""
MADE_AHEAD = 4
"""Chunks that are made while an earlier one is trained on."""


@dataclass
class Chunk:
    """Training rows. features: of shape (n, width). target: of shape (n,), class indices or scaled numbers.

    longest: the largest squared norm of a row. memory: the array that holds the features, if it can be used
    again.
    """

    features: np.ndarray
    target: np.ndarray
    longest: float
    memory: np.ndarray | None = None


@dataclass
class TrainingRows:
    """The training rows of one batch.

    numbers, codes: as in cache.Batch, with all of its rows. rows: the indices of the training rows among
    them. target: of shape (len(rows),).
    """

    numbers: np.ndarray
    codes: np.ndarray
    rows: np.ndarray
    target: np.ndarray


def squared_norms(features: np.ndarray) -> np.ndarray:
    """The squared norm of each row, of shape (n,)."""
    found: np.ndarray = np.einsum("ij,ij->i", features, features)
    return found


class Chunks:
    """The training rows as chunks of features, epoch after epoch, in an order that differs in each.

    A dataset of a single batch is one chunk, in the order of the file. If there are more batches, random
    groups of them are cut into slices that fit into the processor's cache. Each slice has rows of every batch
    of its group in random order, so that rows which are sorted by their label in the file are not trained on
    in that order. The first epoch writes its slices to disk, if there is room for them, and later epochs read
    these in random order.
    """

    def __init__(self, survey: Survey, plan: Plan, folder: Path, epochs: int) -> None:
        self._cache, self._plan = survey.cache, plan
        self._design = Design(survey, plan)
        width = self._design.width
        self.mixed = len(survey.cache) > 1
        """Whether rows are shuffled here, so that training need not shuffle them again."""
        self._rows = max(LEAST_SLICE_ROWS, min(SLICE_ROWS, CHUNK_CELLS // max(1, width)))
        self._only: Chunk | None = None
        self._path = folder / "features.cache"
        self._keeps = epochs > 1 and 8 * survey.rows * (width + 1) < shutil.disk_usage(folder).free / 2
        self._slices: list[tuple[int, int, float]] = []
        """Where each slice begins in the file, how many rows it has, and the squared norm of the longest."""
        self._spare: SimpleQueue[np.ndarray] = SimpleQueue()

    def epoch(self, number: int) -> Iterator[Chunk]:
        """The chunks of epoch `number`, from 1."""
        generator = np.random.default_rng(SEED + number)
        if self._only is not None:
            yield self._only
        elif self._slices:
            yield from self._read(generator.permutation(len(self._slices)))
        elif self.mixed:
            yield from self._first_epoch(generator)
        else:
            self._only = self._chunk_of([self._training_rows(0)], [slice(None)])
            yield self._only

    def release(self, chunk: Chunk) -> None:
        """Let the chunk's memory be used again: to get memory from the system takes as long as to fill it."""
        if chunk.memory is not None:
            self._spare.put(chunk.memory)

    def delete(self) -> None:
        """Delete the slices on disk."""
        self._path.unlink(missing_ok=True)

    def _memory(self) -> np.ndarray:
        try:
            return self._spare.get_nowait()
        except Empty:
            # Rounding may give a slice one more row of each batch of its group.
            return np.empty((self._rows + SHUFFLED_BATCHES, self._design.width))

    def _first_epoch(self, generator: np.random.Generator) -> Iterator[Chunk]:
        slices: list[tuple[int, int, float]] = []
        with self._path.open("wb") if self._keeps else contextlib.nullcontext() as file:
            shares = self._shares(generator)
            for chunk in in_order(lambda share: self._chunk_of(*share), shares, ahead=MADE_AHEAD):
                if file is not None:
                    slices.append((file.tell(), len(chunk.target), chunk.longest))
                    file.write(chunk.features.data)
                    file.write(chunk.target.data)
                yield chunk
        self._slices = slices

    def _shares(
        self, generator: np.random.Generator
    ) -> Iterator[tuple[list[TrainingRows], list[slice], int]]:
        """For each slice, the batches of its group, its part of each of them, and a seed for shuffling."""
        group: list[TrainingRows] = []
        order = generator.permutation(len(self._cache))
        for place, number in enumerate(order, start=1):
            group.append(self._training_rows(int(number)))
            cells = sum(batch.numbers.size + batch.codes.size for batch in group)
            if len(group) < SHUFFLED_BATCHES and cells < SHUFFLED_CELLS and place < len(order):
                continue
            sizes = [len(batch.target) for batch in group]
            count = -(-sum(sizes) // self._rows)  # 0 if no row of the group has a label
            for share in range(count):
                parts = [slice(size * share // count, size * (share + 1) // count) for size in sizes]
                yield group, parts, int(generator.integers(2**63))
            group = []

    def _training_rows(self, number: int) -> TrainingRows:
        """The training rows of batch `number`."""
        plan, batch = self._plan, self._cache.read(number)
        label = plan.labels(batch)
        rows = np.flatnonzero(plan.labelled(label) & ~plan.split.mask(batch.start, len(label)))
        return TrainingRows(batch.numbers, batch.codes, rows, plan.targets(label[rows]))

    def _chunk_of(self, group: list[TrainingRows], parts: list[slice], seed: int | None = None) -> Chunk:
        """Some training rows of each batch, shuffled if there is a seed.

        Rows are shuffled once, when they are written, so that every epoch reads them one after the other.
        """
        target = np.concatenate([batch.target[part] for batch, part in zip(group, parts, strict=True)])
        features = np.empty((len(target), self._design.width))
        start = 0
        for batch, part in zip(group, parts, strict=True):
            rows = batch.rows[part]
            self._design.fill(batch.numbers, batch.codes, rows, features[start : start + len(rows)])
            start += len(rows)
        longest = float(squared_norms(features).max(initial=0.0))
        if seed is None:
            return Chunk(features, target, longest)
        order = np.random.default_rng(seed).permutation(len(target))
        memory = self._memory()
        shuffled = memory[: len(order)]
        features.take(order, axis=0, out=shuffled, mode="clip")  # mode "raise" would make a copy first
        return Chunk(shuffled, target.take(order), longest, memory)

    def _read(self, order: Iterable[int]) -> Iterator[Chunk]:
        with self._path.open("rb") as file:
            for number in order:
                place, rows, longest = self._slices[int(number)]
                file.seek(place)
                memory = self._memory()
                features, target = memory[:rows], np.empty(rows)
                read = file.readinto(features.data) + file.readinto(target.data)
                if read < features.nbytes + target.nbytes:
                    raise EOFError(
                        f"{self._path.name} has {read} bytes of a slice that was written with more"
                    )
                yield Chunk(features, target, longest, memory)
