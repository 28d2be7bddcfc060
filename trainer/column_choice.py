"""Which columns a model takes, which features it makes of each, and why the other columns are dropped."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import date_columns
import date_formats
import numpy as np
import touchdown_model as model
from date_features import DATE_PARTS, TIME_PARTS
from number_notes import number_notes
from survey import Survey
from tails import EveryValue, Tails, safe_scale, tails_of
from text import quoted

if TYPE_CHECKING:
    import pyarrow as pa

MOST_KEPT_LEVELS = 250
"""Levels of a category that get a feature of their own; all others share one.

Trees take at most 255 codes, of which one stands for the other levels and one for missing values.
"""
MOST_FEATURES = 20_000
"""Features of a linear model. If there are thousands of categories, each keeps fewer levels."""
MOST_EFFECTS = 1000
"""Features of what the label is like at the levels of categories, all together."""
RARE_LEVEL = 2
"""Rows that a level needs to get a feature of its own."""
FREE_TEXT = 0.01
"""Share of a column's known cells that its kept levels must cover; below it the column is free text."""
IDENTIFIER_ROWS = 20
"""Rows that a dataset needs for a column to count as an identifier: a few values may all differ by chance."""
ID_NAME = re.compile(
    r"(?:^|[\W_])(?:id|uuid|guid|key|index|rowid|rownum)$|(?<=[a-z])I[dD]$|^ID$|^Unnamed: 0$", re.ASCII
)
"""Names of columns whose numbers may identify rows."""


@dataclass
class ChosenColumn:
    """A column of the schema. place: its row in the batches' numbers or codes.

    lookup: of a category, the level of each of the survey's codes.
    """

    column: model.Column
    place: int
    lookup: np.ndarray | None = None


@dataclass
class Choice:
    """chosen: the columns that a model takes; dropped: why not each of the others; notes: on their flaws."""

    chosen: dict[str, ChosenColumn] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def choose_columns(survey: Survey, effects: int) -> Choice:
    """Choose the columns that a model takes, in the file's order. Raises BadInputError if none is left.

    effects: how many features a category with too many levels gets of what the label is like at each.
    """
    choice = Choice()
    row_numbers: dict[str, ChosenColumn] = {}
    text_places = {name: place for place, name in enumerate(survey.text_columns)}
    number_places = {name: place for place, name in enumerate(survey.number_columns)}
    most_levels = max(1, min(MOST_KEPT_LEVELS, MOST_FEATURES // max(1, len(text_places))))
    effects = min(effects, max(1, MOST_EFFECTS // max(1, len(text_places))))
    identifiers = Identifiers(survey)
    for name, form in survey.forms.items():
        if form.why:
            choice.notes.append(f"column {quoted(name)}: {form.why}")
        if form.kind == model.CATEGORY:
            found = _category(survey, name, text_places[name], most_levels, effects)
            if isinstance(found, str):
                choice.dropped[name] = found
                continue
            choice.chosen[name] = found
            if found.column.more:
                choice.notes.append(_encoded(survey, found.column))
            continue
        place = number_places[name]
        column, absurd = _number(survey, name, place)
        number = ChosenColumn(column, place)
        why = _useless(survey, place)
        if not why and (why := identifiers.why(name, place)):
            row_numbers[name] = number
        if why:
            choice.dropped[name] = why
        else:
            choice.chosen[name] = number
        choice.notes += (
            number_notes(name, survey.numbers, place) + _dates(survey, name, place) + ([] if why else absurd)
        )
    if not choice.chosen:
        # Some tables have nothing but a column that counts up: a time, a distance, a dose.
        choice.chosen = row_numbers
        choice.dropped = {name: why for name, why in choice.dropped.items() if name not in row_numbers}
    if not choice.chosen:
        reasons = "; ".join(f"{quoted(name)} is {why}" for name, why in list(choice.dropped.items())[:5])
        survey.source.refuse(f"no column is left to learn from: {reasons}; add columns that tell rows apart")
    return choice


class Identifiers:
    """Recognises number columns that identify rows instead of describing them."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._sampled: pa.Table | None = None

    def why(self, name: str, place: int) -> str:
        """Why a column is an identifier, or "" if it is not."""
        survey = self._survey
        if not survey.numbers.whole[place] or survey.rows < IDENTIFIER_ROWS:
            return ""
        if survey.numbers.steady[place]:
            return "an identifier: it counts the rows"
        if ID_NAME.search(name):
            if self._sampled is None:
                self._sampled = survey.sample.table()
            cells = self._sampled[name].to_pylist()
            if len(set(cells)) == len(cells):
                return "an identifier: every value is different"
        return ""


def _useless(survey: Survey, place: int) -> str:
    """Why a number, boolean or date column tells nothing, or "" if it does."""
    numbers = survey.numbers
    if not numbers.known[place]:
        return "empty: no row has a value"
    if numbers.low[place] == numbers.high[place] and numbers.known[place] == survey.rows:
        return f"constant: every row holds {_only_value(survey, place)}"
    return ""


def _only_value(survey: Survey, place: int) -> str:
    form, low = survey.numbers.forms[place], survey.numbers.low[place]
    if form.kind == model.DATE:
        return date_columns.moment(low, form.pattern)
    return ("yes" if low else "no") if form.kind == model.BOOLEAN else f"{low:g}"


def _dates(survey: Survey, name: str, place: int) -> list[str]:
    """Notes on how the dates of a column were read."""
    form, numbers = survey.forms[name], survey.numbers
    if form.kind != model.DATE:
        return []
    decided = bool(numbers.decisive[place] or numbers.contrary[place])
    return date_columns.notes(name, form.pattern, survey.source.inspection.cells(name), decided)


def _number(survey: Survey, name: str, place: int) -> tuple[model.Column, list[str]]:
    """A column of numbers, dates or booleans, and notes on its scale."""
    numbers, form = survey.numbers, survey.forms[name]
    every = EveryValue.of(numbers, place)
    if form.kind == model.BOOLEAN:
        tails = Tails(every.mean, safe_scale(every.mean, every.scale))
    else:
        show = (
            partial(date_columns.moment, pattern=form.pattern) if form.kind == model.DATE else "{:g}".format
        )
        tails = tails_of(every, survey.sample.batch().numbers[place], show)
    mean, scale, unit = [tails.mean], [tails.scale], 0.0
    if form.kind == model.NUMBER and tails.logarithm:
        unit = tails.logarithm.unit
        mean, scale = [*mean, tails.logarithm.mean], [*scale, tails.logarithm.scale]
    if form.kind == model.DATE:
        # Sine and cosine have the right scale already.
        circles = (TIME_PARTS if form.pattern == date_formats.TIME else DATE_PARTS) - 1
        mean, scale = mean + [0.0] * circles, scale + [1.0] * circles
    missing = survey.rows - numbers.known[place]
    column = model.Column(
        name,
        form.kind,
        notation=form.notation,
        pattern=form.pattern,
        mean=tuple(mean),
        scale=tuple(scale),
        unit=unit,
        reach=tails.reach,
        indicator=bool(missing),
    )
    return column, [f"column {quoted(name)}: {said}" for said in tails.absurd]


def _category(survey: Survey, name: str, place: int, most: int, effects: int) -> ChosenColumn | str:
    """The column with its `most` most frequent levels, or why it is dropped. effects: see choose_columns."""
    levels = survey.levels[name]
    known, texts = levels.known, list(levels.codes)
    if not known:
        return "empty: no row has a value"
    if len(texts) == 1 and not levels.missing:
        return f"constant: every row holds {quoted(texts[0])}"
    if not levels.repeats and survey.rows >= IDENTIFIER_ROWS:
        if 2 * known < survey.rows:
            return f"nearly empty: {known} of {survey.rows} rows have a value, each another one"
        return "an identifier: every value is different"
    fewest = RARE_LEVEL if survey.rows >= IDENTIFIER_ROWS else 1
    ranked = sorted(range(len(texts)), key=lambda code: (-levels.counts[code], texts[code]))
    kept = [code for code in ranked if levels.counts[code] >= fewest]
    if not effects or len(kept) <= MOST_KEPT_LEVELS:
        kept, effects = kept[:most], 0
    covered = sum(int(levels.counts[code]) for code in kept)
    if covered < FREE_TEXT * known:
        return f"free text: hardly any of its {len(texts)} values occurs twice"
    lookup = np.full(len(texts) + 2, model.OTHER, dtype=np.int32)
    for level, code in enumerate(kept):
        lookup[code] = level
    # MISSING and OTHER are -1 and -2, so they index the last two entries.
    lookup[model.MISSING], lookup[model.OTHER] = model.MISSING, model.OTHER
    column = model.Column(
        name,
        model.CATEGORY,
        levels=tuple(texts[code] for code in kept[:most]),
        other=covered < known or len(kept) > most,
        indicator=bool(levels.missing),
        more=tuple(texts[code] for code in kept[most:]),
        effects=np.zeros((len(kept) + 2, effects)) if effects else None,
    )
    return ChosenColumn(column, place, lookup)


def _encoded(survey: Survey, column: model.Column) -> str:
    """A note on a category whose levels are described by the label."""
    what = "the mean label" if survey.task == "regression" else "the shares of the classes"
    return (
        f"column {quoted(column.name)}: {len(column.more)} of its values are too rare for a feature of their"
        f" own; the model also takes {what} among the training rows of each value, drawn towards that of all"
    )
