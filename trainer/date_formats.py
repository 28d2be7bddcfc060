"""The formats of dates and times as people write them: patterns, and the expressions that match their texts.

This file is packaged inside the MLflow model. Nothing in it depends on the locale of the process, as names
of months in strptime do.

A pattern says how all the cells of one column are read. Most formats explain themselves: a name of a month, a
year of four digits that comes first, a time of day after the date. So these are read in every pattern, and a
pattern says the rest: the order of day, month and year where all three are numbers, and whether numbers are
counted from some day.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from date_words import HALVES, HOURS_EAST, MONTH, MONTH_IN_DATE, WEEKDAY, plain

ISO = "ISO8601"
"""Read by pandas, which is the fastest."""
DAY_FIRST, MONTH_FIRST, YEAR_FIRST = "day first", "month first", "year first"
"""31/03/20, 03/31/20, 20/03/31. What explains itself is read in each of them."""
OTHER_ORDER = {DAY_FIRST: MONTH_FIRST, MONTH_FIRST: DAY_FIRST}
TIME = "time of day"
"""05:12: a part of a day that is not known, from 0 to less than 1."""
COMPACT = "yyyymmdd"
"""20200331, or 20200331051200."""
COMPACT_MONTHS = "yyyymm"
"""202003."""
SERIAL = "day number of a spreadsheet"
"""43921, counted as in Excel and LibreOffice: 36526 is 2000-01-01."""
EPOCHS = {
    "seconds since 1970": 1_000_000_000,
    "milliseconds since 1970": 1_000_000,
    "microseconds since 1970": 1000,
    "nanoseconds since 1970": 1,
}
"""How many nanoseconds each of them counts."""
NUMERIC = frozenset({COMPACT, COMPACT_MONTHS, SERIAL, *EPOCHS})
"""Patterns whose texts are numbers too."""
EPOCH_RANGE = (1e8, 4.2e9)
"""Seconds since 1970 that are plausible: from 1973 to 2103. In milliseconds they are other numbers."""
SERIAL_RANGE = (29_221, 73_416)
"""Day numbers of a spreadsheet that are plausible: the years from 1980 to 2100."""
COMPACT_YEARS = (1900, 2100)
"""Years of plausible dates without separators, which other numbers of eight digits hardly ever hit."""

# Each named group has one letter: see `layout`. The expressions match shapes, in which every digit is 0.
_ZONE = (
    r"(?:\s?(?:(?:UTC|GMT)?(?P<g>[+\-\u2212])(?P<a>0{1,2})(?::?(?P<b>00))?|(?P<z>"
    + "|".join(sorted(HOURS_EAST, key=len, reverse=True))
    + r")))?(?:\s?[(\[][^()\[\]]{1,60}[)\]])?"
)


def _clock(point: str) -> str:
    """The expression of a time of day. point: what may stand for a colon."""
    return (
        rf"(?P<H>0{{1,2}})(?:[:h{point}](?P<M>00)"
        rf"(?:[:{point}](?P<S>00)(?:[.,:](?P<f>0{{1,9}})0*)?)?"
        r"|(?=\s?[AaPp]\.?\s?[Mm]))(?:\s?(?P<p>[AaPp])\.?\s?[Mm]\.?)?(?:\s?(?:Uhr|hrs|h))?"
    )


_GERMAN_CLOCK = r"(?P<H>0{1,2})\.(?P<M>00)\s?Uhr"
_AFTER_A_DATE = r"(?:(?:T|,?\s{1,2}|:|\s?-\s?)(?:(?:at|um|à)\s)?" + _clock(".") + _ZONE + ")?"
_WEEKDAY = r"(?:(?P<w>[^\W\d_]{2,10})\.?,?\s{1,2})?"
_NAME = r"(?!out of|Week|Woche)(?P<n>[^\W\d_]{3,12})\.?"
_GAP = r"[-/\s.,]{0,2}"
_TH = r"(?:st|nd|rd|th|er|\.|º|°)?"
_OF = r"(?:(?:de|del|of)\s)?"
_DAY, _MONTH_NUMBER, _LONG_YEAR = r"(?P<d>0{1,2})", r"(?P<m>0{1,2})", r"(?P<y>0000)"
_SEPARATOR = r"(?P<s>\.\s?|[-/ ])"
# 1.2.20 is more often a version or a chapter than a day, so a month before a two-digit year has two digits.
_LAST_YEAR = r"(?P=s)(?P<y>0000|(?<=/)00|(?<=00[-.])00)"
_ORDERS = {
    DAY_FIRST: _DAY + _SEPARATOR + _MONTH_NUMBER + _LAST_YEAR,
    MONTH_FIRST: _MONTH_NUMBER + _SEPARATOR + _DAY + _LAST_YEAR,
    YEAR_FIRST: r"(?P<y>00)(?P<s>[-/.])(?P<m>0{1,2})(?P=s)(?P<d>0{1,2})",
}
_CLEAR = (
    r"(?P<q>0)(?:\.?\sQuartal|(?:st|nd|rd|th)\s[Qq]uarter)\s" + _LONG_YEAR,
    _WEEKDAY + _LONG_YEAR + r"(?P<s>[-/. _年\u2013]|\.\s|년\s?)" + _MONTH_NUMBER
    + r"(?:(?P=s)|月|월\s?)" + _DAY + "[日일.]?" + _AFTER_A_DATE,
    _WEEKDAY + _DAY + _TH + _GAP + _OF + _NAME + _GAP + _OF + "'?(?P<y>0000|00)" + _AFTER_A_DATE,
    _WEEKDAY + _NAME + _GAP + _DAY + _TH + r"[-/,\s.]{1,2}(?P<y>0000|(?<=[-/])00|(?<=, )00)"
    + _AFTER_A_DATE,
    _WEEKDAY + _NAME + r"\s{1,2}" + _DAY + r"\s{1,2}" + _clock("") + _ZONE + r"\s" + _LONG_YEAR,
    _WEEKDAY + _NAME + r"\s{1,2}" + _DAY + r"\s{1,2}" + _clock("") + r"\s" + _LONG_YEAR
    + r"\s(?P<g>[+\-])(?P<a>00):?(?P<b>00)",
    _LONG_YEAR + _GAP + _NAME + _GAP + _DAY + _AFTER_A_DATE,
    _NAME + _GAP + _OF + _LONG_YEAR,
    _NAME + r"[-'\u2019](?P<y>00)",
    _LONG_YEAR + _GAP + _NAME,
    _MONTH_NUMBER + "[-/.]" + _LONG_YEAR,
    _LONG_YEAR + r"[-/M](?P<m>00)",
    _LONG_YEAR + r"[-/\s]?[QqT](?P<q>0)",
    r"[QqT](?P<q>0)[-/\s]?" + _LONG_YEAR,
    r"[Qq](?P<q>0)(?:\s?[-/'\u2019]|\s)(?P<y>00)",
    r"(?P<q>0)[Qq][-/\s]?(?P<y>0000|00)",
    _LONG_YEAR + r"[-\s]?(?:W|[KC]W\s?)(?P<k>00)(?:-?(?P<v>0))?",
    r"(?:W(?:eek|oche)?|[KC]W)\s?(?P<k>0{1,2})[-/\s.,]{1,2}" + _LONG_YEAR,
    _LONG_YEAR + "年" + _MONTH_NUMBER + "月" + _DAY + r"日\s?(?P<H>0{1,2})[時时](?P<M>00)分(?:(?P<S>00)秒)?",
)  # fmt: skip
"""Formats in which no order has to be decided. A month, quarter or ISO week alone is its first day."""
_PACKED = (
    _LONG_YEAR + r"(?P<m>00)(?P<d>00)"
    r"(?:[T ]?(?P<H>00)(?P<M>00)(?P<S>00)?)?Z?(?:\.(?P<r>0+))?"
)
_PACKED_MONTH = _LONG_YEAR + r"(?P<m>00)(?:\.(?P<r>0+))?"


@functools.cache
def _expressions(pattern: str) -> tuple[re.Pattern[str], ...]:
    """The expressions of a pattern, or for "" those of every order: no shape matches two of them.

    They are compiled only when they are needed.
    """
    if pattern in _ORDERS:
        found: tuple[str, ...] = (_WEEKDAY + _ORDERS[pattern] + _AFTER_A_DATE,)
    else:
        packed: dict[str, tuple[str, ...]] = {COMPACT: (_PACKED,), COMPACT_MONTHS: (_PACKED_MONTH,)}
        found = ({"": _CLEAR, TIME: (_clock("") + _ZONE, _GERMAN_CLOCK)} | packed)[pattern]
    return tuple(map(re.compile, found))


# --- Layouts -----------------------------------------------------------------------------------------

PARTS = (
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "second",
    "nanosecond",
    "half",
    "east",
    "rest",
    "week",
    "weekday",
    "short",
    "order",
)
"""What a layout says of a date.

half: the hours before the half of the day, -1 for a time of 24 hours. east: the offset from UTC in seconds.
rest: digits that must be 0. week: of ISO 8601, -1 for none. weekday: in it, 1 for Monday. short: 1 if the
year has two digits. order: 1 if the pattern has decided which number is the day and which the month.
"""
_PLACE = {part: place for place, part in enumerate(PARTS)}
_DIGITS = {
    "y": "year",
    "m": "month",
    "d": "day",
    "H": "hour",
    "M": "minute",
    "S": "second",
    "r": "rest",
    "k": "week",
    "v": "weekday",
}
_SHAPE = str.maketrans("123456789", "0" * 9)
CACHED = 10_000
"""Shapes whose layouts are remembered."""


def shape(text: str) -> str:
    """A text with 0 in the place of each digit. Texts of one shape are read alike."""
    return text.translate(_SHAPE)


@dataclass(frozen=True)
class Layout:
    """Where the texts of one shape have their digits.

    start: of each of PARTS, its value before the digits count. digits: which part some digits add to, where
    they begin and end, and how much they count.
    """

    start: tuple[int, ...]
    digits: tuple[tuple[int, int, int, int], ...]


@functools.lru_cache(CACHED)
def layout(pattern: str, shape: str) -> Layout | None:
    """The layout of the texts of a shape in a pattern; None if they are no dates."""
    match = next(filter(None, (expression.fullmatch(shape) for expression in _expressions(pattern))), None)
    if match is None:
        return layout("", shape) if pattern in _ORDERS else None
    groups = {letter: text for letter, text in match.groupdict().items() if text is not None}
    start = dict.fromkeys(PARTS, 0) | {
        "year": 1970,
        "month": 1,
        "day": 1,
        "half": HALVES.get(groups.get("p", ""), -1),
        "week": -1,
        "weekday": 1,
    }
    digits = []

    def count(letter: str, part: str, factor: int = 1, begin: int = 0) -> None:
        if letter in groups:
            start[part] = begin
            digits.append((_PLACE[part], *match.span(letter), factor))

    for letter, part in _DIGITS.items():
        count(letter, part)
    count("q", "month", 3, -2)
    count("f", "nanosecond", 10 ** (9 - len(groups.get("f", ""))))
    sign = 1 if groups.get("g") == "+" else -1
    count("a", "east", 3600 * sign)
    count("b", "east", 60 * sign)
    if "z" in groups:
        start["east"] = 3600 * HOURS_EAST[groups["z"]]
    if "n" in groups:
        names = MONTH_IN_DATE if "d" in groups and "y" in groups else MONTH
        start["month"] = names.get(plain(groups["n"]), 0)
    if "w" in groups and plain(groups["w"]) not in WEEKDAY:
        return None
    start["short"] = int(len(groups.get("y", "")) == 2)
    start["order"] = int(pattern in OTHER_ORDER)
    return Layout(tuple(start.values()), tuple(digits))
