"""What the trainer's benchmark measures, and the measurements that it has made."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

MANY_ROWS = 10**6
"""Rows up to which a table is measured several times, and also with many epochs."""
PANDAS_BYTES_PER_ROW = 2000
"""Memory that the pandas code needs. If it is not free, that code is not measured."""


@dataclass
class Figure:
    """The measurements of one kind of process on one table.

    seconds: by phase, of the fastest process; others: percent of all processors that other processes used
    meanwhile. peak: the most memory of any of them, in bytes. times: how many were measured.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    peak: int = 0
    others: float = 0.0
    accuracy: float | None = None
    times: int = 0

    @property
    def whole(self) -> float:
        """Seconds from the first byte read to a model, without imports and saving."""
        return self.seconds["training"]

    def add(self, result: dict[str, Any], others: float) -> None:
        """Add the result of one process of trainer_phases.py."""
        self.times += 1
        self.peak = max(self.peak, result["peak"])
        if not self.seconds or result["seconds"]["training"] < self.whole:
            self.seconds, self.others = result["seconds"], others
            self.accuracy = result.get("metrics", {}).get("accuracy")


@dataclass
class Size:
    """One table. figures: by the kind of process and its epochs, 0 if it trains nothing."""

    rows: int
    file: Path
    bytes: int = 0
    figures: dict[tuple[str, int], Figure] = field(default_factory=dict)

    def kinds(self, epochs: int) -> list[tuple[str, int]]:
        """The kinds of process to measure, in order. epochs: of the longer training."""
        wanted = [("reader", 0), ("train", 1), ("arrow", 0)]
        if self.rows * PANDAS_BYTES_PER_ROW < psutil.virtual_memory().available:
            wanted.append(("pandas", 1))
        if self.rows <= MANY_ROWS:
            wanted += [("train", epochs), ("pandas", epochs)]
        return list(dict.fromkeys(wanted))
