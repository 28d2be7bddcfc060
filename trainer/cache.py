"""Parsed columns on the node's disk, so that no epoch parses text: 8 bytes a number, 4 a category's code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np


@dataclass(frozen=True)
class Batch:
    """Rows in the cache, from number `start` on.

    numbers: float64 of shape (columns, rows); codes: int32 of shape (columns, rows). label: float64 of shape
    (rows,), NaN where it is missing; for classes, their codes as first seen.
    """

    start: int
    numbers: np.ndarray
    codes: np.ndarray
    label: np.ndarray


class Cache:
    """Batches of rows, which are read one by one, in any order."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = path.open("wb")
        self._places: list[tuple[int, int, int]] = []
        self._offset = 0
        self._widths = (0, 0)

    def write(self, start: int, numbers: list[np.ndarray], codes: np.ndarray, label: np.ndarray) -> None:
        """Append rows, as a batch has them; numbers: of each column. Raises OSError when the disk is full."""
        assert self._file is not None
        self._widths = (len(numbers), len(codes))
        self._places.append((self._offset, start, len(label)))
        # Column by column: a part of a block's rows lies together only within a column, so no copy is made.
        for column in (*numbers, label, *codes):
            self._file.write(column.data)
            self._offset += column.nbytes

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def delete(self) -> None:
        self.close()
        self._path.unlink(missing_ok=True)

    def __len__(self) -> int:
        return len(self._places)

    def read(self, number: int) -> Batch:
        """The `number`-th batch. It is read, not mapped: mapped pages would count as memory."""
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
        for number in range(len(self)):
            yield self.read(number)
