"""The first pass over a dataset: what each column is, and its values in a form that needs no parsing again.

Text is parsed once. While it streams past, each column gathers what decides its kind, its imputation and its
scaling, and its values go to the cache: numbers, booleans and dates as float64, categories as codes of their
levels. Epochs then read that. Only where a column turns out to be something
else than its beginning looked like, the dataset is read once more.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import dialect
import numpy as np
import touchdown_model as model
from cache import Cache
from holdout import hashes_of
from reading import Block, NotUtf8Error, Parsed, Parser, Source, in_order, read_ahead
from sample import Sample
from text import quoted

if TYPE_CHECKING:
    import pyarrow as pa

MOST_CLASSES = 1000  # each is a classifier of its own, and the confusion matrix has their square
MOST_LEVELS = 20_000
"""Different texts of one column that are told apart; what comes first counts."""
MOSTLY = 0.95
"""Share of a column's values that must be numbers (dates, booleans) for it to be one of numbers."""
BATCH_ROWS = 32_768
BATCH_CELLS = 2_000_000
HOT_CELLS = 100_000
"""Cells that the processor's cache holds."""
SMALL_CLASS = 200
"""Rows of a class up to which it is watched whether both sides of the split have one."""
OTHER_CLASS = "(other)"
IDENTIFIER_ROWS = 20
"""Rows below which nothing is taken for an identifier: a few values may well all differ."""
ID_NAME = re.compile(
    r"(?:^|[\W_])(?:id|uuid|guid|key|index|rowid|rownum)$|(?<=[a-z])I[dD]$|^ID$|^Unnamed: 0$", re.ASCII
)
"""Names of columns whose numbers tell rows apart."""

DATE_PATTERNS = (
    "ISO8601",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    *(
        f"{date}{time}"
        for date in ("%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y")
        for time in ("", " %H:%M", " %H:%M:%S")
    ),
)
"""How dates are written, in the order in which they are tried. 03/04/2026 alone is the 4th of March."""
_LIKE_A_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ].*)?", re.ASCII)


# --- What a column looks like at its beginning -------------------------------------------------------


@dataclass(frozen=True)
class Form:
    """How a column is read. kind: one of the model's. pattern: that of a date."""

    kind: str
    pattern: str = ""


def form_of(cells: list[str], decimal: str) -> Form:
    """The form of a column whose first cells are these."""
    known = [cell for cell in cells if not dialect.is_missing(cell)]
    if not known:
        return Form(model.NUMBER)
    if sum(dialect.number_of(cell, decimal) is not None for cell in known) >= MOSTLY * len(known):
        return Form(model.NUMBER)
    words = {cell.strip().lower() for cell in known}
    if words <= model.TRUE | model.FALSE:
        return Form(model.BOOLEAN)
    if sum(_LIKE_A_DATE.fullmatch(cell.strip()) is not None for cell in known[:200]) >= MOSTLY * min(
        len(known), 200
    ):
        sample = list(dict.fromkeys(known))[:2000]
        for pattern in DATE_PATTERNS:
            if np.isfinite(model.days(sample, pattern)).mean() >= MOSTLY:
                return Form(model.DATE, pattern)
    return Form(model.CATEGORY)


# --- What the columns gather -------------------------------------------------------------------------


@dataclass
class Moments:
    """What a block's number columns hold, each of shape (columns,).

    known: how many values are not missing; told beforehand, since few columns need to be asked cell by cell.
    low, high: told beforehand where they are known already; NaN where all is missing. squares: the sum of
    squares around the mean.
    """

    known: np.ndarray
    mean: np.ndarray
    squares: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def empty(cls, columns: int) -> Moments:
        known, mean, squares = np.zeros((3, columns))
        return cls(known, mean, squares, *np.full((2, columns), np.nan))

    def measure(self, part: slice, columns: list[np.ndarray]) -> None:
        """Fill in a part from its columns' values, each of shape (rows,)."""
        rows = len(columns[0])
        if not rows:
            return
        low, high = self.low[part], self.high[part]
        values = columns[0][np.newaxis] if len(columns) == 1 else np.stack(columns)
        # Around the block's mean, and joined as Chan, Golub and LeVeque do it: no digits are lost.
        mean = values.sum(axis=1) / rows
        around = values - mean[:, np.newaxis]
        squares = np.einsum("ij,ij->i", around, around)
        gaps = self.known[part] < rows  # there, all of these are NaN
        for place in np.flatnonzero(np.isnan(low) & ~gaps):
            low[place], high[place] = columns[place].min(), columns[place].max()
        for place in np.flatnonzero(gaps):
            there = columns[place][~np.isnan(columns[place])]
            if len(there):
                low[place], high[place], mean[place] = there.min(), there.max(), there.mean()
                there -= mean[place]
            else:
                mean[place] = 0.0
            squares[place] = np.einsum("i,i->", there, there)  # no BLAS: its threads would wait for ours
        self.mean[part], self.squares[part] = mean, squares


class Numbers:
    """Statistics of all number, boolean and date columns at once; every array has the shape (columns,)."""

    def __init__(self, forms: list[Form]) -> None:
        count = len(forms)
        self.forms = forms
        self.known = np.zeros(count)
        self.bad = np.zeros(count, dtype=np.int64)
        self.infinite = np.zeros(count, dtype=np.int64)
        self.dirty = np.zeros(count, dtype=bool)
        """Whether a cell held something that a CSV reader takes for no number."""
        self.mean = np.zeros(count)
        self.squares = np.zeros(count)
        self.low = np.full(count, np.inf)
        self.high = np.full(count, -np.inf)
        self.step = np.full(count, np.nan)
        self.steady = np.array([form.kind == model.NUMBER for form in forms])
        """Whether each value so far was the one before plus the same step: a row number."""
        self.last = np.full(count, np.nan)
        self.whole = np.array([form.kind == model.NUMBER for form in forms])

    def add(self, values: list[np.ndarray], flaws: np.ndarray, moments: Moments) -> None:
        """values: of each column, NaN where missing; flaws: as Pass._values tells them, (columns, 3)."""
        self.bad += flaws[:, 0]
        self.infinite += flaws[:, 1]
        self.dirty |= flaws[:, 2] > 0
        rows = len(values[0]) if values else 0
        if not rows:
            return
        self.mean, self.squares, self.known = joined(
            (self.known, self.mean, self.squares), (moments.known, moments.mean, moments.squares)
        )
        self.low, self.high = np.fmin(self.low, moments.low), np.fmax(self.high, moments.high)
        self._identify(values, moments.known < rows)

    def _identify(self, values: list[np.ndarray], gaps: np.ndarray) -> None:
        """Look at columns that may be row numbers or keys, as long as they may."""
        self.whole &= ~gaps
        for place in np.flatnonzero(self.whole):
            column = values[place]
            if not np.array_equal(column, np.floor(column)):
                self.whole[place] = self.steady[place] = False
                continue
            if self.steady[place]:
                before = column if np.isnan(self.last[place]) else np.append(self.last[place], column)
                steps = np.diff(before)
                if len(steps):
                    if np.isnan(self.step[place]):
                        self.step[place] = steps[0]
                    self.steady[place] = self.step[place] != 0 and bool((steps == self.step[place]).all())
                self.last[place] = column[-1]
        self.steady &= self.whole


def joined(one: tuple, two: tuple) -> tuple:  # type: ignore[type-arg]
    """Mean, sum of squares around it, and count of two samples together, each (count, mean, squares)."""
    (n, mean, squares), (m, mean2, squares2) = one, two
    total = n + m
    there = np.maximum(total, 1)
    delta = mean2 - mean
    return mean + delta * m / there, squares + squares2 + delta * delta * n * m / there, total


class Levels:
    """The texts of one column, by code in the order in which they were first seen."""

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}
        self.counts = np.zeros(0, dtype=np.int64)
        self.missing = 0
        self.beyond = 0
        """Cells whose text came after MOST_LEVELS others."""
        self.repeats = 0
        """Cells whose text stood in an earlier cell of the same block, or among the levels."""

    @property
    def rows(self) -> int:
        return int(self.counts.sum()) + self.missing + self.beyond

    def add(self, codes: np.ndarray, uniques: list[str | None]) -> np.ndarray:
        """Count a block's cells, given as codes into its own `uniques`; the same cells in our codes."""
        before = len(self.codes)
        lookup = np.full(len(uniques) + 1, model.MISSING, dtype=np.int32)
        for place, text in enumerate(uniques):
            if text is None:
                continue
            code = self.codes.get(text, model.OTHER)
            if code == model.OTHER and len(self.codes) < MOST_LEVELS:
                code = self.codes[text] = len(self.codes)
            lookup[place] = code
        cells = np.bincount(codes + 1, minlength=len(uniques) + 1)
        cells, lacking = cells[1:], int(cells[0])
        places = lookup[:-1]
        counted = np.bincount(places[places >= 0], cells[places >= 0], len(self.codes)).astype(np.int64)
        self.counts = np.concatenate([self.counts, np.zeros(len(self.codes) - before, dtype=np.int64)])
        self.repeats += int(counted[:before].sum()) + int(np.maximum(counted[before:] - 1, 0).sum())
        self.counts += counted
        self.missing += lacking + int(cells[places == model.MISSING].sum())
        beyond = cells[places == model.OTHER]
        self.beyond += int(beyond.sum())
        self.repeats += int(np.maximum(beyond - 1, 0).sum())
        found: np.ndarray = lookup.take(codes)
        return found

    @property
    def known(self) -> int:
        return self.rows - self.missing


# --- The survey --------------------------------------------------------------------------------------


@dataclass
class Survey:
    """All that the first pass has found. forms: of every column but the label, in the file's order."""

    source: Source
    label: str
    task: str
    rows: int
    forms: dict[str, Form]
    numbers: Numbers
    levels: dict[str, Levels]
    classes: Levels
    labels: Numbers
    rarest: dict[int, list[tuple[int, int]]]
    cache: Cache
    sample: Sample

    @property
    def number_columns(self) -> list[str]:
        return [name for name, form in self.forms.items() if form.kind != model.CATEGORY]

    @property
    def text_columns(self) -> list[str]:
        return [name for name, form in self.forms.items() if form.kind == model.CATEGORY]


def take(source: Source, label: str, task: str, folder: Path) -> Survey:
    """Read a dataset from its first row to its last. Raises BadInputError."""
    look = source.look
    label = label or look.columns[-1]
    if label not in look.columns:
        label = next((name for name in look.columns if name.strip() == label), label)
    if label not in look.columns:
        found = ", ".join(map(quoted, look.columns[:20])) + (", ..." if len(look.columns) > 20 else "")
        source.refuse(
            f"label column {quoted(label)} is not in the header (found: {found}); "
            "rename it or name another label"
        )
    decimal = look.dialect.decimal
    task = task or dialect.task_of(look.cells(label), decimal)
    forms = {name: form_of(look.cells(name), decimal) for name in look.columns if name != label}
    for _ in range(3):
        cache = Cache(folder / "columns.cache")
        try:
            found = Pass(source, label, task, forms, cache).run()
        except NotUtf8Error as error:
            cache.delete()
            if _ascii_so_far(source):
                # All that was looked at is plain ASCII, so the file is not UTF-8 in the first place.
                source.encoding = "cp1252"
                continue
            source.refuse(str(error))
        except OSError:
            cache.delete()
            raise
        other = changed(found)
        if not other:
            return found
        cache.delete()
        forms = forms | other
    raise AssertionError("a column of texts stays one, so that a third pass is never followed by a fourth")


def _ascii_so_far(source: Source) -> bool:
    texts = [source.look.columns, *source.look.rows]
    return source.encoding == "utf-8" and all(cell.isascii() for row in texts for cell in row)


def changed(survey: Survey) -> dict[str, Form]:
    """The columns that are something else than their beginning looked like."""
    other = {}
    for place, name in enumerate(survey.number_columns):
        bad, known = survey.numbers.bad[place], survey.numbers.known[place]
        if bad > (1 - MOSTLY) * (bad + known):
            other[name] = Form(model.CATEGORY)
    return other


class Pass:
    """One pass over a dataset with the forms that its columns are read in."""

    def __init__(self, source: Source, label: str, task: str, forms: dict[str, Form], cache: Cache) -> None:
        self.source, self.label, self.task, self.forms, self.cache = source, label, task, forms, cache
        self.decimal = source.look.dialect.decimal
        self.parser = Parser(
            source,
            frozenset(name for name, form in forms.items() if form.kind == model.NUMBER)
            | ({label} if task == "regression" else set()),
        )
        self.number_columns = [name for name, form in forms.items() if form.kind != model.CATEGORY]
        self.text_columns = [name for name, form in forms.items() if form.kind == model.CATEGORY]
        self.numbers = Numbers([forms[name] for name in self.number_columns])
        self.levels = {name: Levels() for name in self.text_columns}
        self.classes = Levels()
        self.labels = Numbers([Form(model.NUMBER)])
        self.rarest: dict[int, list[tuple[int, int]]] = {}
        self.words = {name: Words.none() for name in self.number_columns}
        self.sample = Sample(self.parser)
        self.rows = 0

    def run(self) -> Survey:
        for columns in in_order(self._columns, read_ahead(self.source.blocks())):
            self._add(columns)
        self.cache.close()
        if not self.rows:
            self.source.refuse("there is a header but no row below it; add the data")
        self.sample.prune()
        return Survey(
            self.source,
            self.label,
            self.task,
            self.rows,
            self.forms,
            self.numbers,
            self.levels,
            self.classes,
            self.labels,
            self.rarest,
            self.cache,
            self.sample,
        )

    def _columns(self, block: Block) -> Columns:
        """Parse a block; in a thread of its own, so it changes nothing here."""
        parsed = self.parser.parse(block)
        table = parsed.table
        columns = len(self.number_columns)
        values: list[np.ndarray] = []
        flaws = np.zeros((columns, 3), dtype=np.int64)
        moments = Moments.empty(columns)
        together = max(1, HOT_CELLS // max(1, table.num_rows))
        for first in range(0, columns, together):
            # What has just been looked at is measured at once, while the processor's cache still holds it.
            part = slice(first, first + together)
            for place, name in enumerate(self.number_columns[part], start=first):
                column, moments.known[place], ends, flaws[place] = self._values(name, table[name])
                moments.low[place], moments.high[place] = ends
                values.append(column)
            moments.measure(part, values[part])
        codes = {name: encoded(table[name]) for name in self.text_columns}
        if self.task == "regression":
            label: np.ndarray | tuple[np.ndarray, list[str | None]] = self._label(block, table[self.label])
        else:
            label = encoded(table[self.label])
        return Columns(parsed, values, flaws, moments, codes, label)

    def _values(
        self, name: str, cells: pa.ChunkedArray
    ) -> tuple[np.ndarray, int, tuple[float, float], tuple[int, int, int]]:
        """A column's values as float64, how many are known, the ends of their range, and its flaws.

        Ends: as Moments takes them. Flaws: how many cells hold something else, how many an infinity, and
        whether any cell is text.
        """
        import pyarrow as pa

        form = self.forms[name]
        if pa.types.is_floating(cells.type):
            values = cells.to_numpy(zero_copy_only=False)
            with np.errstate(invalid="ignore"):
                if not cells.null_count and len(values):
                    low, high = float(values.min()), float(values.max())
                    if max(-low, high) < model.LARGEST:  # as nearly always: no cell needs to be looked at
                        return values, len(values), (low, high), (0, 0, 0)
                large = np.abs(values) >= model.LARGEST
            infinite = int(np.count_nonzero(large))
            missing = int(np.count_nonzero(np.isnan(values)))
            # pandas, which reads for a deployment, takes neither 1e999 nor NAN for a number: text then.
            odd = infinite or missing != cells.null_count
            values = np.where(large, np.nan, values) if infinite else values
            return values, len(values) - missing - infinite, ENDS_UNKNOWN, (0, infinite, int(bool(odd)))
        dictionary = as_dictionary(cells)
        words, meaning = self.words[name].met(dictionary.dictionary, lambda texts: self._meant(form, texts))
        self.words[name] = words
        meaning = np.append(meaning, np.array([(np.nan, 0, 0)], dtype=MEANING))
        codes = codes_of(dictionary)
        wrong, infinite = (
            int(meaning[flaw].take(codes).sum()) if meaning[flaw].any() else 0
            for flaw in ("wrong", "infinite")
        )
        values = meaning["value"].take(codes)
        known = len(values) - int(np.count_nonzero(np.isnan(values)))
        return values, known, ENDS_UNKNOWN, (wrong, infinite, 1)

    def _meant(self, form: Form, texts: list[str | None]) -> np.ndarray:
        """What different texts of a number column mean, as an array of MEANING."""
        if form.kind == model.NUMBER:
            each = model.numbers(texts, self.decimal)
        elif form.kind == model.BOOLEAN:
            each = model.booleans(texts)
        else:
            each = model.days(texts, form.pattern)
        found = np.zeros(len(texts), dtype=MEANING)
        found["value"] = each
        for place in np.flatnonzero(np.isnan(each)):
            text = texts[place]
            if text is not None:
                number = form.kind == model.NUMBER and dialect.number_of(text, self.decimal) is not None
                found["infinite" if number else "wrong"][place] = 1
        return found

    def _label(self, block: Block, cells: pa.ChunkedArray) -> np.ndarray:
        """The label of a regression; a cell that is no number is refused by its row."""
        import pyarrow as pa

        if not pa.types.is_floating(cells.type):
            for row, text in enumerate(cells.to_pylist()):
                if text is not None and text.strip() and dialect.number_of(text, self.decimal) is None:
                    self.source.refuse(
                        f"column {quoted(self.label)}, row {row_of(block, self.source, row)}: the label"
                        f" {quoted(text)} is not a number, which a regression estimates; correct it, or set"
                        " task to classification"
                    )
            return model.numbers(cells.to_pandas(), self.decimal)
        values = cells.to_numpy(zero_copy_only=False)
        with np.errstate(invalid="ignore"):
            return np.where(np.abs(values) < model.LARGEST, values, np.nan)

    def _add(self, columns: Columns) -> None:
        """Count a block, in the order of the file."""
        count = columns.parsed.table.num_rows
        start, self.rows = self.rows, self.rows + count
        self.numbers.add(columns.values, columns.flaws, columns.moments)
        codes = np.empty((len(self.text_columns), count), dtype=np.int32)
        for place, name in enumerate(self.text_columns):
            codes[place] = self.levels[name].add(*columns.codes[name])
        if isinstance(columns.label, tuple):
            label = self._classes(columns, start)
        else:
            label = columns.label
            known = ~np.isnan(label)
            moments = Moments.empty(1)
            moments.known[0] = np.count_nonzero(known)
            moments.measure(slice(None), [label])
            self.labels.add([label], np.zeros((1, 3), dtype=np.int64), moments)
            self._watch(0, known, start)
        self.sample.add(columns.parsed, start, columns.values, codes, label)
        rows = max(256, min(BATCH_ROWS, BATCH_CELLS // max(1, len(self.source.look.columns))))
        for first in range(0, count, rows):
            part = slice(first, first + rows)
            numbers = [column[part] for column in columns.values]
            self.cache.write(start + first, numbers, codes[:, part], label[part])

    def _classes(self, columns: Columns, start: int) -> np.ndarray:
        assert isinstance(columns.label, tuple)
        seen = self.classes.counts.copy()
        codes = self.classes.add(*columns.label)
        if len(self.classes.codes) > MOST_CLASSES:
            row = int(np.flatnonzero(codes >= MOST_CLASSES)[0])
            self.source.refuse(
                f"column {quoted(self.label)} has more than {MOST_CLASSES} classes by row"
                f" {row_of(columns.parsed.block, self.source, row)}, too many to tell apart; name another"
                " label, or set task to regression"
            )
        for code in range(len(self.classes.counts)):
            before = int(seen[code]) if code < len(seen) else 0
            if before < SMALL_CLASS and self.classes.counts[code] > before:
                self._watch(code, codes == code, start)
        label = codes.astype(np.float64)
        label[codes < 0] = np.nan
        return label

    def _watch(self, code: int, mask: np.ndarray, start: int) -> None:
        """Note hash and number of a class's first rows: its few must be on both sides of the split."""
        known = self.rarest.setdefault(code, [])
        if len(known) < SMALL_CLASS:
            rows = start + np.flatnonzero(mask)[: SMALL_CLASS - len(known)]
            known += zip(hashes_of(rows).tolist(), rows.tolist(), strict=True)


@dataclass
class Columns:
    """A parsed block: values of the number columns, codes and texts of the others, and the label."""

    parsed: Parsed
    values: list[np.ndarray]
    flaws: np.ndarray
    moments: Moments
    codes: dict[str, tuple[np.ndarray, list[str | None]]]
    label: np.ndarray | tuple[np.ndarray, list[str | None]]


ENDS_UNKNOWN = (np.nan, np.nan)
MEANING = np.dtype([("value", np.float64), ("wrong", np.int8), ("infinite", np.int8)])
"""What a text of a number column means: its value, NaN where it has none; whether it is something else, and
whether it is an infinity."""


@dataclass(frozen=True)
class Words:
    """The texts of a number column that are no plain numbers (dates, above all), and what each means.

    They come again in block after block, so each is read once. texts: a pyarrow Array without nulls.
    """

    texts: pa.Array
    meaning: np.ndarray

    @classmethod
    def none(cls) -> Words:
        import pyarrow as pa

        return cls(pa.array([], pa.string()), np.zeros(0, dtype=MEANING))

    def met(
        self, texts: pa.Array, meant: Callable[[list[str | None]], np.ndarray]
    ) -> tuple[Words, np.ndarray]:
        """What each of a block's different texts means, and the words with the new ones among them."""
        import pyarrow as pa
        from pyarrow import compute

        places = compute.index_in(texts, value_set=self.texts)
        new = texts.filter(compute.is_null(places))
        if len(new) > len(texts) / 2 and len(self.texts) > MOST_LEVELS:
            return self, meant(model.texts(texts.to_pylist()))  # they do not come again
        words = self
        if len(new):
            fresh = meant(model.texts(new.to_pylist()))
            words = Words(pa.concat_arrays([self.texts, new]), np.concatenate([self.meaning, fresh]))
            places = compute.index_in(texts, value_set=words.texts)
        return words, words.meaning[places.to_numpy(zero_copy_only=False)]


def as_dictionary(cells: pa.ChunkedArray) -> pa.DictionaryArray:
    """A column of texts as codes into its different texts."""
    import pyarrow as pa

    array = cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], pa.string())
    if pa.types.is_floating(array.type):
        array = array.cast(pa.string())
    return array if pa.types.is_dictionary(array.type) else array.dictionary_encode()


def codes_of(cells: pa.DictionaryArray) -> np.ndarray:
    """int32 of shape (rows,), -1 where a cell is missing."""
    codes: np.ndarray = cells.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    return codes


def encoded(cells: pa.ChunkedArray) -> tuple[np.ndarray, list[str | None]]:
    """A column of texts as codes into its different texts, -1 where one is missing."""
    dictionary = as_dictionary(cells)
    return codes_of(dictionary), model.texts(dictionary.dictionary.to_pylist())


def line_of(survey: Survey, row: int) -> int:
    """The row in the file of data row number `row`; reads the dataset up to it, for a refusal."""
    parser = Parser(survey.source, frozenset())
    start = 0
    for block in survey.source.blocks():
        count = parser.parse(block).table.num_rows
        if row < start + count:
            return row_of(block, survey.source, row - start)
        start += count
    raise LookupError(f"there is no data row {row}")


def row_of(block: Block, source: Source, row: int) -> int:
    """The row in the file of the `row`-th record of a block, as an editor counts."""
    import io

    from reading import blank

    text = io.StringIO(block.data.decode("utf-8"), newline="")
    rows = dialect.csv_rows(text, source.look.dialect.separator)
    line, number = block.line, 0
    for cells in rows:
        if not blank(cells):
            if number == row:
                return line
            number += 1
        line = block.line + rows.line_num
    return line
