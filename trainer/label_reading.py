"""The label's cells as the survey reads them: what its texts mean, and how often each number occurs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial

import dialect
import dialect_label
import dialect_notations
import dialect_numbers
import numpy as np
from column_statistics import Levels
from dialect_label import LabelReading, Number
from dialect_numbers import Notation
from reading import Source

MOST_VALUES = 1000
"""Different numbers of a label that are counted; one with more holds quantities in any case."""


class OtherTaskError(Exception):
    """The label does not suit the task that its first cells suggest. The message says why, as a refusal does.

    task: the one that it suits.
    """

    def __init__(self, message: str, task: str) -> None:
        super().__init__(message)
        self.task = task


def notation_of(source: Source, label: str) -> Notation:
    """How the numbers in the label of a dataset are written."""
    inspection = source.inspection
    known = [cell for cell in inspection.cells(label) if not dialect.is_missing(cell)]
    return dialect_notations.notation_of(known, inspection.dialect.decimal)


def number_reader(notation: Notation) -> Number:
    """How a number is read in a label."""
    return partial(dialect_numbers.number, notation=notation)


@dataclass
class LabelCells:
    """How the cells of one dataset's label are read.

    head: what its first cells mean. Its words, and those that stand for "missing" beside numbers anywhere,
    are missing labels of a regression. notation: how its numbers are written.
    """

    source: Source
    name: str
    head: LabelReading = field(init=False)
    notation: Notation = field(init=False)
    number_of: Number = field(init=False)

    def __post_init__(self) -> None:
        self.notation = notation_of(self.source, self.name)
        self.number_of = number_reader(self.notation)
        self.head = dialect_label.read_head(
            self.source.inspection, self.name, self.number_of, dialect.is_missing
        )
        self._missing = {dialect_label.folded(text) for text in self.head.words}
        self._missing |= dialect_label.DOUBTFUL_BESIDE_NUMBERS

    def learn(self, reading: LabelReading) -> None:
        """Take the words for "missing" that all cells show for such in a label of numbers."""
        self._missing = self._missing | {dialect_label.folded(text) for text in reading.words}

    def is_missing(self, text: str) -> bool:
        """Whether a text in a label of numbers stands for a missing one."""
        return dialect.is_missing(text) or dialect_label.folded(text) in self._missing

    def read(self, levels: Levels) -> LabelReading:
        """What all texts of a label mean."""
        counts = dict(zip(levels.codes, levels.counts.tolist(), strict=True))
        return dialect_label.read_label(
            counts | {"": levels.missing},
            self.number_of,
            dialect.is_missing,
            lambda: dialect_label.words_beside_numbers(
                self.source.inspection, self.name, self.number_of, dialect.is_missing
            ),
        )

    def read_numbers(self, numbers: LabelNumbers) -> LabelReading:
        """What all cells of a label of numbers mean."""
        words = dict.fromkeys(self.head.words, 0) | dict(numbers.words)
        if numbers.values is None:
            return LabelReading(
                words=words, numeric=True, fractions=numbers.fractions, rows=numbers.rows, task="regression"
            )
        return dialect_label.read_numbers(numbers.values, words, codes=self.head.codes)


@dataclass
class LabelNumbers:
    """The numbers of a label. values: how many rows each has, None if there are too many different ones.

    rows: with a number. fractions: whether any has digits after the decimal mark. words: the texts that stand
    for a missing label, as far as they were not read as missing numbers at once.
    """

    values: Counter[float] | None = field(default_factory=Counter)
    rows: int = 0
    fractions: bool = False
    words: Counter[str] = field(default_factory=Counter)

    def add(self, values: np.ndarray, words: Counter[str]) -> None:
        """Count a block's numbers, NaN where one is missing."""
        known = values[~np.isnan(values)]
        self.rows += len(known)
        self.fractions = self.fractions or not np.array_equal(known, np.floor(known))
        self.words += words
        if self.values is None:
            return
        different, rows = np.unique(known, return_counts=True)
        if len(different) <= MOST_VALUES:
            self.values.update(dict(zip(different.tolist(), rows.tolist(), strict=True)))
        if len(different) > MOST_VALUES or len(self.values) > MOST_VALUES:
            self.values = None
