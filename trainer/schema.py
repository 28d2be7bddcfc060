"""What a survey means for a model: which columns it takes and how, its classes, and its hold-out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import touchdown_model as model
from cache import Batch
from holdout import Split
from survey import ID_NAME, IDENTIFIER_ROWS, OTHER_CLASS, SMALL_CLASS, Survey, line_of
from text import quoted

MOST_KEPT_LEVELS = 50
"""Levels of a category that are features of their own; all further ones are one."""
MOST_FEATURES = 20_000
"""Features of a linear model; with thousands of categories each of them keeps fewer levels."""
RARE_LEVEL = 2
"""Rows below which a level says nothing."""
SMALLEST_CLASS = 2
"""Rows that a class needs: one to train on, one to hold out."""


@dataclass
class Plan:
    """A schema and how it is filled from the cache.

    places: for each of the schema's columns, its row in the batches' numbers or codes. lookups: for a
    category, the level of each code of the survey. class_of: for each code of the label as first seen, the
    index of its class, -1 for one whose rows are left out. typed: the type of each column in the signature.
    """

    schema: model.Schema
    places: list[int]
    lookups: list[np.ndarray | None]
    class_of: np.ndarray
    split: Split
    typed: dict[str, str]
    dropped: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def values(self, batch: Batch, rows: np.ndarray) -> list[np.ndarray]:
        """The values of some of a batch's rows, one array for each of the schema's columns."""
        found = []
        for place, lookup in zip(self.places, self.lookups, strict=True):
            if lookup is None:
                found.append(batch.numbers[place][rows])
            else:
                found.append(lookup[batch.codes[place][rows]])
        return found

    def labels(self, batch: Batch) -> np.ndarray:
        """The label of each row: class indices as int64, -1 without one; or numbers, NaN without one."""
        if not self.schema.classes:
            return batch.label
        known = ~np.isnan(batch.label)
        found = np.full(len(batch.label), -1, dtype=np.int64)
        found[known] = self.class_of[batch.label[known].astype(np.int64)]
        return found

    def labelled_rows(self, survey: Survey) -> int:
        """How many rows are trained on or held out."""
        if not self.schema.classes:
            return int(survey.labels.known[0])
        return int(survey.classes.counts[self.class_of >= 0].sum())

    def labelled(self, labels: np.ndarray) -> np.ndarray:
        return labels >= 0 if self.schema.classes else ~np.isnan(labels)


def plan(survey: Survey, rare_classes: str) -> Plan:
    """Decide. Raises BadInputError when there is nothing to learn, or nothing to learn from."""
    source = survey.source
    notes = [
        f"column {quoted(old)} is called {quoted(new)}, since its name was taken"
        if old.strip()
        else f"a column without a name is called {quoted(new)}"
        for new, old in list(source.look.renamed.items())[:100]
    ]
    classes: tuple[str, ...] = ()
    class_of = np.zeros(0, dtype=np.int64)
    if survey.task == "classification":
        classes, class_of, split = _classes(survey, rare_classes, notes)
        mean, scale = 0.0, 1.0
    else:
        mean, scale, split = _label_numbers(survey)
    columns, dropped = _columns(survey, notes)
    # Numbers without gaps come first: their features are made many columns at a time.
    kinds = {model.NUMBER: 0, model.BOOLEAN: 0, model.DATE: 2, model.CATEGORY: 3}
    order = sorted(columns, key=lambda each: kinds[each[0].kind] or int(each[0].indicator))
    schema = model.Schema(
        columns=tuple(column for column, _, _ in order),
        label=survey.label,
        classes=classes,
        label_mean=mean,
        label_scale=scale,
    )
    numbers = survey.numbers
    dirty = dict(zip(survey.number_columns, numbers.dirty, strict=True))
    typed = {
        column.name: "double"
        if column.kind == model.NUMBER and column.decimal == "." and not dirty[column.name]
        else "string"
        for column, _, _ in columns
    }
    return Plan(
        schema, [place for _, place, _ in order], [lookup for _, _, lookup in order], class_of, split, typed,
        dropped, notes,
    )  # fmt: skip


# --- The label ---------------------------------------------------------------------------------------


def _missing_labels(survey: Survey, missing: int) -> None:
    if 2 * missing > survey.rows:
        survey.source.refuse(
            f"column {quoted(survey.label)}: the label is missing in {missing} of {survey.rows} rows, more"
            " than half; fill it in, or name another label"
        )


def _classes(
    survey: Survey, rare_classes: str, notes: list[str]
) -> tuple[tuple[str, ...], np.ndarray, Split]:
    levels, source = survey.classes, survey.source
    _missing_labels(survey, levels.missing)
    texts = list(levels.codes)
    where = f"column {quoted(survey.label)}"
    if len(texts) == 1:
        first = line_of(survey, survey.rarest[0][0][1])
        source.refuse(
            f"{where}, row {first} to the last: the only class is {quoted(texts[0])}; add rows of another"
            " class or name another label"
        )
    rare = [code for code in range(len(texts)) if levels.counts[code] < SMALLEST_CLASS]
    name_of = dict(enumerate(texts))
    left_out: set[int] = set()
    if rare and rare_classes != "merge":
        code = rare[0]
        more = f" ({len(rare) - 1} more classes are as small)" if len(rare) > 1 else ""
        source.refuse(
            f"{where}, row {line_of(survey, survey.rarest[code][0][1])}: class {quoted(texts[code])} has this"
            " one row, and training and hold-out need one each; add rows of it, remove this one, or set"
            f" rare_classes to merge{more}"
        )
    if rare:
        together = sum(levels.counts[code] for code in rare)
        if together >= SMALLEST_CLASS or OTHER_CLASS in levels.codes:
            name_of |= dict.fromkeys(rare, OTHER_CLASS)
            notes.append(f"{len(rare)} classes of one row each were merged into {quoted(OTHER_CLASS)}")
        else:
            left_out = set(rare)
            notes.append(
                f"the one row of class {quoted(texts[rare[0]])} was left out: there is no other small class"
                " to merge it with"
            )
    names = sorted({name for code, name in name_of.items() if code not in left_out})
    if len(names) < 2:
        source.refuse(f"{where}: only the class {quoted(names[0])} has more than one row; add rows of others")
    index = {name: place for place, name in enumerate(names)}
    class_of = np.array(
        [-1 if code in left_out else index[name_of[code]] for code in range(len(texts))], dtype=np.int64
    )
    small = []
    for name in names:
        codes = [code for code, each in name_of.items() if each == name and code not in left_out]
        if sum(int(levels.counts[code]) for code in codes) < SMALL_CLASS:
            small.append([pair for code in codes for pair in survey.rarest[code]])
    return tuple(names), class_of, Split.with_small_classes(small)


def _label_numbers(survey: Survey) -> tuple[float, float, Split]:
    labels, source = survey.labels, survey.source
    known = int(labels.known[0])
    _missing_labels(survey, survey.rows - known)
    where = f"column {quoted(survey.label)}"
    if known < SMALLEST_CLASS:
        source.refuse(f"{where}: there is only one row with a label; training and hold-out need one each")
    if labels.low[0] == labels.high[0]:
        source.refuse(
            f"{where}: every row holds {labels.low[0]:g}, so there is nothing to estimate; name another label"
        )
    split = Split.with_small_classes([survey.rarest[0]] if known < SMALL_CLASS else [])
    scale = float(np.sqrt(labels.squares[0] / known))
    return float(labels.mean[0]), scale if scale > 0 else 1.0, split


# --- The columns -------------------------------------------------------------------------------------

Chosen = tuple[model.Column, int, "np.ndarray | None"]


def _columns(survey: Survey, notes: list[str]) -> tuple[list[Chosen], list[dict[str, str]]]:
    chosen: dict[str, Chosen] = {}
    dropped: dict[str, str] = {}
    spare: dict[str, Chosen] = {}
    text_places = {name: place for place, name in enumerate(survey.text_columns)}
    number_places = {name: place for place, name in enumerate(survey.number_columns)}
    most_levels = max(1, min(MOST_KEPT_LEVELS, MOST_FEATURES // max(1, len(text_places))))
    sampled = None
    for name, form in survey.forms.items():
        if form.kind == model.CATEGORY:
            why, column, lookup = _category(survey, name, most_levels)
            if why:
                dropped[name] = why
            elif column is not None:
                chosen[name] = (column, text_places[name], lookup)
            continue
        place = number_places[name]
        why = _useless(survey, place)
        number: Chosen = (_number(survey, name, place), place, None)
        if not why and survey.numbers.whole[place] and survey.rows >= IDENTIFIER_ROWS:
            if survey.numbers.steady[place]:
                why = "an identifier: it counts the rows"
            elif ID_NAME.search(name):
                sampled = survey.sample.table() if sampled is None else sampled
                cells = sampled[name].to_pylist()
                why = "an identifier: every value is different" if len(set(cells)) == len(cells) else ""
            if why:
                spare[name] = number
        if why:
            dropped[name] = why
        else:
            chosen[name] = number
        _note_flaws(survey, name, place, notes)
    if not chosen:
        # A single column that counts up is all that some tables have: time, distance, a dose.
        for name, number in spare.items():
            chosen[name] = number
            del dropped[name]
    if not chosen:
        reasons = "; ".join(f"{quoted(name)} is {why}" for name, why in list(dropped.items())[:5])
        survey.source.refuse(f"no column is left to learn from: {reasons}; add columns that tell rows apart")
    order = [name for name in survey.forms if name in chosen]
    return [chosen[name] for name in order], [
        {"column": name, "why": dropped[name]} for name in survey.forms if name in dropped
    ]


def _useless(survey: Survey, place: int) -> str:
    numbers = survey.numbers
    if not numbers.known[place]:
        return "empty: no row has a value"
    if numbers.low[place] == numbers.high[place] and numbers.known[place] == survey.rows:
        return f"constant: every row holds {_value(survey, place)}"
    return ""


def _value(survey: Survey, place: int) -> str:
    form, low = survey.numbers.forms[place], survey.numbers.low[place]
    if form.kind == model.DATE:
        return str((np.datetime64("2000-01-01") + np.timedelta64(round(low * 86400), "s")))
    return ("yes" if low else "no") if form.kind == model.BOOLEAN else f"{low:g}"


def _note_flaws(survey: Survey, name: str, place: int, notes: list[str]) -> None:
    numbers = survey.numbers
    what = {model.NUMBER: "numbers", model.DATE: "dates", model.BOOLEAN: "yes or no"}[
        numbers.forms[place].kind
    ]
    if numbers.bad[place]:
        notes.append(f"column {quoted(name)}: {numbers.bad[place]} cells are not {what} and count as missing")
    if numbers.infinite[place]:
        notes.append(
            f"column {quoted(name)}: {numbers.infinite[place]} cells are infinite or beyond {model.LARGEST:g}"
            " and count as missing"
        )


def _number(survey: Survey, name: str, place: int) -> model.Column:
    numbers, form = survey.numbers, survey.forms[name]
    known = max(numbers.known[place], 1)
    mean, scale = numbers.mean[[place]], np.sqrt(numbers.squares[[place]] / known)
    # What hardly varies (the time of day of plain dates, but for rounding) is not blown up.
    scale = np.where(scale > 1e-9 * np.maximum(np.abs(mean), 1e-30), scale, 1.0)
    if form.kind == model.DATE:
        # What lies on a circle has a scale already.
        circles = model.DATE_PARTS - 1
        mean, scale = np.append(mean, np.zeros(circles)), np.append(scale, np.ones(circles))
    missing = survey.rows - numbers.known[place]
    return model.Column(
        name,
        form.kind,
        decimal=survey.source.look.dialect.decimal,
        pattern=form.pattern,
        mean=tuple(map(float, mean)),
        scale=tuple(map(float, scale)),
        indicator=bool(missing),
    )


def _category(survey: Survey, name: str, most: int) -> tuple[str, model.Column | None, np.ndarray | None]:
    levels = survey.levels[name]
    known, texts = levels.known, list(levels.codes)
    if not known:
        return "empty: no row has a value", None, None
    if len(texts) == 1 and not levels.missing:
        return f"constant: every row holds {quoted(texts[0])}", None, None
    if not levels.repeats and survey.rows >= IDENTIFIER_ROWS:
        return "an identifier: every value is different", None, None
    fewest = RARE_LEVEL if survey.rows >= IDENTIFIER_ROWS else 1
    ranked = sorted(range(len(texts)), key=lambda code: (-levels.counts[code], texts[code]))
    kept = [code for code in ranked[:most] if levels.counts[code] >= fewest]
    covered = sum(int(levels.counts[code]) for code in kept)
    if covered < 0.01 * known:
        return f"free text: hardly any of its {len(texts)} values comes twice", None, None
    lookup = np.full(len(texts) + 2, model.OTHER, dtype=np.int32)
    for level, code in enumerate(kept):
        lookup[code] = level
    # Codes below 0 find themselves at the end: OTHER, then MISSING.
    lookup[model.MISSING], lookup[model.OTHER] = model.MISSING, model.OTHER
    column = model.Column(
        name,
        model.CATEGORY,
        levels=tuple(texts[code] for code in kept),
        other=covered < known,
        indicator=bool(levels.missing),
    )
    return "", column, lookup
