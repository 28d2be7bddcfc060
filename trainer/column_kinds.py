"""The kind of a column (number, boolean, date, category), detected from its first cells."""

from __future__ import annotations

from dataclasses import dataclass

import date_columns
import dialect
import touchdown_model as model

MOSTLY = 0.95
"""Share of a column's known cells that must be numbers, or dates, for the column to have that kind."""


@dataclass(frozen=True)
class Form:
    """How a column is read. kind: one of touchdown_model's kinds. pattern: of dates, one of date_formats'."""

    kind: str
    pattern: str = ""


def form_of(cells: list[str], decimal: str, name: str = "") -> Form:
    """Detect the form of a column from its first cells and its name. decimal: the file's decimal mark."""
    known = [cell for cell in cells if not dialect.is_missing(cell)]
    if not known:
        return Form(model.NUMBER)
    if sum(dialect.number_of(cell, decimal) is not None for cell in known) >= MOSTLY * len(known):
        pattern = date_columns.pattern_of_numbers(known, name)
        return Form(model.DATE, pattern) if pattern else Form(model.NUMBER)
    words = {cell.strip().lower() for cell in known}
    if words <= model.TRUE | model.FALSE:
        return Form(model.BOOLEAN)
    pattern = date_columns.pattern_of(known)
    return Form(model.DATE, pattern) if pattern else Form(model.CATEGORY)
