"""The kind of a column (number, boolean, date, category), detected from its first cells."""

from __future__ import annotations

import re
from dataclasses import dataclass

import dialect
import numpy as np
import touchdown_model as model

MOSTLY = 0.95
"""Share of a column's known cells that must be numbers, or dates, for the column to have that kind."""
DATE_CELLS = 200
"""Cells whose shape decides whether a column's date patterns are tried at all."""
PATTERN_CELLS = 2000
"""Different cells that each date pattern is tried on."""

DATE_PATTERNS = (
    "ISO8601",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    *(
        f"{date}{time}"
        for date in ("%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y")
        for time in ("", " %H:%M", " %H:%M:%S")
    ),
)
"""Date formats, in the order in which they are tried. 03/04/2026 alone is read as the 4th of March."""
_LIKE_A_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ].*)?", re.ASCII)


@dataclass(frozen=True)
class Form:
    """How a column is read. kind: one of touchdown_model's kinds. pattern: of a date column, its format."""

    kind: str
    pattern: str = ""


def form_of(cells: list[str], decimal: str) -> Form:
    """Detect the form of a column from its first cells. decimal: the file's decimal mark."""
    known = [cell for cell in cells if not dialect.is_missing(cell)]
    if not known:
        return Form(model.NUMBER)
    if sum(dialect.number_of(cell, decimal) is not None for cell in known) >= MOSTLY * len(known):
        return Form(model.NUMBER)
    words = {cell.strip().lower() for cell in known}
    if words <= model.TRUE | model.FALSE:
        return Form(model.BOOLEAN)
    pattern = _date_pattern(known)
    return Form(model.DATE, pattern) if pattern else Form(model.CATEGORY)


def _date_pattern(known: list[str]) -> str:
    """The first date format that fits most of the cells, or "" if none does."""
    first = known[:DATE_CELLS]
    if sum(_LIKE_A_DATE.fullmatch(cell.strip()) is not None for cell in first) < MOSTLY * len(first):
        return ""
    different = list(dict.fromkeys(known))[:PATTERN_CELLS]
    for pattern in DATE_PATTERNS:
        if np.isfinite(model.days(different, pattern)).mean() >= MOSTLY:
            return pattern
    return ""
