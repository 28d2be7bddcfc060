"""What the texts of a label mean: which are one class, which stand for no label, and which task they suggest.

The app and the trainer decide with this code: the app over the head of a file, the trainer over all of it.
Therefore this module uses the standard library only, and nothing of the app or the trainer. What a number
is, and what is missing anywhere in a file, it is told by whoever calls it.
"""

from __future__ import annotations

import itertools
import math
import re
import statistics
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

FLAT = "." not in __name__
if FLAT:
    from dialect_gaps import GAPS
else:
    from trainer.dialect_gaps import GAPS

MOST_CLASS_NUMBERS = 20
"""Different whole numbers that a label may hold and still be a label of classes."""
FEWEST_COUNTS = 6
"""Different whole numbers that a label needs to be taken for counts: a rating of one to five is none."""
LONG_TAIL = 0.1
"""Share of the rows that the upper third of a count's range holds at most; of even classes, a third."""
FREQUENT = 0.05
"""Share of the rows from which a word for "missing" is a class in a label of texts."""
MOSTLY = 0.95
"""Share of a label's known cells that must be numbers for the others to be missing."""
FEW_TEXTS = 3
"""Different texts, beside numbers, that may stand for a missing label."""
CODES = 0.05
"""Share of a label's numbers that are written as codes, from which all of them are codes."""
EXACT = 2**53
"""Numbers from here on are not all different as float64."""
IDENTIFIER_ROWS = 20
"""Rows that a label needs to be taken for an identifier: a few values may all differ by chance."""

DOUBTFUL = frozenset({"na", "n/a", "n.a.", "n.a", "none", "(none)", "(null)", "\\n", ".", "?"}) | {
    *("-", "--", "---", "\N{EN DASH}", "\N{EM DASH}", "..."),
    *("#ref!", "#value!", "#div/0!", "#name?", "#num!", "#null!", "########", "(blank)"),
}
"""Texts that stand for "missing" in some files and for a class in others, folded."""
_NO_CLASSES = frozenset(
    {"?", ".", "...", "(null)", "\\n", "(blank)", "#ref!", "#value!", "#div/0!", "#name?"}
)
"""Those that name nothing, so that they are no class beside two others, however frequent they are."""
DOUBTFUL_BESIDE_NUMBERS = DOUBTFUL | {"unknown", "missing", "not available", "nil", "unk"} | GAPS
"""The same, in a label of numbers."""

_CODE = re.compile(r"[+-]?0\d+|\d{16,}", re.ASCII)
_ID_NAME = re.compile(r"(?:^|[\W_])(?i:id|uuid|guid|rowid|rownum)$|[a-z]I[dD]$|^Unnamed: 0$", re.ASCII)
_NUMBERING_NAME = re.compile(r"(?:id|key|index|idx|nr|no|num|number|nummer)$", re.IGNORECASE | re.ASCII)

_UNSEEN = dict.fromkeys(map(ord, "\N{ZERO WIDTH SPACE}\N{WORD JOINER}\N{ZERO WIDTH NO-BREAK SPACE}"))
_DIGIT = re.compile(r"\d")

Number = Callable[[str], "float | None"]
"""The number that a text holds, which may be infinite, or None."""


@dataclass(frozen=True)
class LabelReading:
    """What the texts of a label mean.

    names: the class of each text that is one; a text that is not here stands for a missing label. words: how
    many rows each text has that stands for a missing label, except those that are missing anywhere and are no
    words. kept: the words for "missing" that are classes here, with their rows. numeric: whether all classes
    are numbers. codes: whether these are taken for codes and not for quantities, as they are written. counts:
    whether they are counts. fractions: whether any has digits after the decimal mark. different: how many
    different numbers there are, 0 if more than anybody counted. rows: with a label. task: the one that all
    this suggests.
    """

    names: dict[str, str] = field(default_factory=dict)
    words: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    numeric: bool = False
    codes: bool = False
    counts: bool = False
    fractions: bool = False
    different: int = 0
    rows: int = 0
    task: str = "classification"


def folded(text: str) -> str:
    """A text without what tells no classes apart: case, spaces in and around it, and unseen signs."""
    plain = unicodedata.normalize("NFC", text.translate(_UNSEEN))
    return " ".join(unicodedata.normalize("NFC", plain.casefold()).split())


def is_doubtful(text: str) -> bool:
    """Whether a text stands for "missing" in a label of numbers."""
    return folded(text) in DOUBTFUL_BESIDE_NUMBERS


def key_of(text: str, number_of: Number, *, numeric: bool) -> str:
    """What the texts of one class have in common: their value as a number, or their folded form.

    numeric: whether all classes are numbers. Where they are not, 1e5 and 1.10 may be parts or versions, and
    only whole numbers without an exponent are compared by value.
    """
    number = number_of(text)
    if number is None or not abs(number) < EXACT or (not numeric and "e" in text.lower()):
        return folded(text)
    if number.is_integer():
        return str(int(number))
    return repr(number) if numeric else folded(text)


def read_label(
    texts: Mapping[str, int],
    number_of: Number,
    is_missing: Callable[[str], bool],
    missing_here: Callable[[], Collection[str]] = frozenset,
) -> LabelReading:
    """What the texts of a label mean. texts: how many rows each has, as it is written, spaces included.

    missing_here: asked for the words that stand for a missing number in other columns of the file, folded.
    """
    plain, doubtful, missing = _sorted_out(texts, is_missing)
    numbers = {text: number for text in plain if (number := number_of(text)) is not None}
    others = {text: rows for text, rows in plain.items() if text not in numbers}
    if _are_missing(others, numbers, plain):
        words = doubtful | others | _words(missing)
        return _numeric({text: plain[text] for text in numbers}, numbers, number_of, words)
    kept = _classes_among(doubtful, plain, sum(texts.values()), missing_here)
    words = {text: rows for text, rows in doubtful.items() if text not in kept} | _words(missing)
    classes = plain | kept
    names = class_names(classes, number_of, numeric=False)
    return LabelReading(names, words, kept, rows=sum(classes.values()))


def _sorted_out(
    texts: Mapping[str, int], is_missing: Callable[[str], bool]
) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """The texts that are classes, those that may be, and those that stand for a missing label."""
    plain: dict[str, int] = {}
    doubtful: dict[str, int] = {}
    missing: dict[str, int] = {}
    for text, rows in texts.items():
        if folded(text) in DOUBTFUL:
            doubtful[text] = rows
        elif is_missing(text):
            missing[text] = rows
        else:
            plain[text] = rows
    return plain, doubtful, missing


def _words(missing: Mapping[str, int]) -> dict[str, int]:
    return {text: rows for text, rows in missing.items() if text.strip()}


def _are_missing(others: Mapping[str, int], numbers: Collection[str], plain: Mapping[str, int]) -> bool:
    """Whether a label is one of numbers, so that the other texts in it stand for a missing label."""
    if not numbers:
        return False
    unnamed = {text: rows for text, rows in others.items() if folded(text) not in DOUBTFUL_BESIDE_NUMBERS}
    if not unnamed:
        return 2 * sum(others.values()) <= sum(plain.values())
    # "about 5" is no word for missing.
    few = len({folded(text) for text in unnamed}) <= FEW_TEXTS and not _DIGIT.search("".join(unnamed))
    rows = sum(plain.values())
    return few and len(numbers) > MOST_CLASS_NUMBERS and sum(others.values()) <= (1 - MOSTLY) * rows


def _classes_among(
    doubtful: Mapping[str, int],
    plain: Mapping[str, int],
    rows: int,
    missing_here: Callable[[], Collection[str]],
) -> dict[str, int]:
    """The words for "missing" that are classes: as frequent as other classes, and not so used elsewhere."""
    if not doubtful or not plain:
        return {}
    sizes, candidates = Counter[str](), Counter[str]()
    for text, count in plain.items():
        sizes[folded(text)] += count
    for text, count in doubtful.items():
        candidates[folded(text)] += count
    enough = max(2.0, min(FREQUENT * rows, statistics.median(sizes.values())))
    found = {word for word, count in candidates.items() if word in sizes or count >= enough}
    if len(sizes) > 1:
        found -= _NO_CLASSES
    if found:
        found -= set(missing_here()) - set(sizes)
    return {text: count for text, count in doubtful.items() if folded(text) in found}


class Head(Protocol):
    """The first rows of a file."""

    @property
    def columns(self) -> list[str]: ...

    def cells(self, column: str) -> list[str]: ...


def read_head(head: Head, label: str, number_of: Number, is_missing: Callable[[str], bool]) -> LabelReading:
    """What the label's texts in the first rows of a file mean."""
    return read_label(
        Counter(head.cells(label)),
        number_of,
        is_missing,
        lambda: words_beside_numbers(head, label, number_of, is_missing),
    )


def words_beside_numbers(
    head: Head, label: str, number_of: Number, is_missing: Callable[[str], bool]
) -> set[str]:
    """The words that stand for a missing number in the other columns of a file, folded.

    Whoever writes NA where a number is missing writes it where a class is missing, too.
    """
    found: set[str] = set()
    for name in head.columns:
        texts = set(head.cells(name)) if name != label else set()
        words = {text for text in texts if folded(text) in DOUBTFUL}
        known = [text for text in texts - words if not is_missing(text)]
        if words and known and sum(number_of(text) is not None for text in known) >= MOSTLY * len(known):
            found |= {folded(text) for text in words}
    return found


# --- Names of classes ---------------------------------------------------------------------------------


def class_names(texts: Mapping[str, int], number_of: Number, *, numeric: bool) -> dict[str, str]:
    """The class of each text: the most frequent of its writings; of a number, the shortest."""
    writings: dict[str, Counter[str]] = {}
    keys = {text: key_of(text, number_of, numeric=numeric) for text in texts}
    for text, key in keys.items():
        writings.setdefault(key, Counter())[text.strip()] += texts[text]
    names = {}
    for key, found in writings.items():
        numbers = all(number_of(writing) is not None for writing in found)
        names[key] = min(found, key=lambda each: (len(each) if numbers else 0, -found[each], each))
    return {text: names[key] for text, key in keys.items()}


# --- Labels of numbers --------------------------------------------------------------------------------


def _numeric(
    texts: Mapping[str, int], numbers: Mapping[str, float], number_of: Number, words: dict[str, int]
) -> LabelReading:
    """The reading of a label whose texts are all numbers. An infinity is a missing label."""
    finite = {text: rows for text, rows in texts.items() if math.isfinite(numbers[text])}
    infinite = {text: rows for text, rows in texts.items() if text not in finite}
    values: Counter[float] = Counter()
    for text, rows in finite.items():
        values[numbers[text]] += rows
    coded = sum(rows for text, rows in finite.items() if _CODE.fullmatch(text.strip()))
    reading = read_numbers(values, words | infinite, codes=coded > CODES * values.total())
    return replace(reading, names=class_names(finite, number_of, numeric=True))


def read_numbers(values: Mapping[float, int], words: dict[str, int], *, codes: bool) -> LabelReading:
    """The reading of a label of numbers, without names of classes.

    values: how many rows each number has. codes: whether enough of them are written as codes are.
    """
    fractions = any(not value.is_integer() for value in values)
    task = task_of_numbers(values)
    codes = codes and not fractions and task == "regression"
    return LabelReading(
        words=words,
        numeric=True,
        codes=codes,
        counts=not codes and are_counts(values),
        fractions=fractions,
        different=len(values),
        rows=sum(values.values()),
        task="classification" if codes else task,
    )


def task_of_numbers(values: Mapping[float, int]) -> str:
    """The task that a label of numbers suggests. values: how many rows each has.

    The rule is simple, so that a user can foresee its result. Numbers with fractions are a regression. Whole
    numbers are classes if there are at most MOST_CLASS_NUMBERS different ones, at most half as many as rows
    (or only two), and they do not look like counts.
    """
    rows = sum(values.values())
    if any(not value.is_integer() for value in values):
        return "regression"
    many = len(values) > MOST_CLASS_NUMBERS or (len(values) > 2 and 2 * len(values) > rows)
    return "regression" if many or are_counts(values) else "classification"


def are_counts(values: Mapping[float, int]) -> bool:
    """Whether numbers look like counts of something: whole, from 0 or 1 on, with a long tail.

    From the most frequent one above 0 on, each is rarer than the one before, but for chance, and the upper
    third of the range is nearly empty. Numbers that name classes have no such order. How many zeros there are
    does not matter: many counts have more of them than fit the rest.
    """
    if not FEWEST_COUNTS <= len(values) <= MOST_CLASS_NUMBERS:
        return False
    low, high = min(values), max(values)
    if low not in (0, 1) or any(not value.is_integer() for value in values):
        return False
    third = low + 2 * (high - low) / 3
    if sum(rows for value, rows in values.items() if value > third) > LONG_TAIL * sum(values.values()):
        return False
    if high > 50 * MOST_CLASS_NUMBERS:
        return False
    sizes = [values.get(float(value), 0) for value in range(1, int(high) + 1)]
    mode = sizes.index(max(sizes))
    rising, falling = sizes[: mode + 1][::-1], sizes[mode:]
    return _falls(rising) and _falls(falling)


def _falls(sizes: list[int]) -> bool:
    """Whether no number of rows is above the one before by more than chance explains (two deviations)."""
    return all(b - a <= 2 * math.sqrt(a + b) for a, b in itertools.pairwise(sizes))


# --- Labels that identify rows ------------------------------------------------------------------------


def names_rows(name: str, rows: int, span: float | None) -> bool:
    """Whether a label identifies rows instead of describing them, as its name says. Its values all differ.

    span: of whole numbers, the highest less the lowest; None for texts: those of classes do not all differ.
    """
    if rows < IDENTIFIER_ROWS:
        return False
    if span is None or _ID_NAME.search(name):
        return True
    return is_dense(rows, span) and _NUMBERING_NAME.search(name) is not None


def is_dense(rows: int, span: float) -> bool:
    """Whether whole numbers that all differ lie so close together that somebody has counted them out."""
    return rows >= IDENTIFIER_ROWS and span < 2 * rows
