"""Sentences about everything that is done to a label, for the output, the report and metrics.json."""

from __future__ import annotations

from collections import Counter

import numpy as np
from dialect_label import is_dense
from dialect_label_hints import alike_but_for_punctuation, same_meanings
from survey import Survey
from text import quoted

MOST_CLASSES_NAMED = 3
"""Classes whose writings a note lists."""
MOST_LISTED = 4
"""Writings or words that a note lists."""
FEW_VALUES = 100
"""Different whole numbers of a label up to which a note says that they are taken for quantities."""


def notes_on(survey: Survey) -> list[str]:
    """What was done to the label's cells, and why."""
    column = f"column {quoted(survey.label)}: "
    found = [_variants(survey), _same_words(survey), _kept_words(survey)]
    found += [_missing_words(survey), _taken_for(survey)]
    return [column + note for note in found if note]


def all_differ(survey: Survey) -> bool:
    """Whether no two of the sampled rows, in a small dataset of all rows, have the same number as label."""
    labels = survey.sample.batch().label
    known = labels[~np.isnan(labels)]
    return len(np.unique(known)) == len(known)


def _writings(survey: Survey) -> dict[str, list[str]]:
    """The writings of each class that has several, without its name, the most frequent ones first."""
    sizes = survey.classes.counts
    found: dict[str, list[str]] = {}
    for text in sorted(survey.classes.codes, key=lambda text: -sizes[survey.classes.codes[text]]):
        if (name := survey.reading.names.get(text)) is not None:
            found.setdefault(name, []).append(text)
    return {name: [text for text in texts if text != name] for name, texts in found.items() if len(texts) > 1}


def also_written(survey: Survey, name: str) -> str:
    """The other writings of a class, in brackets; "" if there are none."""
    writings = _writings(survey).get(name)
    return f" (also written {_listed(writings)})" if writings else ""


def _listed(texts: list[str]) -> str:
    more = f" and {len(texts) - MOST_LISTED} more" if len(texts) > MOST_LISTED else ""
    return ", ".join(map(quoted, texts[:MOST_LISTED])) + more


def _variants(survey: Survey) -> str:
    """On classes that are written in several ways."""
    written = _writings(survey)
    if not written:
        return ""
    named = [
        f"{quoted(name)} is also written {_listed(texts)}"
        for name, texts in list(written.items())[:MOST_CLASSES_NAMED]
    ]
    more = f"; {len(written) - len(named)} more classes" if len(written) > len(named) else ""
    if survey.reading.numeric:
        why = "writings of equal numbers are one class"
    else:
        why = "writings that differ by case and spaces alone are one class"
    return f"{why}: {'; '.join(named)}{more}"


def _same_words(survey: Survey) -> str:
    """On words that may mean the same, such as yes and y, or yes and "yes."."""
    if survey.task != "classification":
        return ""
    words = same_meanings(survey.reading.names) or alike_but_for_punctuation(survey.reading.names)
    if not words:
        return ""
    return f"{_listed(words)} are different classes, although some may mean the same; write them in one way"


def _kept_words(survey: Survey) -> str:
    """On words for "missing" that are classes."""
    kept = _by_word(survey.reading.kept)
    if not kept:
        return ""
    is_class, it = ("is a class", "it") if len(kept) == 1 else ("are classes", "them")
    return (
        f"{_listed(list(kept))} {is_class}, because {sum(kept.values())} of {survey.rows} rows hold {it};"
        " leave the cells empty where the label is missing"
    )


def _missing_words(survey: Survey) -> str:
    """On words that stand for a missing label."""
    words = _by_word(survey.reading.words)
    if not words:
        return ""
    # Most of the cells of a regression are read as numbers at once, and of the others none is counted.
    where = f" in {sum(words.values())} rows" if survey.task == "classification" else ""
    stands, it = ("stands", "it is a class") if len(words) == 1 else ("stand", "they are classes")
    return f"{_listed(list(words))} {stands} for a missing label{where}; write another word if {it}"


def _by_word(texts: dict[str, int]) -> dict[str, int]:
    words: Counter[str] = Counter()
    for text, rows in texts.items():
        words[text.strip()] += rows
    return dict(words)


def _taken_for(survey: Survey) -> str:
    """On whole numbers that somebody might have meant as something else."""
    reading = survey.reading
    if survey.task == "classification":
        if not reading.codes:
            return ""
        return (
            "its numbers are classes, because they are written as codes are, with leading zeros or many"
            " digits; set task to regression if they are quantities"
        )
    if reading.fractions:
        return ""
    if all_differ(survey) and is_dense(reading.rows, float(survey.labels.high[0] - survey.labels.low[0])):
        return (
            "each row holds another whole number, as in an identifier; if it is one, name the column to"
            " predict as the label"
        )
    if not 2 < reading.different <= FEW_VALUES:
        return ""
    what = "counts" if reading.counts else "quantities"
    return (
        f"its {reading.different} different whole numbers are taken for {what}; set task to classification if"
        " they are classes"
    )
