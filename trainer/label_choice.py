"""What a model predicts: the classes of the label, or the scale of its numbers, and the hold-out's split."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np
from holdout import SMALL_CLASS, Split
from parsing import row_of_data_row
from survey import Survey
from tails import EveryValue, tails_of
from text import quoted

SMALLEST_CLASS = 2
"""Rows that a class needs: one to train on, one to hold out."""
OTHER_CLASS = "(other)"
"""The name of the class that small classes are merged into."""


@dataclass
class Label:
    """classes: their names, sorted; empty for a regression, of which mean, scale and reach are set instead.

    class_of: for each code of the survey's classes, the index of its class, -1 if its rows are left out.
    reach: the least and the largest label that training takes as it is; see Tails.
    """

    split: Split
    classes: tuple[str, ...] = ()
    class_of: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    mean: float = 0.0
    scale: float = 1.0
    reach: tuple[float, float] = (-np.inf, np.inf)
    notes: list[str] = field(default_factory=list)


def choose_label(survey: Survey, rare_classes: str) -> Label:
    """Decide what is predicted. rare_classes: "refuse" or "merge". Raises BadInputError."""
    if survey.task == "classification":
        return _classes(survey, rare_classes)
    return _numbers(survey)


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
            f": the label is missing in {missing} of {survey.rows} rows, more than half; fill it in, or name"
            " another label",
        )


def _classes(survey: Survey, rare_classes: str) -> Label:
    levels = survey.classes
    _refuse_missing_labels(survey, levels.missing)
    texts = list(levels.codes)
    if len(texts) == 1:
        _refuse(
            survey,
            f" to the last: the only class is {quoted(texts[0])}; add rows of another class or name another"
            " label",
            survey.rarest[0][0][1],
        )
    name_of, notes = _class_names(survey, texts, rare_classes)
    names = sorted(set(name_of.values()))
    if len(names) < 2:
        _refuse(survey, f": only the class {quoted(names[0])} has more than one row; add rows of others")
    index = {name: place for place, name in enumerate(names)}
    class_of = np.array(
        [index[name_of[code]] if code in name_of else -1 for code in range(len(texts))], dtype=np.int64
    )
    return Label(_split(survey, names, name_of), tuple(names), class_of, notes=notes)


def _class_names(survey: Survey, texts: list[str], rare_classes: str) -> tuple[dict[int, str], list[str]]:
    """The class of each code, without the codes whose rows are left out; and notes on merged classes."""
    levels = survey.classes
    name_of = dict(enumerate(texts))
    rare = [code for code in name_of if levels.counts[code] < SMALLEST_CLASS]
    if not rare:
        return name_of, []
    first = rare[0]
    if rare_classes != "merge":
        more = f" ({len(rare) - 1} more classes are as small)" if len(rare) > 1 else ""
        _refuse(
            survey,
            f": class {quoted(texts[first])} has this one row, and training and hold-out need one each; add"
            f" rows of it, remove this one, or set rare_classes to merge{more}",
            survey.rarest[first][0][1],
        )
    together = sum(levels.counts[code] for code in rare)
    if together >= SMALLEST_CLASS or OTHER_CLASS in levels.codes:
        note = f"{len(rare)} classes of one row each were merged into {quoted(OTHER_CLASS)}"
        return name_of | dict.fromkeys(rare, OTHER_CLASS), [note]
    note = (
        f"the one row of class {quoted(texts[first])} was left out: there is no other small class to merge it"
        " with"
    )
    return {code: name for code, name in name_of.items() if code != first}, [note]


def _split(survey: Survey, names: list[str], name_of: dict[int, str]) -> Split:
    small = []
    for name in names:
        codes = [code for code, each in name_of.items() if each == name]
        if sum(int(survey.classes.counts[code]) for code in codes) < SMALL_CLASS:
            small.append([pair for code in codes for pair in survey.rarest[code]])
    return Split.with_small_classes(small)


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
    split = Split.with_small_classes([survey.rarest[0]] if known < SMALL_CLASS else [])
    tails = tails_of(EveryValue.of(labels, 0), survey.sample.batch().label)
    notes = [f"label {quoted(survey.label)}: in training, {said}" for said in tails.absurd]
    return Label(split, mean=tails.mean, scale=tails.scale, reach=tails.reach, notes=notes)
