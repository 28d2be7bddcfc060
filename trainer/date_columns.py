"""Whether a column holds dates or times, in which pattern, and what the report notes about it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice

import date_formats as formats
import date_reading
import numpy as np
from date_words import PIVOT
from dialect_gaps import FEW_TEXTS, MANY_NUMBERS, stands_for_missing
from text import quoted

MOSTLY = 0.95
"""Share of a column's known cells that must be dates for the column to hold dates."""
FEWEST_DATES = 0.5
"""The same, if all others hold a few texts, which stand for missing."""
FIRST_CELLS, FIRST_SHARE = 20, 0.5
"""Cells that decide whether a pattern is tried on more, and the share of them that it must fit."""
PATTERN_CELLS = 2000
"""Different texts that decide between patterns."""
ORDER_CELLS = 20
"""Different cells from which on the spread of their years decides between two orders that both fit."""

PATTERNS = (formats.ISO, formats.MONTH_FIRST, formats.DAY_FIRST, formats.YEAR_FIRST, formats.TIME)
"""The patterns of texts. If several fit equally well, the first is taken, but for orders of day and month."""
ORDERS = {
    formats.DAY_FIRST: "the day before the month",
    formats.MONTH_FIRST: "the month before the day",
    formats.YEAR_FIRST: "the year first",
}
EPOCH_WORDS = frozenset({"epoch", "unix", "unixtime", "posix", "timestamp", "timestamps", "ts"})
"""Words in a column's name by which its numbers are counted since 1970."""
SERIAL_WORDS = frozenset({"date", "dates", "datetime", "datum", "fecha"})
"""Words in a column's name by which its numbers may be those that a spreadsheet stores for dates."""
MONTH_WORDS = frozenset({"month", "months", "yearmonth", "ym", "monat", "mois", "mes", "period", "periode"})
"""Words in a column's name by which six digits are months, be there ever so few different ones."""
FEWEST_MONTHS = 6
"""Different months that a column needs if its name has none of these words."""
NOT_SERIAL_WORDS = frozenset({"id", "key", "sk", "no", "nr", "num", "number", "count"})


def pattern_of(known: list[str]) -> str:
    """The pattern in which most of some texts are dates or times, or "" if there is none.

    Texts that stand for a missing number stand for a missing date too.
    """
    left = _possible(list(islice(_dated(known), FIRST_CELLS)))
    every = Counter(_dated(known)) if left else {}
    counts = dict(islice(every.items(), PATTERN_CELLS))
    found = _best(counts, left)
    return found if found and _fits(every, found) else ""


def _best(counts: dict[str, int], patterns: list[str]) -> str:
    """The pattern that fits most of some texts, and enough of them, or "". counts: how often each occurs."""
    shares: dict[str, float] = {}
    for pattern in patterns:
        shares[pattern] = _share(counts, pattern)
        if pattern == formats.ISO and shares[pattern] == 1:
            break  # nothing fits better, and most dates are written so
    left = [pattern for pattern in shares if _fits(counts, pattern)]
    best = {pattern for pattern in left if shares[pattern] == max(shares.values())}
    if best & formats.OTHER_ORDER.keys() and formats.ISO not in best:
        return _order(list(counts), left, best)
    return next((pattern for pattern in PATTERNS if pattern in best), "")


def _dated(cells: list[str]) -> Iterator[str]:
    """The cells that do not stand for a missing value."""
    return (cell for cell in cells if not stands_for_missing(cell))


def _possible(cells: list[str]) -> list[str]:
    """The patterns that the shapes of some cells do not rule out. Most columns of text have none."""
    shapes = [formats.shape(cell.strip()) for cell in cells]
    fitting = {formats.ISO: [shape.startswith("0000") for shape in shapes]}
    for pattern in PATTERNS[1:]:
        fitting[pattern] = [formats.layout(pattern, shape) is not None for shape in shapes]
    return [pattern for pattern in PATTERNS if sum(fitting[pattern]) >= FIRST_SHARE * len(shapes)]


def _share(counts: dict[str, int], pattern: str) -> float:
    """The share of cells that are dates in a pattern. counts: how often each text occurs."""
    if not counts:
        return 0.0
    dates = np.isfinite(date_reading.days(list(counts), pattern))
    return float(np.average(dates, weights=list(counts.values())))


def _fits(counts: Mapping[str, int], pattern: str) -> bool:
    """Whether cells are dates in a pattern: most of them, or all but a few texts, as 9999-12-31 or "open"."""
    if not counts:
        return False
    dates = np.isfinite(date_reading.days(list(counts), pattern))
    rows = np.array(list(counts.values()))
    share, wrong = float(rows[dates].sum() / rows.sum()), int(np.count_nonzero(~dates))
    few = wrong <= FEW_TEXTS and len(counts) - wrong >= MANY_NUMBERS * max(1, wrong)
    return share >= MOSTLY or (few and share >= FEWEST_DATES)


def _order(cells: list[str], left: list[str], best: set[str]) -> str:
    """The order of day, month and year, of those that fit best.

    Slashes alone are written by Americans, who put the month first. Two-digit years come first if the column
    would have more than twice as many different years otherwise.
    """
    slashes = sum("/" in cell for cell in cells) * 2 >= len(cells)
    first, second = formats.DAY_FIRST, formats.MONTH_FIRST
    order = (second if slashes else first) if {first, second} <= best else (best & {first, second}).pop()
    if formats.YEAR_FIRST not in left or len(cells) < ORDER_CELLS:
        return order
    return formats.YEAR_FIRST if _years(cells, order) > 2 * _years(cells, formats.YEAR_FIRST) else order


def _years(cells: list[str], pattern: str) -> int:
    """How many different years cells have in a pattern."""
    days = date_reading.days(cells, pattern)
    return len(np.unique((days[np.isfinite(days)] // 365.25)))


def pattern_of_numbers(known: list[str], name: str) -> str:
    """The pattern in which most of some numbers are dates, or "": numbers that may be dates stay numbers.

    Eight digits are dates if they are plausible ones, six are months if there are several; other numbers only
    if the column's name says so.
    """
    words = _words(name)
    first = Counter(islice(_dated(known), FIRST_CELLS))
    tried = [
        pattern
        for pattern in (formats.COMPACT, formats.COMPACT_MONTHS)
        if _share(first, pattern) >= FIRST_SHARE
    ]
    if words & EPOCH_WORDS:
        tried += formats.EPOCHS
    if words & SERIAL_WORDS or any(word.endswith("datum") for word in words):
        tried += [] if words & NOT_SERIAL_WORDS else [formats.SERIAL]
    counts = Counter(_dated(known)) if tried else Counter[str]()
    if len(counts) < FEWEST_MONTHS and not words & MONTH_WORDS and formats.COMPACT_MONTHS in tried:
        tried.remove(formats.COMPACT_MONTHS)
    return next((pattern for pattern in tried if _fits(counts, pattern)), "")


def _words(name: str) -> set[str]:
    """The words of a column's name in lower case: those of unixReviewTime are unix, review and time."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return {word.lower() for word in re.findall(r"[^\W\d_]+", apart)}


def moment(days: float, pattern: str = formats.ISO) -> str:
    """Days since 2000-01-01 in ISO 8601, without the time of day if that is midnight; or a time of day."""
    text = str(np.datetime64("2000-01-01T00:00:00") + np.timedelta64(round(days * 86400), "s"))
    return text[11:] if pattern == formats.TIME else text.removesuffix("T00:00:00")


def notes(name: str, pattern: str, cells: list[str], decided: bool) -> list[str]:
    """What was taken for what in a column of dates, unless that is ISO 8601, which leaves no doubt.

    cells: its first ones. decided: whether any of its cells tells the order of day and month.
    """
    if pattern == formats.ISO:
        return []
    texts = list(dict.fromkeys(cell.strip() for cell in cells))[:PATTERN_CELLS]
    reading = date_reading.read(texts, pattern)
    read = np.flatnonzero(np.isfinite(reading.values))
    if not len(read):
        return []
    either = np.flatnonzero(reading.either)
    said = f"column {quoted(name)}: {_example(texts, reading.values, pattern, [*either, *read])}"
    if pattern == formats.TIME:
        said += ", a time of day"
    elif pattern in formats.EPOCHS or pattern == formats.SERIAL:
        said += f", as a {pattern}" if pattern == formats.SERIAL else f", as {pattern}"
    elif pattern in formats.OTHER_ORDER and len(either) and not decided:
        said += f", {ORDERS[pattern]}, which no cell of the column decides"
    elif reading.decisive.any() or len(either) or pattern == formats.YEAR_FIRST:
        said += f", {ORDERS[pattern]}"
    if reading.short.any():
        said += f"; two-digit years are those from 19{PIVOT} to 20{PIVOT - 1}"
    return [said]


def _example(texts: list[str], values: np.ndarray, pattern: str, places: list[int]) -> str:
    """What one text was read as: the first that is written in another way than it is told here."""
    pairs = [(texts[place], moment(values[place], pattern)) for place in places]
    text, read = next(((text, read) for text, read in pairs if text != read), pairs[0])
    return f"{quoted(text)} is read as {read}"
