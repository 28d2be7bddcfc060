"""What the cells of a column look like to someone who knows no dialect: numbers, dates or times, or texts.

It tells rows of data from what stands above and below them, so it has to be right for most cells of a column,
not for each: column_kinds decides what a column is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

NUMBER, DATE, TEXT = "number", "date", "text"
MOSTLY = 0.9
"""Share of a column's known cells that look alike, for the column to look so."""
FEWEST_CELLS = 5
"""Cells of a column from which it can be called complete."""
LOOKED_AT_ROWS = 200
LOOKED_AT_CELLS = 100_000
"""Rows and cells from which the looks of columns are told."""

GAPS = frozenset(
    {"", "-", "--", ".", "..", ":", "?", "*", "\\n", "(null)", "n.a.", "n/a", "#n/a", "na", "nan", "nil"}
)
GAPS |= {"none", "null", "<na>", "unknown", "missing", "inf", "-inf"}
"""Cells, in lower case, that say nothing about how their column looks."""

_NUMBER = re.compile(
    r"\(?\s*(?:[A-Z]{3}\s?|[$€£¥])?[+\-\u2212]?\s*[$€£¥]?\s*"  # an accountant's bracket, a sign, a currency
    r"(?:[0-9][0-9.,'\u2019\xa0\u202f ]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
    r"\s*(?:%|[$€£¥]|[A-Za-zµ°²³/]{1,5})?\s*\)?"  # a percent sign, a currency or a unit
)
_MONTH = r"(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-zä]*\.?"
_DATE = re.compile(
    r"[0-9]{1,4}([-/.])[0-9]{1,2}\1[0-9]{1,4}(?:[T ].*)?"
    r"|[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?\s*(?:[ap]\.?m\.?)?"
    rf"|(?:[a-z]{{2,9}}\.?,?\s+)?[0-9]{{1,2}}[- .]+{_MONTH}[- ,.]+[0-9]{{2,4}}(?:[ ,].*)?"
    rf"|(?:[a-z]{{2,9}}\.?,?\s+)?{_MONTH}\s*[0-9]{{1,2}},?\s+[0-9]{{2,4}}(?:[ ,].*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Look:
    """How a column looks.

    kind: "" if none of its cells is known; texts: how often each known cell occurs; gaps: how many cells are
    not known.
    """

    kind: str
    texts: Counter[str]
    gaps: int = 0

    @property
    def is_value(self) -> bool:
        """Whether it looks like numbers or dates."""
        return self.kind in (NUMBER, DATE)

    @property
    def is_complete(self) -> bool:
        """Whether each of its cells is known, and there are enough of them to say so."""
        return self.texts.total() >= FEWEST_CELLS and not self.gaps


def is_gap(cell: str) -> bool:
    """Whether a cell says nothing about its column."""
    return cell.strip().lower() in GAPS


def look_of(cell: str) -> str:
    """What a cell looks like; "" for a gap."""
    text = cell.strip()
    if text.lower() in GAPS:
        return ""
    if len(text) > 64:
        return TEXT
    if _DATE.fullmatch(text):
        return DATE
    return NUMBER if _NUMBER.fullmatch(text) else TEXT


def looks_of(rows: Sequence[Sequence[str]], width: int) -> list[Look]:
    """The look of each column, by the first rows that have `width` cells."""
    most = max(5, min(LOOKED_AT_ROWS, LOOKED_AT_CELLS // max(1, width)))
    of_width = [row for row in rows[: 2 * most] if len(row) == width][:most]
    if not of_width:
        return [Look("", Counter())] * width
    return [_look([cell.strip() for cell in column]) for column in zip(*of_width, strict=True)]


def _look(cells: list[str]) -> Look:
    texts = Counter(cell for cell in cells if cell.lower() not in GAPS)
    kinds: Counter[str] = Counter()
    for text, count in texts.items():
        kinds[look_of(text)] += count
    gaps = len(cells) - texts.total()
    if not kinds:
        return Look("", texts, gaps)
    kind, count = kinds.most_common(1)[0]
    return Look(kind if count >= MOSTLY * kinds.total() else TEXT, texts, gaps)
