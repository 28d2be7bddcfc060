"""What the first pass over a dataset finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import touchdown_model as model
from cache import Cache
from column_kinds import Form
from column_statistics import Levels, NumberStatistics
from dialect_label import LabelReading
from reading import Source
from sample import Sample


@dataclass
class Survey:
    """What is known of a dataset after it has been read once.

    forms: of every column but the label, in the file's order. numbers: of the number, boolean and date
    columns, in that order; levels: of the categories. classes: the label's texts as they are written, of a
    classification; labels: its numbers, of a regression. rarest: for each of these texts (0 for a
    regression), hash and number of its first rows. reading: what the label's cells mean. held_out: for each
    row whether it is held out by its hash, packed; None if the row's number decides. cache: every row,
    parsed. sample: some rows that stay in memory.
    """

    source: Source
    label: str
    task: str
    rows: int
    forms: dict[str, Form]
    numbers: NumberStatistics
    levels: dict[str, Levels]
    classes: Levels
    labels: NumberStatistics
    rarest: dict[int, list[tuple[int, int]]]
    reading: LabelReading
    held_out: np.ndarray | None
    cache: Cache
    sample: Sample

    @property
    def number_columns(self) -> list[str]:
        return [name for name, form in self.forms.items() if form.kind != model.CATEGORY]

    @property
    def text_columns(self) -> list[str]:
        return [name for name, form in self.forms.items() if form.kind == model.CATEGORY]
