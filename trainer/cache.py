"""Parsed columns on disk, so that epochs parse no text: 8 bytes for a number, 4 for a category's code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np


@dataclass(frozen=True)
class Batch:
    """Consecutive rows of the dataset. start: the number of the first.

    numbers: float64 of shape (columns, rows). codes: int32 of shape (columns, rows). label: float64 of shape
    (rows,), NaN where it is missing; for a classification, the codes of the survey's classes.
    """

    start: int
    numbers: np.ndarray
    codes: np.ndarray
    label: np.ndarray


class Cache:
    """Batches of rows in a file. They are written one after the other and can then be read in any order."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = path.open("wb")
        self._places: list[tuple[int, int, int]] = []
        self._offset = 0
        self._widths = (0, 0)

    def write(self, start: int, numbers: list[np.ndarray], codes: np.ndarray, label: np.ndarray) -> None:
        """Append a batch. numbers: of each column, of shape (rows,). Raises OSError when the disk is full."""
        assert self._file is not None
        self._widths = (len(numbers), len(codes))
        self._places.append((self._offset, start, len(label)))
        # Column by column, which needs no copy: some rows of a block are contiguous only within a column.
        for column in (*numbers, label, *codes):
            self._file.write(column.data)
            self._offset += column.nbytes

    def close(self) -> None:
        """End writing."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def delete(self) -> None:
        self.close()
        self._path.unlink(missing_ok=True)

    def __len__(self) -> int:
        return len(self._places)

    def read(self, number: int) -> Batch:
        """Batch number `number`, from 0. The file is read, not mapped: mapped pages would count as memory."""
        self.close()
        offset, start, rows = self._places[number]
        floats, texts = self._widths
        with self._path.open("rb") as file:
            file.seek(offset)
            numbers = np.fromfile(file, np.float64, floats * rows).reshape(floats, rows)
            label = np.fromfile(file, np.float64, rows)
            codes = np.fromfile(file, np.int32, texts * rows).reshape(texts, rows)
        return Batch(start, numbers, codes, label)

    def batches(self) -> Iterator[Batch]:
        """All batches, in the order of the dataset."""
        for number in range(len(self)):
            yield self.read(number)
