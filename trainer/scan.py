"""The first pass over a dataset: it decides what each column is, and leaves the values parsed in the cache.

Text is parsed once. While it passes, each column accumulates what decides its kind, its imputation and its
scaling, and its values are written to the cache: numbers, booleans and dates as float64, categories as codes
of their levels. Epochs read that cache. The dataset is read again only if a column turns out to have another
kind than its first megabyte suggests, or if a file that began as plain ASCII turns out not to be UTF-8.
"""

from __future__ import annotations

from pathlib import Path

import date_formats
import dialect
import dialect_encodings as encodings
import numpy as np
import touchdown_model as model
from block_columns import BlockColumns, BlockConverter
from cache import Cache
from column_kinds import MOSTLY, Form, form_of
from column_statistics import Levels, Moments, NumberStatistics, Values
from equal_rows import RowHashes
from holdout import HELD_OUT_BELOW, SMALL_CLASS
from label_reading import LabelCells, LabelNumbers, OtherTaskError
from parallel import in_order, read_ahead
from parsing import NotUtf8Error, row_of
from reading import Source
from sample import Sample
from survey import Survey
from text import quoted

MOST_CLASSES = 1000
"""Each class needs a classifier of its own, and the confusion matrix grows with their square."""
NO_ROWS = np.empty(0, dtype=np.int64)
MOST_PASSES = 6
"""One, and one more each in another encoding, because columns have another kind, because some of them are
neither dates nor numbers, and twice because the task is another."""
LIKE_CODES = r"^\s*(?:0[0-9]+|[0-9]{16,})\s*$"
"""Digits that may be codes; dialect_notations.find decides."""
BATCH_ROWS = 32_768
BATCH_CELLS = 2_000_000


def survey_dataset(source: Source, label: str, task: str, folder: Path, max_rows: int = 0) -> Survey:
    """Read a dataset from its first row to its last.

    label: "" for the last column. task: "" for the one that all cells of the label suggest. folder: where
    the cache is written. max_rows: the most rows that it may have; 0 for no limit. Raises BadInputError.
    """
    inspection = source.inspection
    label = label_column(source, label)
    cells = LabelCells(source, label)
    free, task, ruled_out = not task, task or cells.head.task, set[str]()
    features = [name for name in inspection.columns if name != label]
    forms = {name: form_of(inspection.cells(name), inspection.dialect.decimal, name) for name in features}
    settled: set[str] = set()
    for _ in range(MOST_PASSES):
        cache = Cache(folder / "columns.cache")
        try:
            survey = Scan(source, cells, task, forms, cache, max_rows).run()
        except NotUtf8Error as error:
            cache.delete()
            source.encoding = encoding_of_rest(source, error)
            continue
        except OtherTaskError as error:
            cache.delete()
            if not free or error.task in ruled_out | {task}:
                source.refuse(str(error))
            ruled_out, task = ruled_out | {task}, error.task
            continue
        except OSError:
            cache.delete()
            raise
        other, suits = other_forms(survey, settled), not free or survey.reading.task == task
        if not other and suits:
            return survey
        cache.delete()
        settled |= other.keys()
        forms = forms | other
        if not suits:
            cells.learn(survey.reading)
            free, task = False, survey.reading.task
    raise AssertionError("a column or a task that changed stays, so the last pass finds what it expects")


def label_column(source: Source, label: str) -> str:
    """The column that is predicted: the last one for "", else dialect.column_named. Raises BadInputError."""
    columns = source.inspection.columns
    if not label:
        return columns[-1]
    found = dialect.column_named(columns, label)
    if not found:
        names = ", ".join(map(quoted, columns[:20])) + (", ..." if len(columns) > 20 else "")
        source.refuse(
            f"label column {quoted(label)} is not in the header (found: {names}); "
            "rename it or name another label"
        )
    if found.strip() != label.strip():
        source.note(
            f"the label is column {quoted(found)}, although {quoted(label)} was named, in another case"
        )
    return found


def encoding_of_rest(source: Source, error: NotUtf8Error) -> str:
    """The encoding of a file that is plain ASCII up to a block, by the lines of the block that are not.

    Raises BadInputError if its head is not plain ASCII, so that it was UTF-8, or if nobody can tell.
    """
    texts = [source.inspection.columns, *source.inspection.rows]
    if source.encoding != "utf-8" or not all(cell.isascii() for row in texts for cell in row):
        source.refuse(str(error))
    data = b"".join(dict.fromkeys(line for line in error.block.splitlines(True) if not line.isascii()))
    try:
        return encodings.encoding_like(data[: dialect.HEAD_BYTES], whole=len(data) <= dialect.HEAD_BYTES)
    except dialect.UnreadableError:
        source.refuse(str(error))


def other_forms(survey: Survey, settled: set[str]) -> dict[str, Form]:
    """The columns that have another form than their first cells suggested: the one that all rows suggest.

    settled: columns that have been read in another form already; if that does not fit either, they are text.
    """
    other, misread = {}, []
    numbers, decimal = survey.numbers, survey.source.inspection.dialect.decimal
    for place, (name, form) in enumerate(zip(survey.number_columns, numbers.forms, strict=True)):
        bad, cells = numbers.bad[place], numbers.bad[place] + numbers.known[place]
        turned = numbers.contrary[place] - numbers.decisive[place]
        if turned > 0 and bad - turned <= (1 - MOSTLY) * cells:
            other[name] = Form(model.DATE, date_formats.OTHER_ORDER[form.pattern])
        elif bad > (1 - MOSTLY) * cells:
            misread.append(name)
    misread += _like_codes(survey)
    sampled = survey.sample.table().select(misread).to_pydict() if misread else {}
    for name, cells in sampled.items():
        form, found = survey.forms[name], form_of(cells, decimal, name)
        if form.kind == found.kind == model.NUMBER and form.notation == found.notation:
            continue  # what is not a number stands for a missing one
        if form.kind == model.DATE and found == form:
            continue  # the same, of a date
        again = name in settled or found == form
        other[name] = (
            Form(model.CATEGORY, why="" if found.kind == model.NUMBER else found.why) if again else found
        )
    return other


def _like_codes(survey: Survey) -> list[str]:
    """The columns of numbers that hold digits with leading zeros, or very many, behind the head of the file.

    They have been read as numbers already, so the sample's texts are searched.
    """
    from pyarrow import compute

    if survey.source.inspection.whole:
        return []
    names = [name for name, form in survey.forms.items() if form.kind == model.NUMBER]
    sampled = survey.sample.table()
    return [
        name
        for name in names
        if compute.any(compute.match_substring_regex(sampled[name], LIKE_CODES)).as_py()
    ]


class Scan:
    """One pass over a dataset, of which each column is read in its form."""

    def __init__(
        self,
        source: Source,
        label: LabelCells,
        task: str,
        forms: dict[str, Form],
        cache: Cache,
        max_rows: int = 0,
    ) -> None:
        self._max_rows = max_rows
        self.source, self.label, self.task, self.forms, self.cache = source, label, task, forms, cache
        self.converter = BlockConverter(source, label, task, forms)
        self.text_columns = self.converter.text_columns
        self.numbers = NumberStatistics([forms[name] for name in self.converter.number_columns])
        self.levels = {name: Levels() for name in self.text_columns}
        self.classes = Levels()
        self.label_numbers = LabelNumbers()
        self.labels = NumberStatistics([Form(model.NUMBER, notation=label.notation)])
        self._hashes = RowHashes()
        self._held_out: list[np.ndarray] = []
        self.rarest: dict[int, list[tuple[int, int]]] = {}
        self.sample = Sample(self.converter.parser)
        self.rows = 0
        self._batch_rows = max(256, min(BATCH_ROWS, BATCH_CELLS // max(1, len(source.inspection.columns))))

    def run(self) -> Survey:
        """Read the whole dataset. Raises BadInputError, NotUtf8Error and OtherTaskError."""
        for columns in in_order(self.converter.convert, read_ahead(self.source.blocks())):
            self._add(columns)
        self.cache.close()
        if not self.rows:
            self.source.refuse("there is a header but no row below it; add the data")
        self.sample.prune()
        if self.task == "classification":
            reading = self.label.read(self.classes)
        else:
            reading = self.label.read_numbers(self.label_numbers)
        return Survey(
            self.source,
            self.label.name,
            self.task,
            self.rows,
            self.forms,
            self.numbers,
            self.levels,
            self.classes,
            self.labels,
            self.rarest,
            reading,
            np.packbits(np.concatenate(self._held_out)) if self._hashes.keeps_copies_together else None,
            self.cache,
            self.sample,
        )

    def _add(self, columns: BlockColumns) -> None:
        """Add the next block of the file to the statistics, the sample and the cache."""
        count = columns.parsed.table.num_rows
        start, self.rows = self.rows, self.rows + count
        if 0 < self._max_rows < self.rows:
            self.source.refuse(
                f"it has more than {self._max_rows} rows, the most that may be trained on; upload fewer rows."
                " Whoever operates the app may raise the app setting TOUCHDOWN_MAX_ROWS"
            )
        self.numbers.add(columns.columns, columns.moments)
        codes = np.empty((len(self.text_columns), count), dtype=np.int32)
        for place, name in enumerate(self.text_columns):
            codes[place] = self.levels[name].add(*columns.codes[name])
        if isinstance(columns.label, tuple):
            label, known = self._add_classes(columns, *columns.label)
        else:
            label = columns.label.values
            self.label_numbers.add(label, columns.words)
            known = [self._add_numeric_label(columns.label)]
        hashes = self._hashes.of(columns.values, codes, label, start)
        if self._hashes.keeps_copies_together:
            self._held_out.append(hashes < HELD_OUT_BELOW)
        for code, rows in enumerate(known):
            self._note_first_rows(code, rows, hashes, start)
        self.sample.add(columns.parsed, start, hashes, columns.values, codes, label)
        for first in range(0, count, self._batch_rows):
            part = slice(first, first + self._batch_rows)
            numbers = [column[part] for column in columns.values]
            self.cache.write(start + first, numbers, codes[:, part], label[part])

    def _add_numeric_label(self, label: Values) -> np.ndarray:
        """Add to the statistics of the label; the places of the rows that have one."""
        known = ~np.isnan(label.values)
        moments = Moments.empty(1)
        moments.known[0] = np.count_nonzero(known)
        moments.measure(slice(None), [label.values])
        self.labels.add([label], moments)
        return np.flatnonzero(known)

    def _add_classes(
        self, columns: BlockColumns, block_codes: np.ndarray, texts: list[str | None]
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Count a block's classes; their codes as float64, NaN where the label is missing.

        Also, for each class, the places of its rows, if it is one of those that may be small.
        """
        seen = self.classes.counts.copy()
        codes = self.classes.add(block_codes, texts)
        if len(self.classes.codes) > MOST_CLASSES:
            self._limit_classes(columns, codes)
        places = []
        for code in range(len(self.classes.counts)):
            before = int(seen[code]) if code < len(seen) else 0
            more = before < SMALL_CLASS and self.classes.counts[code] > before
            places.append(np.flatnonzero(codes == code) if more else NO_ROWS)
        label = codes.astype(np.float64)
        label[codes < 0] = np.nan
        return label, places

    def _limit_classes(self, columns: BlockColumns, codes: np.ndarray) -> None:
        """Raise OtherTaskError, which names the row, if there are too many classes to tell apart."""
        reading = self.label.read(self.classes)
        classes = list(dict.fromkeys(reading.names.values()))
        if len(classes) <= MOST_CLASSES and not self.classes.beyond:
            return
        late = set(classes[MOST_CLASSES:])
        new = [self.classes.codes[text] for text, name in reading.names.items() if name in late]
        # A word that has become a class only now may stand in earlier blocks alone.
        row = int(np.append(np.flatnonzero(np.isin(codes, [*new, model.OTHER])), len(codes) - 1)[0])
        remedy = "name another label" + (", or set task to regression" if reading.numeric else "")
        raise OtherTaskError(
            f"column {quoted(self.label.name)} has more than {MOST_CLASSES} classes by row"
            f" {row_of(columns.parsed.block, self.source, row)}, too many to tell apart; {remedy}",
            reading.task,
        )

    def _note_first_rows(self, code: int, places: np.ndarray, hashes: np.ndarray, start: int) -> None:
        """Keep hash and number of a class's first rows, for holdout.Split to divide a small class.

        places: of the class's rows in the block.
        """
        known = self.rarest.setdefault(code, [])
        if len(known) < SMALL_CLASS:
            rows = places[: SMALL_CLASS - len(known)]
            known += zip(hashes[rows].tolist(), (start + rows).tolist(), strict=True)
