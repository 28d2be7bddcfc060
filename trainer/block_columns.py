"""One block of a dataset converted into arrays: the work that the survey does on all cores at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import date_formats
import date_reading
import dialect
import numpy as np
import touchdown_model as model
from column_kinds import Form
from column_statistics import Moments
from label_reading import LabelCells, OtherTaskError
from parsing import Parsed, Parser, row_of
from reading import Block, Source
from text import quoted
from text_codes import FLAWS, MEANING, Vocabulary, as_dictionary, codes_of, encoded, written

if TYPE_CHECKING:
    import pyarrow as pa

HOT_CELLS = 100_000
"""How many cells fit into the processor's cache."""
RANGE_UNKNOWN = (np.nan, np.nan)


@dataclass
class BlockColumns:
    """A parsed block as arrays.

    values: of each number, boolean or date column, float64 of shape (rows,), NaN where a value is missing.
    flaws: int64 of shape (those columns, 5): how many cells have each of text_codes.FLAWS, and whether any
    holds text. codes: of each category, as text_codes.encoded.
    label: float64 of shape (rows,) for a regression, for a classification as text_codes.written. words: the
    texts in the label of a regression that stand for a missing one, with how many rows each has.
    """

    parsed: Parsed
    values: list[np.ndarray]
    flaws: np.ndarray
    moments: Moments
    codes: dict[str, tuple[np.ndarray, list[str | None]]]
    label: np.ndarray | tuple[np.ndarray, list[str | None]]
    words: Counter[str]


class BlockConverter:
    """Converts the blocks of one dataset, of which each column is read in its form.

    `convert` runs in several threads at once. They share only the vocabularies, which are replaced as a
    whole: if two threads replace the same one, the new texts of one of them are converted again later.
    """

    def __init__(self, source: Source, label: LabelCells, task: str, forms: dict[str, Form]) -> None:
        self._source, self._label, self._task, self._forms = source, label, task, forms
        self._decimal = source.inspection.dialect.decimal
        self.parser = Parser(
            source,
            frozenset(name for name, form in forms.items() if form.kind == model.NUMBER)
            | ({label.name} if task == "regression" else set()),
        )
        self.number_columns = [name for name, form in forms.items() if form.kind != model.CATEGORY]
        self.text_columns = [name for name, form in forms.items() if form.kind == model.CATEGORY]
        self._vocabularies = {name: Vocabulary.empty() for name in self.number_columns}

    def convert(self, block: Block) -> BlockColumns:
        """Parse a block and convert its columns.

        Raises BadInputError, NotUtf8Error and OtherTaskError, which name the row.
        """
        parsed = self.parser.parse(block)
        table = parsed.table
        columns = len(self.number_columns)
        values: list[np.ndarray] = []
        flaws = np.zeros((columns, len(FLAWS) + 1), dtype=np.int64)
        moments = Moments.empty(columns)
        together = max(1, HOT_CELLS // max(1, table.num_rows))
        for first in range(0, columns, together):
            # Columns are measured as soon as they are converted, while the processor's cache holds them.
            part = slice(first, first + together)
            for place, name in enumerate(self.number_columns[part], start=first):
                column, moments.known[place], ends, flaws[place] = self._values(name, table[name])
                moments.low[place], moments.high[place] = ends
                values.append(column)
            moments.measure(part, values[part])
        codes = {name: encoded(table[name]) for name in self.text_columns}
        words: Counter[str] = Counter()
        label: np.ndarray | tuple[np.ndarray, list[str | None]]
        if self._task == "regression":
            label = self._numeric_label(block, table[self._label.name], words)
        else:
            label = written(table[self._label.name])
        return BlockColumns(parsed, values, flaws, moments, codes, label, words)

    def _values(
        self, name: str, cells: pa.ChunkedArray
    ) -> tuple[np.ndarray, int, tuple[float, float], tuple[int, ...]]:
        """A column's values as float64, how many are known, their range or RANGE_UNKNOWN, and its flaws."""
        import pyarrow as pa

        if pa.types.is_floating(cells.type):
            return parsed_numbers(cells)
        form = self._forms[name]
        dictionary = as_dictionary(cells)
        vocabulary, meaning = self._vocabularies[name].learn(
            dictionary.dictionary, lambda texts: self._meaning_of(form, texts)
        )
        self._vocabularies[name] = vocabulary
        meaning = np.append(meaning, np.array([(np.nan, *[0] * len(FLAWS))], dtype=MEANING))
        codes = codes_of(dictionary)
        flaws = (int(meaning[flaw].take(codes).sum()) if meaning[flaw].any() else 0 for flaw in FLAWS)
        values = meaning["value"].take(codes)
        known = len(values) - int(np.count_nonzero(np.isnan(values)))
        return values, known, RANGE_UNKNOWN, (*flaws, 1)

    def _meaning_of(self, form: Form, texts: list[str | None]) -> np.ndarray:
        """What each text of a column means, as an array of MEANING."""
        if form.kind == model.NUMBER:
            values = model.numbers(texts, self._decimal)
        elif form.kind == model.BOOLEAN:
            values = model.booleans(texts)
        else:
            return self._dates(form, texts)
        found = np.zeros(len(texts), dtype=MEANING)
        found["value"] = values
        for place in np.flatnonzero(np.isnan(values)):
            text = texts[place]
            if text is not None:
                number = form.kind == model.NUMBER and dialect.number_of(text, self._decimal) is not None
                found["infinite" if number else "wrong"][place] = 1
        return found

    @staticmethod
    def _dates(form: Form, texts: list[str | None]) -> np.ndarray:
        """What each text of a column of dates means, as an array of MEANING."""
        reading = date_reading.read(texts, form.pattern)
        found = np.zeros(len(texts), dtype=MEANING)
        found["value"], found["decisive"] = reading.values, reading.decisive
        wrong = [place for place in np.flatnonzero(np.isnan(reading.values)) if texts[place] is not None]
        found["wrong"][wrong] = 1
        if wrong and form.pattern in date_formats.OTHER_ORDER:
            other = date_formats.OTHER_ORDER[form.pattern]
            found["contrary"][wrong] = date_reading.read([texts[place] for place in wrong], other).decisive
        return found

    def _numeric_label(self, block: Block, cells: pa.ChunkedArray, words: Counter[str]) -> np.ndarray:
        """The label of a regression. words: where the texts that stand for a missing one are counted.

        Raises OtherTaskError, which names the row, if a cell is neither that nor a number.
        """
        import pyarrow as pa

        if pa.types.is_floating(cells.type):
            values = cells.to_numpy(zero_copy_only=False)
            with np.errstate(invalid="ignore"):
                return np.where(np.abs(values) < model.LARGEST, values, np.nan)
        codes, texts = written(cells)
        rows = np.bincount(codes, minlength=len(texts)).tolist()
        for place, text in enumerate(texts):
            if text is None or self._label.number_of(text) is not None:
                continue
            if not self._label.is_missing(text):
                self._no_number(block, codes, texts)
            words[text] += rows[place]
        found: np.ndarray = np.append(model.numbers(texts, self._decimal), np.nan)[codes]
        return found

    def _no_number(self, block: Block, codes: np.ndarray, texts: list[str | None]) -> NoReturn:
        """Raise OtherTaskError about the first cell of a label that is neither a number nor missing."""
        wrong = [
            place
            for place, text in enumerate(texts)
            if text is not None and self._label.number_of(text) is None and not self._label.is_missing(text)
        ]
        row = int(np.flatnonzero(np.isin(codes, wrong))[0])
        raise OtherTaskError(
            f"column {quoted(self._label.name)}, row {row_of(block, self._source, row)}: the label"
            f" {quoted(texts[codes[row]])} is not a number, which a regression estimates; correct it, or set"
            " task to classification",
            "classification",
        )


def parsed_numbers(
    cells: pa.ChunkedArray,
) -> tuple[np.ndarray, int, tuple[float, float], tuple[int, ...]]:
    """As BlockConverter._values, for a column that pyarrow has parsed as float64."""
    values = cells.to_numpy(zero_copy_only=False)
    with np.errstate(invalid="ignore"):
        if not cells.null_count and len(values):
            low, high = float(values.min()), float(values.max())
            if max(-low, high) < model.LARGEST:  # nearly always, and no single cell has to be examined
                return values, len(values), (low, high), (0,) * (len(FLAWS) + 1)
        large = np.abs(values) >= model.LARGEST
    infinite = int(np.count_nonzero(large))
    missing = int(np.count_nonzero(np.isnan(values)))
    # pandas, which reads the rows for a deployment, does not read 1e999 or NAN as numbers but as text.
    odd = infinite or missing != cells.null_count
    values = np.where(large, np.nan, values) if infinite else values
    return values, len(values) - missing - infinite, RANGE_UNKNOWN, (0, infinite, 0, 0, int(bool(odd)))
