"""One block of a dataset converted into arrays: the work that the survey does on all cores at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import date_formats
import date_reading
import dialect_numbers
import numpy as np
import touchdown_model as model
from column_kinds import Form
from column_statistics import FLAWS, MOST_ODD_TEXTS, Moments, Values
from label_reading import LabelCells, OtherTaskError
from parsing import Parsed, Parser, row_of
from reading import Block, Source
from text import quoted
from text_codes import MEANING, Vocabulary, as_dictionary, codes_of, encoded, written

if TYPE_CHECKING:
    import pyarrow as pa

HOT_CELLS = 100_000
"""How many cells fit into the processor's cache."""
MOST_EXAMPLES = 3
"""Texts of different shapes that a block keeps of each column."""


@dataclass
class BlockColumns:
    """A parsed block as arrays.

    columns: the number, boolean and date columns. codes: of each category, as text_codes.encoded. label: a
    column of numbers for a regression, for a classification as text_codes.written. words: the texts in the
    label of a regression that stand for a missing one, with how many rows each has.
    """

    parsed: Parsed
    columns: list[Values]
    moments: Moments
    codes: dict[str, tuple[np.ndarray, list[str | None]]]
    label: Values | tuple[np.ndarray, list[str | None]]
    words: Counter[str]

    @property
    def values(self) -> list[np.ndarray]:
        return [column.values for column in self.columns]


class BlockConverter:
    """Converts the blocks of one dataset, of which each column is read in its form.

    `convert` runs in several threads at once. They share only the vocabularies, which are replaced as a
    whole: if two threads replace the same one, the new texts of one of them are converted again later.
    """

    def __init__(self, source: Source, label: LabelCells, task: str, forms: dict[str, Form]) -> None:
        self._source, self._label, self._task, self._forms = source, label, task, forms
        self._decimal = source.inspection.dialect.decimal
        notations = {name: form.notation for name, form in forms.items() if form.kind == model.NUMBER}
        if task == "regression":
            notations[label.name] = label.notation
        # The parser knows one decimal mark, and no units.
        plain = {
            name
            for name, each in notations.items()
            if each.decimal == self._decimal and not each.unit and not each.duration
        }
        self.parser = Parser(source, frozenset(plain))
        self.number_columns = [name for name, form in forms.items() if form.kind != model.CATEGORY]
        self.text_columns = [name for name, form in forms.items() if form.kind == model.CATEGORY]
        self._vocabularies = {name: Vocabulary.empty() for name in self.number_columns}

    def convert(self, block: Block) -> BlockColumns:
        """Parse a block and convert its columns.

        Raises BadInputError, NotUtf8Error and OtherTaskError, which name the row.
        """
        parsed = self.parser.parse(block)
        table = parsed.table
        count = len(self.number_columns)
        columns: list[Values] = []
        moments = Moments.empty(count)
        together = max(1, HOT_CELLS // max(1, table.num_rows))
        for first in range(0, count, together):
            # Columns are measured as soon as they are converted, while the processor's cache holds them.
            part = slice(first, first + together)
            for place, name in enumerate(self.number_columns[part], start=first):
                column = self._values(name, table[name])
                moments.known[place] = column.known
                moments.low[place], moments.high[place] = column.ends
                columns.append(column)
            moments.measure(part, [column.values for column in columns[part]])
        codes = {name: encoded(table[name]) for name in self.text_columns}
        words: Counter[str] = Counter()
        label: Values | tuple[np.ndarray, list[str | None]]
        if self._task == "regression":
            label = self._numeric_label(block, table[self._label.name], words)
        else:
            label = written(table[self._label.name])
        return BlockColumns(parsed, columns, moments, codes, label, words)

    def _values(self, name: str, cells: pa.ChunkedArray) -> Values:
        """A column of numbers, booleans or dates."""
        import pyarrow as pa

        form = self._forms[name]
        if pa.types.is_floating(cells.type):
            return parsed_numbers(cells, form.notation.gaps)
        dictionary = as_dictionary(cells)
        vocabulary, meaning = self._vocabularies[name].learn(
            dictionary.dictionary, lambda texts: self._meaning_of(form, texts)
        )
        self._vocabularies[name] = vocabulary
        codes = codes_of(dictionary)
        return values_of(dictionary.dictionary, meaning, codes)

    def _meaning_of(self, form: Form, texts: list[str | None]) -> np.ndarray:
        """What each text of a column means, as an array of MEANING."""
        if form.kind == model.NUMBER:
            return meaning_of_numbers(texts, form.notation, self._decimal)
        if form.kind == model.DATE:
            return self._dates(form, texts)
        found = np.zeros(len(texts), dtype=MEANING)
        found["value"] = model.booleans(texts)
        wrong = [place for place in np.flatnonzero(np.isnan(found["value"])) if texts[place] is not None]
        found["wrong"][wrong] = 1
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

    def _numeric_label(self, block: Block, cells: pa.ChunkedArray, words: Counter[str]) -> Values:
        """The label of a regression. words: where the texts that stand for a missing one are counted.

        Raises OtherTaskError, which names the row, if a cell is neither that nor a number.
        """
        import pyarrow as pa

        notation = self._label.notation
        if pa.types.is_floating(cells.type):
            return parsed_numbers(cells, notation.gaps)
        codes, texts = written(cells)
        rows = np.bincount(codes + 1, minlength=len(texts) + 1).tolist()[1:]
        for place, text in enumerate(texts):
            if text is None or self._label.number_of(text) is not None:
                continue
            if not self._label.is_missing(text):
                self._no_number(block, codes, texts)
            words[text] += rows[place]
        known = [None if text is None or text in words else text for text in texts]
        return values_of(known, meaning_of_numbers(known, notation, self._decimal), codes)

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


def values_of(texts: Sequence[Any], meaning: np.ndarray, codes: np.ndarray) -> Values:
    """A column of texts. meaning: of each text, an array of MEANING; codes: the place of each cell's text."""
    values = np.append(meaning["value"], np.nan).take(codes)
    column = Values(values, len(values) - int(np.count_nonzero(np.isnan(values))), dirty=True)
    if any(meaning[flaw].any() for flaw in FLAWS):
        often = np.bincount(codes + 1, minlength=len(meaning) + 1)[1:]
        column.flaws = tuple(int(often[meaning[flaw] == 1].sum()) for flaw in FLAWS)
        odd, unusual = (np.flatnonzero(meaning[flaw])[:MOST_ODD_TEXTS] for flaw in ("wrong", "written"))
        for place in odd:
            text = str(texts[int(place)]).strip()
            column.odd[text] = column.odd.get(text, 0) + int(often[place])
        column.examples = examples_of(str(texts[int(place)]).strip() for place in unusual)
    return column


def meaning_of_numbers(
    texts: list[str | None], notation: dialect_numbers.Notation, decimal: str
) -> np.ndarray:
    """What each text of a column of numbers means, as an array of MEANING.

    decimal: the file's decimal mark, with which alone a number counts as plainly written.
    """
    found = np.zeros(len(texts), dtype=MEANING)
    found["value"] = model.numbers(texts, notation)
    for place, (text, value) in enumerate(zip(texts, found["value"].tolist(), strict=True)):
        if text is None:
            continue
        if value == value:
            plain = all(dialect_numbers.is_plain(text.strip(), mark) for mark in (decimal, notation.decimal))
            found["written"][place] = not plain
            continue
        number = dialect_numbers.number(text, notation)
        gap = number is not None and number in notation.gaps
        found["wrong" if number is None else "gap" if gap else "infinite"][place] = 1
    return found


def examples_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Some of the texts, of different shapes."""
    found: dict[str, str] = {}
    for text in texts:
        found.setdefault(dialect_numbers.shape(text), text)
        if len(found) == MOST_EXAMPLES:
            break
    return tuple(found.values())


def parsed_numbers(cells: pa.ChunkedArray, gaps: tuple[float, ...]) -> Values:
    """As BlockConverter._values, for a column that pyarrow has parsed as float64."""
    values = cells.to_numpy(zero_copy_only=False)
    with np.errstate(invalid="ignore"):
        if not cells.null_count and len(values) and not gaps:
            low, high = float(values.min()), float(values.max())
            if max(-low, high) < model.LARGEST:  # nearly always, and no single cell has to be examined
                return Values(values, len(values), (low, high))
        large = np.abs(values) >= model.LARGEST
    infinite = int(np.count_nonzero(large))
    missing = int(np.count_nonzero(np.isnan(values)))
    stand_ins = np.isin(values, gaps) if gaps else np.zeros(0, dtype=bool)
    gap = int(np.count_nonzero(stand_ins))
    # pandas, which reads the rows for a deployment, does not read 1e999 or NAN as numbers but as text.
    odd = infinite or missing != cells.null_count
    values = np.where(large, np.nan, values) if infinite else values
    values = np.where(stand_ins, np.nan, values) if gap else values
    known = len(values) - missing - infinite - gap
    return Values(values, known, flaws=(0, infinite, gap, 0, 0, 0), dirty=bool(odd))
