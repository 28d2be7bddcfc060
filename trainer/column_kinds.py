"""The kind of a column (number, boolean, date, category), detected from its first cells."""

from __future__ import annotations

from dataclasses import dataclass

import date_columns
import dialect
import dialect_notations
import touchdown_model as model
from dialect_numbers import PLAIN, Notation

MOSTLY = dialect_notations.MOSTLY
"""Share of a column's known cells that must be of a kind for the column to have that kind."""


@dataclass(frozen=True)
class Form:
    """How a column is read.

    kind: one of touchdown_model's kinds. pattern: of dates, one of date_formats'. notation: of numbers, how
    they are written. why: a note on numbers that are taken as texts, or in doubt.
    """

    kind: str
    pattern: str = ""
    notation: Notation = PLAIN
    why: str = ""


def form_of(cells: list[str], decimal: str, name: str = "") -> Form:
    """Detect the form of a column from its first cells and its name. decimal: the file's decimal mark."""
    missing = {cell for cell in set(cells) if dialect.is_missing(cell)}
    known = [cell for cell in cells if cell not in missing] if missing else cells
    found = dialect_notations.find(known, decimal)
    if found.numeric or found.why:
        # "9 AM" and "2020 Mar" look like numbers with a unit, 5:12 like a duration.
        numbers = known and not found.notation.unit and not found.notation.duration
        pattern = date_columns.pattern_of_numbers(known, name) if numbers else date_columns.pattern_of(known)
        if pattern:
            return Form(model.DATE, pattern)
    if found.numeric:
        return Form(model.NUMBER, notation=found.notation, why=found.why)
    words = {cell.strip().lower() for cell in set(known)}
    if words <= model.TRUE | model.FALSE:
        return Form(model.BOOLEAN)
    pattern = date_columns.pattern_of(known)
    return Form(model.DATE, pattern) if pattern else Form(model.CATEGORY, why=found.why or found.unread)
