"""The rows of a CSV text: its separator, its records with their lines, and the names in its header.

It uses the standard library only, as dialect.py does, for which it works.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

LONGEST_CELL = 64 << 20
"""Characters of a cell; csv itself allows no more than 131,072."""
SEPARATORS = ",;\t|"
SEPARATOR_CHARACTERS = 1 << 18
"""Characters from which the separator is detected."""
DETECTION_ROWS = 1000
"""Rows from which the separator and the decimal mark are detected."""
COMPARED_ROWS = 50
"""Rows whose widths a separator is judged by."""


class UnreadableError(ValueError):
    """The bytes are not a CSV that a model can be trained on. The message says why, and what to do."""


def csv_rows(lines: Iterable[str], separator: str = ",", *, strict: bool = False) -> CsvReader:
    """csv.reader for cells of up to LONGEST_CELL characters.

    csv's own limit holds for the whole process and anything may have set it, so it is set before each use.
    """
    csv.field_size_limit(LONGEST_CELL)
    return csv.reader(lines, delimiter=separator, strict=strict)


def separator_of(text: str) -> str:
    """The separator that splits most of the first rows into equally many cells, at least two.

    If several do, the one that gives the most cells; if none does, a comma.
    """
    lines = io.StringIO(text[:SEPARATOR_CHARACTERS], newline="").readlines()[:DETECTION_ROWS]
    best, most = ",", (0.0, 0)
    for separator in SEPARATORS:
        try:
            widths = [len(row) for row in csv_rows(lines, separator) if row]
        except csv.Error:
            continue
        if not widths or widths[0] < 2:
            continue
        # Rounded, because the last row may have been cut.
        compared = widths[:COMPARED_ROWS]
        alike = sum(width == widths[0] for width in compared) / len(compared)
        if (round(alike, 1), widths[0]) > most:
            best, most = separator, (round(alike, 1), widths[0])
    return best


def rows_of(text: str, separator: str, *, whole: bool) -> list[tuple[int, list[str]]]:
    """The complete rows of a text, header first, each with the line where it begins.

    Empty lines are skipped. whole: whether the text is all of the file. Raises UnreadableError.
    """
    cut = text if whole else text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
    lines = io.StringIO(cut, newline="")
    reader = csv_rows(lines, separator, strict=True)
    rows: list[tuple[int, list[str]]] = []
    width = line = 0
    try:
        for row in reader:
            begins, line = line + 1, reader.line_num
            if not row or (len(row) == 1 and not row[0].strip() and width != 1):
                continue
            width = width or len(row)
            if len(row) > width:
                raise UnreadableError(
                    f"row {begins} has {len(row)} cells where the header has {width} columns;"
                    " correct the row or remove it."
                )
            if len(row) < width and rows:
                raise UnreadableError(
                    f"row {begins} has {len(row)} cells where the header has {width} columns;"
                    " complete the row or remove it."
                )
            rows.append((begins, row))
    except csv.Error as error:
        # Quoted cells may hold line ends, so the last line end need not be the end of a row.
        if whole or lines.read(1):
            raise UnreadableError(
                f"row {reader.line_num} is not valid CSV ({error}); check its quotes."
            ) from None
    return rows


def unique_names(header: list[str]) -> tuple[list[str], dict[str, str]]:
    """The names of a header made unique, and the old name of each one that was changed.

    As pandas.read_csv does it (`_maybe_dedup_names` of its C parser).
    """
    named = [name or f"Unnamed: {place}" for place, name in enumerate(header)]
    taken: set[str] = set(named)
    counts: Counter[str] = Counter()
    names: list[str] = []
    for name in named:
        new = name
        if counts[name]:
            number = counts[name]
            new = f"{name}.{number}"
            while new in taken:
                number += 1
                new = f"{name}.{number}"
            counts[name] = number
            taken.add(new)
        counts[name] += 1
        names.append(new)
    return names, {new: old for new, old in zip(names, header, strict=True) if new != old}
