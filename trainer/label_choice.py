"""What a model predicts: the classes of the label, or the scale of its numbers, and the hold-out's split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import NoReturn

import numpy as np
from dialect_label import key_of, names_rows
from dialect_label_hints import hint, no_word
from holdout import SMALL_CLASS, Split
from label_notes import all_differ, also_written, notes_on
from label_reading import number_reader
from number_notes import number_notes
from parsing import row_of_data_row
from survey import Survey
from tails import EveryValue, tails_of
from text import quoted

SMALLEST_CLASS = 2
"""Rows that a class needs: one to train on, one to hold out."""
MOST_WORDS = 2
"""Words for a missing label that a refusal names."""
OTHER_CLASS = "(other)"
"""The name of the class that small classes are merged into."""


@dataclass
class Label:
    """classes: their names, sorted; empty for a regression, of which mean, scale and reach are set instead.

    class_of: for each code of the survey's classes, the index of its class, -1 if its rows are left out.
    missing: how many rows have no label. key_of: what a text has in common with the other writings of its
    class, which is in `named` under it. reach: the least and the largest label that training takes as it is;
    see Tails.
    """

    split: Split
    missing: int
    classes: tuple[str, ...] = ()
    class_of: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    key_of: Callable[[str], str] = str
    named: dict[str, str] = field(default_factory=dict)
    mean: float = 0.0
    scale: float = 1.0
    reach: tuple[float, float] = (-np.inf, np.inf)
    notes: list[str] = field(default_factory=list)

    def class_of_text(self, text: str) -> str:
        """The class that a model means whose data may have written it in another way, or the text itself."""
        return self.named.get(self.key_of(text), text)


def choose_label(survey: Survey, rare_classes: str) -> Label:
    """Decide what is predicted. rare_classes: "refuse" or "merge". Raises BadInputError."""
    label = _classes(survey, rare_classes) if survey.task == "classification" else _numbers(survey)
    label.notes = notes_on(survey) + label.notes
    return label


def _refuse(survey: Survey, what: str, row: int | None = None) -> NoReturn:
    """Raise BadInputError about the label. row: the number of the data row that it is about."""
    where = f"column {quoted(survey.label)}"
    if row is not None:
        where += f", row {row_of_data_row(survey.source, row)}"
    survey.source.refuse(f"{where}{what}")


def _refuse_missing_labels(survey: Survey, missing: int) -> None:
    if 2 * missing > survey.rows:
        _refuse(
            survey,
            f": the label is missing in {missing} of {survey.rows} rows, more than half{_as_words(survey)};"
            f" fill it in{no_word(survey.reading)}, or name another label",
        )


def _as_words(survey: Survey) -> str:
    """The words that stand for a missing label, to be told with how many are missing."""
    words = list(dict.fromkeys(text.strip() for text in survey.reading.words))[:MOST_WORDS]
    return f" (also written {', '.join(map(quoted, words))})" if words else ""


def _refuse_identifier(survey: Survey, rows: int, span: float | None) -> None:
    """Refuse a label that identifies rows. Its values all differ."""
    if not names_rows(survey.label, rows, span):
        return
    if not survey.reading.numeric:
        text = next(iter(survey.reading.names.values()))
        _refuse(
            survey,
            f": each of {rows} rows holds another text, such as {quoted(text)}, so there are no classes to"
            " learn; name the column to predict as the label, or correct this one if it holds numbers",
        )
    _refuse(
        survey,
        f": each of {rows} rows holds another number, as an identifier does, so there is nothing to learn;"
        " name the column to predict as the label",
    )


def _classes(survey: Survey, rare_classes: str) -> Label:
    names, counts = survey.reading.names, survey.classes.counts
    missing = survey.rows - survey.reading.rows
    _refuse_missing_labels(survey, missing)
    codes_of: dict[str, list[int]] = {}
    for text, code in survey.classes.codes.items():
        if text in names:
            codes_of.setdefault(names[text], []).append(code)
    sizes = {name: int(counts[codes].sum()) for name, codes in codes_of.items()}
    if len(sizes) == survey.reading.rows:
        _refuse_identifier(survey, len(sizes), _span(survey))
    if len(sizes) == 1:
        _refuse_one_class(survey, codes_of)
    class_named, notes = _merged(survey, codes_of, sizes, rare_classes)
    classes = sorted(set(class_named.values()))
    if len(classes) < 2:
        _refuse(survey, f": only the class {quoted(classes[0])} has more than one row; add rows of others")
    index = {name: place for place, name in enumerate(classes)}
    class_of = np.full(len(counts), -1, dtype=np.int64)
    for name, codes in codes_of.items():
        if name in class_named:
            class_of[codes] = index[class_named[name]]
    key = partial(
        key_of, number_of=number_reader(survey.labels.forms[0].notation), numeric=survey.reading.numeric
    )
    named = {key(text): class_named[name] for text, name in names.items() if name in class_named}
    return Label(_split(survey, class_of), missing, tuple(classes), class_of, key, named, notes=notes)


def _span(survey: Survey) -> float | None:
    """The highest number that names a class less the lowest; None if classes are texts or codes."""
    reading, number_of = survey.reading, number_reader(survey.labels.forms[0].notation)
    if not reading.numeric or reading.codes or reading.fractions:
        return None
    numbers = [number for text in reading.names if (number := number_of(text)) is not None]
    return max(numbers) - min(numbers)


def _first_row(survey: Survey, codes: list[int]) -> int:
    """The number of the first row of a class."""
    return min(survey.rarest[code][0][1] for code in codes)


def _refuse_one_class(survey: Survey, codes_of: dict[str, list[int]]) -> NoReturn:
    [(name, codes)] = codes_of.items()
    empty = no_word(survey.reading) if survey.reading.rows < survey.rows else ""
    _refuse(
        survey,
        f" to the last: the only class is {quoted(name)}{also_written(survey, name)}; add rows of another"
        f" class{empty} or name another label",
        _first_row(survey, codes),
    )


def _merged(
    survey: Survey, codes_of: dict[str, list[int]], sizes: dict[str, int], rare_classes: str
) -> tuple[dict[str, str], list[str]]:
    """The class into which each class goes, without the one whose row is left out; and notes on it."""
    rare = [name for name, rows in sizes.items() if rows < SMALLEST_CLASS]
    every = {name: name for name in sizes}
    if not rare:
        return every, []
    if rare_classes != "merge":
        _refuse_rare(survey, codes_of, rare)
    if len(rare) >= SMALLEST_CLASS or OTHER_CLASS in sizes:
        note = f"{len(rare)} classes of one row each were merged into {quoted(OTHER_CLASS)}"
        return every | dict.fromkeys(rare, OTHER_CLASS), [note]
    note = (
        f"the one row of class {quoted(rare[0])} was left out: there is no other small class to merge it with"
    )
    return {name: name for name in sizes if name != rare[0]}, [note]


def _refuse_rare(survey: Survey, codes_of: dict[str, list[int]], rare: list[str]) -> NoReturn:
    more = f" ({len(rare) - 1} more classes are as small)" if len(rare) > 1 else ""
    numbers = "; if its numbers are quantities, set task to regression"
    if not survey.reading.numeric:
        sizes = {text: int(survey.classes.counts[code]) for text, code in survey.classes.codes.items()}
        known = {text: rows for text, rows in sizes.items() if text in survey.reading.names}
        numbers = hint(known, number_reader(survey.labels.forms[0].notation))
    _refuse(
        survey,
        f": class {quoted(rare[0])} has this one row, and training and hold-out need one each; add rows of"
        f" it, remove this one, or set rare_classes to merge{more}{numbers}",
        _first_row(survey, codes_of[rare[0]]),
    )


def _split(survey: Survey, class_of: np.ndarray) -> Split:
    small = []
    for place in range(int(class_of.max()) + 1):
        codes = np.flatnonzero(class_of == place)
        if survey.classes.counts[codes].sum() < SMALL_CLASS:
            small.append([pair for code in codes for pair in survey.rarest[int(code)]])
    return Split.with_small_classes(small, survey.held_out)


def _numbers(survey: Survey) -> Label:
    labels = survey.labels
    known = int(labels.known[0])
    _refuse_missing_labels(survey, survey.rows - known)
    if known < SMALLEST_CLASS:
        _refuse(survey, ": there is only one row with a label; training and hold-out need one each")
    if labels.low[0] == labels.high[0]:
        _refuse(
            survey,
            f": every row holds {labels.low[0]:g}, so there is nothing to estimate; name another label",
        )
    if not survey.reading.fractions and all_differ(survey):
        _refuse_identifier(survey, known, float(labels.high[0] - labels.low[0]))
    split = Split.with_small_classes([survey.rarest[0]] if known < SMALL_CLASS else [], survey.held_out)
    tails = tails_of(EveryValue.of(labels, 0), survey.sample.batch().label)
    notes = number_notes(survey.label, labels, 0)
    notes += [f"label {quoted(survey.label)}: in training, {said}" for said in tails.absurd]
    return Label(
        split, survey.rows - known, mean=tails.mean, scale=tails.scale, reach=tails.reach, notes=notes
    )
