"""The first pass over a dataset: what each column is, and its values in a form that needs no parsing again.

Text is parsed once. While it streams past, each column gathers what decides its kind, its imputation and its
scaling, and its values go to a file on the node's disk (Cache): numbers, booleans and dates as float64,
categories as codes of their levels. Epochs then read that file. Only where a column turns out to be something
else than its beginning looked like, the dataset is read once more.

Hold-out rows are told by a seeded hash of the row's number: the same rows again when an upload has grown by
rows at its end, so that what an earlier model was trained on does not slip into a later one's hold-out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

import dialect
import numpy as np
import touchdown_model as model
from reading import Block, NotUtf8, Parsed, Parser, Source, in_order, read_ahead
from refusals import quoted

if TYPE_CHECKING:
    import pyarrow as pa

SEED = 42
HOLDOUT = 0.2
MOST_CLASSES = 1000  # each is a classifier of its own, and the confusion matrix has their square
MOST_LEVELS = 20_000
"""Different texts of one column that are told apart; what comes first counts."""
MOSTLY = 0.95
"""Share of a column's values that must be numbers (dates, booleans) for it to be one of numbers."""
SAMPLE_ROWS = 10_000
SAMPLE_CELLS = 1_000_000
BATCH_ROWS = 32_768
BATCH_CELLS = 2_000_000
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


# --- Which rows are held out -------------------------------------------------------------------------


def row_hashes(start: int, count: int) -> np.ndarray:
    """uint64 of shape (count,) for the data rows from number `start` on, evenly spread and always the same.

    SplitMix64's mixing of row number and seed. Source: Steele, Lea and Flood, "Fast Splittable
    Pseudorandom Number Generators", OOPSLA 2014.
    """
    with np.errstate(over="ignore"):
        z = np.arange(start, start + count, dtype=np.uint64) + np.uint64(1 + SEED)
        z *= np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


HELD_OUT_BELOW = np.uint64(int(HOLDOUT * 2**64))


@dataclass(frozen=True)
class Split:
    """Which rows are held out: those whose hash is below a limit, but for the rows of small classes.

    rows: the numbers of those, ascending, and held_out: whether each of them is.
    """

    rows: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    held_out: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=bool))

    @classmethod
    def with_small_classes(cls, classes: list[list[tuple[int, int]]]) -> Split:
        """Hold out a fifth of each small class, at least one row and never all; (hash, row) of each row.

        By chance alone a class of five rows would be missing on one side now and then.
        """
        chosen: dict[int, bool] = {}
        for pairs in classes:
            count = min(max(1, round(HOLDOUT * len(pairs))), len(pairs) - 1)
            for place, (_, row) in enumerate(sorted(pairs)):
                chosen[row] = place < count
        rows = np.array(sorted(chosen), dtype=np.int64)
        return cls(rows, np.array([chosen[int(row)] for row in rows], dtype=bool))

    def mask(self, start: int, count: int) -> np.ndarray:
        """For the rows from `start` on, whether each is held out."""
        mask: np.ndarray = row_hashes(start, count) < HELD_OUT_BELOW
        first, last = np.searchsorted(self.rows, (start, start + count))
        mask[self.rows[first:last] - start] = self.held_out[first:last]
        return mask

    def of(self, rows: np.ndarray) -> np.ndarray:
        """For rows by their numbers, whether each is held out."""
        return np.array([self.mask(int(row), 1)[0] for row in rows], dtype=bool)

    def kept(self, start: int, count: int) -> np.ndarray:
        """For the rows from `start` on, whether each is of a small class and trained on."""
        mask = np.zeros(count, dtype=bool)
        first, last = np.searchsorted(self.rows, (start, start + count))
        mask[self.rows[first:last] - start] = ~self.held_out[first:last]
        return mask


# --- The cache ---------------------------------------------------------------------------------------


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
    """Parsed columns on disk, in batches of rows that are read one by one, in any order."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = path.open("wb")
        self._places: list[tuple[int, int, int]] = []
        self._offset = 0
        self._widths = (0, 0)

    def write(self, batch: Batch) -> None:
        """Append rows. Raises OSError when the disk is full."""
        assert self._file is not None
        self._widths = (len(batch.numbers), len(batch.codes))
        self._places.append((self._offset, batch.start, len(batch.label)))
        for part in (batch.numbers, batch.label, batch.codes):
            data = np.ascontiguousarray(part)
            self._file.write(data.data)
            self._offset += data.nbytes

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def delete(self) -> None:
        self.close()
        self._path.unlink(missing_ok=True)

    def __len__(self) -> int:
        return len(self._places)

    def rows(self, number: int) -> int:
        return self._places[number][2]

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


class Numbers:
    """Statistics of all number, boolean and date columns at once; every array has the shape (columns,)."""

    def __init__(self, forms: list[Form]) -> None:
        count = len(forms)
        self.forms = forms
        self.rows = 0
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
        self.first_values: list[np.ndarray] = []
        self.dates = [place for place, form in enumerate(forms) if form.kind == model.DATE]
        self.parts_known = dict.fromkeys(self.dates, 0)
        self.parts_mean = {place: np.zeros(7) for place in self.dates}
        self.parts_squares = {place: np.zeros(7) for place in self.dates}

    def add(self, values: np.ndarray, flaws: np.ndarray) -> None:
        """values: (columns, rows), NaN where missing; flaws: as Pass._values tells them, (columns, 3)."""
        self.bad += flaws[:, 0]
        self.infinite += flaws[:, 1]
        self.dirty |= flaws[:, 2] > 0
        rows = values.shape[1]
        self.rows += rows
        if not len(values) or not rows:
            return
        missing = np.isnan(values)
        gaps = missing.any(axis=1)
        known = rows - np.count_nonzero(missing, axis=1)
        there = np.maximum(known, 1)
        mean = values.sum(axis=1)
        for place in np.flatnonzero(gaps):
            mean[place] = np.nansum(values[place])
        mean /= there
        # Around the block's mean, and joined as Chan, Golub and LeVeque do it: no digits are lost.
        around = values - mean[:, np.newaxis]
        for place in np.flatnonzero(gaps):
            around[place, missing[place]] = 0.0
        squares = np.einsum("ij,ij->i", around, around)
        self.mean, self.squares, self.known = joined(
            (self.known, self.mean, self.squares), (known, mean, squares)
        )
        low, high = values.min(axis=1), values.max(axis=1)  # NaN where there is a gap
        for place in np.flatnonzero(gaps):
            low[place] = np.fmin.reduce(values[place])
            high[place] = np.fmax.reduce(values[place])
        self.low, self.high = np.fmin(self.low, low), np.fmax(self.high, high)
        self._identify(values, gaps)

    def _identify(self, values: np.ndarray, gaps: np.ndarray) -> None:
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
        found = lookup[codes]
        counted = np.bincount(found[found >= 0], minlength=len(self.codes))
        self.counts = np.concatenate([self.counts, np.zeros(len(self.codes) - before, dtype=np.int64)])
        self.repeats += int(counted[:before].sum()) + int(np.maximum(counted[before:] - 1, 0).sum())
        self.counts += counted
        self.missing += int((found == model.MISSING).sum())
        beyond = found == model.OTHER
        self.beyond += int(beyond.sum())
        self.repeats += int(beyond.sum()) - len(np.unique(codes[beyond]))
        return found

    @property
    def known(self) -> int:
        return self.rows - self.missing


class Sample:
    """The raw cells of the rows whose hashes are smallest: chosen by chance, always the same, and bounded.

    The hold-out is the rows below a hash, so of a large dataset these are all hold-out rows.
    """

    def __init__(self, columns: int) -> None:
        self.most = min(SAMPLE_ROWS, max(200, SAMPLE_CELLS // columns))
        self.rows = np.empty(0, dtype=np.int64)
        self._hashes = np.empty(0, dtype=np.uint64)
        self._pieces: list[pa.Table] = []
        self._below = np.uint64(2**64 - 1)

    def add(self, parser: Parser, parsed: Parsed, start: int) -> None:
        count = parsed.table.num_rows
        hashes = row_hashes(start, count)
        wanted = np.flatnonzero(hashes <= self._below)
        if len(wanted) > self.most:
            wanted = np.sort(wanted[np.argpartition(hashes[wanted], self.most)[: self.most]])
        if not len(wanted):
            return
        self._pieces.append(raw_rows(parser, parsed.block, wanted, count))
        self.rows = np.concatenate([self.rows, wanted + start])
        self._hashes = np.concatenate([self._hashes, hashes[wanted]])
        if len(self.rows) > 2 * self.most:
            self._prune()

    def _prune(self) -> None:
        import pyarrow as pa

        if len(self.rows) > self.most:
            kept = np.sort(np.argpartition(self._hashes, self.most)[: self.most])
            self._pieces = [pa.concat_tables(self._pieces).take(kept).combine_chunks()]
            self.rows, self._hashes = self.rows[kept], self._hashes[kept]
            self._below = self._hashes.max()

    def table(self) -> pa.Table:
        """The sampled rows in the dataset's order, every cell a text; `rows` has their numbers."""
        import pyarrow as pa

        self._prune()
        return pa.concat_tables(self._pieces).combine_chunks()


def raw_rows(parser: Parser, block: Block, wanted: np.ndarray, count: int) -> pa.Table:
    """Some rows of a block of `count` rows as they stand, without parsing the others where lines are rows."""
    if not block.quoted and len(wanted) < count:
        data = memoryview(block.data)
        ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n")) + 1
        if not len(ends) or ends[-1] < len(data):
            ends = np.append(ends, len(data))
        if len(ends) == count:
            lines = [data[ends[row - 1] if row else 0 : ends[row]] for row in wanted]
            return parser.texts(Block(b"".join(lines), block.line, quoted=False))
    return parser.texts(block).take(wanted)


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
    """Read a dataset from its first row to its last. Raises BadInput."""
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
        except NotUtf8 as error:
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
    return source.encoding == "utf-8" and all(cell.isascii() for row in source.look.rows for cell in row)


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
        self.days: dict[str, dict[str | None, float]] = {}
        self.sample = Sample(len(source.look.columns))
        self.rows = 0

    def run(self) -> Survey:
        for columns in in_order(self._columns, read_ahead(self.source.blocks())):
            self._add(columns)
        self.cache.close()
        if not self.rows:
            self.source.refuse("there is a header but no row below it; add the data")
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
        values = np.empty((len(self.number_columns), table.num_rows))
        flaws = np.zeros((len(self.number_columns), 3), dtype=np.int64)
        for place, name in enumerate(self.number_columns):
            values[place], flaws[place] = self._values(name, table[name])
        codes = {name: encoded(table[name]) for name in self.text_columns}
        if self.task == "regression":
            label: np.ndarray | tuple[np.ndarray, list[str | None]] = self._label(block, table[self.label])
        else:
            label = encoded(table[self.label])
        return Columns(parsed, values, flaws, codes, label)

    def _values(self, name: str, cells: pa.ChunkedArray) -> tuple[np.ndarray, tuple[int, int, int]]:
        """A column's values as float64, and its flaws.

        Flaws: how many cells hold something else, how many an infinity, and whether any cell is text.
        """
        import pyarrow as pa

        form = self.forms[name]
        if pa.types.is_floating(cells.type):
            values = cells.to_numpy(zero_copy_only=False)
            with np.errstate(invalid="ignore"):
                if not cells.null_count and max(-values.min(), values.max()) < model.LARGEST:
                    return values, (0, 0, 0)  # as nearly always: nothing needs to be looked at twice
                large = np.abs(values) >= model.LARGEST
            infinite = int(np.count_nonzero(large))
            # pandas, which reads for a deployment, takes neither 1e999 nor NAN for a number: text then.
            odd = infinite or np.count_nonzero(np.isnan(values)) != cells.null_count
            return (np.where(large, np.nan, values) if infinite else values), (0, infinite, int(bool(odd)))
        codes, uniques = encoded(cells)
        if form.kind == model.NUMBER:
            each = model.numbers(uniques, self.decimal)
        elif form.kind == model.BOOLEAN:
            each = model.booleans(uniques)
        else:
            each = self._days(uniques, form.pattern)
        wrong, infinite_texts = np.zeros((2, len(uniques) + 1), dtype=bool)
        for place in np.flatnonzero(np.isnan(each)):
            text = uniques[place]
            if text is not None:
                number = form.kind == model.NUMBER and dialect.number_of(text, self.decimal) is not None
                (infinite_texts if number else wrong)[place] = True
        flaws = (int(wrong[codes].sum()), int(infinite_texts[codes].sum()), 1)
        return np.append(each, np.nan)[codes], flaws

    def _days(self, texts: list[str | None], pattern: str) -> np.ndarray:
        """As model.days; days come again in block after block, so they are parsed once."""
        memory = self.days.setdefault(pattern, {None: math.nan})
        new = [text for text in texts if text not in memory]
        if len(new) > len(texts) / 2 and len(memory) > MOST_LEVELS:
            return model.days(texts, pattern)
        memory |= zip(new, model.days(new, pattern).tolist(), strict=True)
        return np.array([memory[text] for text in texts], dtype=np.float64)

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
        count = columns.values.shape[1] if len(columns.values) else columns.parsed.table.num_rows
        start, self.rows = self.rows, self.rows + count
        self.numbers.add(columns.values, columns.flaws)
        codes = np.empty((len(self.text_columns), count), dtype=np.int32)
        for place, name in enumerate(self.text_columns):
            codes[place] = self.levels[name].add(*columns.codes[name])
        if isinstance(columns.label, tuple):
            label = self._classes(columns, start)
        else:
            label = columns.label
            self.labels.add(label[np.newaxis], np.zeros((1, 3), dtype=np.int64))
            self._watch(0, np.flatnonzero(~np.isnan(label)), row_hashes(start, count), start)
        self.sample.add(self.parser, columns.parsed, start)
        rows = max(256, min(BATCH_ROWS, BATCH_CELLS // max(1, len(self.source.look.columns))))
        for first in range(0, count, rows):
            part = slice(first, first + rows)
            self.cache.write(Batch(start + first, columns.values[:, part], codes[:, part], label[part]))

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
        hashes = row_hashes(start, len(codes))
        for code in range(len(self.classes.counts)):
            before = int(seen[code]) if code < len(seen) else 0
            if before < SMALL_CLASS and self.classes.counts[code] > before:
                self._watch(code, np.flatnonzero(codes == code), hashes, start)
        label = codes.astype(np.float64)
        label[codes < 0] = np.nan
        return label

    def _watch(self, code: int, rows: np.ndarray, hashes: np.ndarray, start: int) -> None:
        """Note hash and number of a class's first rows: its few must be on both sides of the split."""
        known = self.rarest.setdefault(code, [])
        known += [(int(hashes[row]), start + int(row)) for row in rows[: max(0, SMALL_CLASS - len(known))]]


@dataclass
class Columns:
    """A parsed block: values of the number columns, codes and texts of the others, and the label."""

    parsed: Parsed
    values: np.ndarray
    flaws: np.ndarray
    codes: dict[str, tuple[np.ndarray, list[str | None]]]
    label: np.ndarray | tuple[np.ndarray, list[str | None]]


def encoded(cells: pa.ChunkedArray) -> tuple[np.ndarray, list[str | None]]:
    """A column of texts as codes into its different texts, -1 where one is missing."""
    import pyarrow as pa

    array = cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], pa.string())
    if pa.types.is_floating(array.type):
        array = array.cast(pa.string())
    dictionary = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    codes = dictionary.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    return codes, model.texts(dictionary.dictionary.to_pylist())


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
    import csv
    import io

    from reading import LONGEST_RECORD, blank

    text = io.StringIO(block.data.decode("utf-8"), newline="")
    rows = csv.reader(text, delimiter=source.look.dialect.separator)
    csv.field_size_limit(LONGEST_RECORD)
    line, number = block.line, 0
    for cells in rows:
        if not blank(cells):
            if number == row:
                return line
            number += 1
        line = block.line + rows.line_num
    return line
