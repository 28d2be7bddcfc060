"""What stands below the last row of data: totals, numbers of rows, remarks, the end-of-file mark of DOS."""

from __future__ import annotations

import re
from collections.abc import Sequence

FLAT = "." not in __name__
"""See dialect.py."""
if FLAT:
    import dialect_cells as cells
    from dialect_rows import quoted
else:
    from trainer import dialect_cells as cells
    from trainer.dialect_rows import quoted

MOST_ROWS = 5
"""Rows at the end of a file that may be no data."""
WHITE = " \t\r\n\0"
END_OF_FILE = "\x1a"
"""Ctrl-Z, with which DOS ended a text."""

_TOTAL = (
    r"(?:grand\s+|sub[- ]?|over-?all\s+)?(?:totals?|totale|totaal|total\s+général|sum(?:me|ma|s)?|suma"
    r"|somme|somma|(?:gesamt|zwischen|end)summe|gesamt|insgesamt|average|avg\.?|mean|median|mittelwert|durchschnitt|moyenne"
    r"|count|anzahl|razem|celkem|yhteensä|итого|всего|合計|总计|總計|합계|[Σ∑])"
)
_IS_TOTAL = re.compile(rf"{_TOTAL}\s*[:=]?(?:\s*\(.*\))?", re.IGNORECASE)
_BEGINS_TOTAL = re.compile(rf"{_TOTAL}\b.*", re.IGNORECASE | re.DOTALL)
_ROWS = re.compile(
    r"\W*[0-9][0-9.,' ]*\s*(?:rows?|records?|lines?|entries|observations|results?|items|cases|zeilen?"
    r"|datensätze?|einträge|lignes?|filas?|righe|строк\w*|行|件)\b.*",
    re.IGNORECASE | re.DOTALL,
)
_REMARK = re.compile(
    r"\s*(?:#|//|%|--|\*\*|==|[^\W\d_][\w .-]{1,30}:(?:\s|$)|end of |eof\b|ende\b)", re.IGNORECASE
)


def rows_at_end(rows: Sequence[Sequence[str]], looks: Sequence[cells.Look], before: int | None = None) -> int:
    """How many of the last rows of a file are no data.

    looks: of its columns. before: how many lines stand between the header and the first of `rows`.
    A row without any value is no data if the row below it is none either.
    """
    found = 0
    for number, row in enumerate(reversed(rows), 1):
        if number > MOST_ROWS:
            break
        rows_above = None if before is None else before + len(rows) - number
        empty = not any(cell.strip() for cell in row)
        if not empty and not is_no_data(row, looks, rows_above):
            break
        if not empty or found == number - 1 > 0:
            found = number
    return found


def is_no_data(row: Sequence[str], looks: Sequence[cells.Look], rows_above: int | None = None) -> bool:
    """Whether a row at the end of a file is no row of its table.

    It is none if it names a total; or if it has another number of cells than the table has columns, and is a
    remark, a number of rows, or begins with a text where the column holds numbers or dates.
    """
    filled = [(place, cell.strip()) for place, cell in enumerate(row) if cell.strip()]
    place, first = filled[0]
    if any(_is_total(each, text, looks) and _may_be_total(row, each) for each, text in filled):
        return True
    if len(row) == len(looks):
        return False
    if END_OF_FILE in first or _REMARK.match(first) or _ROWS.fullmatch(first):
        return True
    if len(filled) == 1 and first.isdecimal() and rows_above and int(first) == rows_above:
        return True
    if len(row) > len(looks) or cells.look_of(first) != cells.TEXT:
        return False
    return looks[place].is_value or (len(filled) == 1 and len(looks) > 2)


def _is_total(place: int, text: str, looks: Sequence[cells.Look]) -> bool:
    """Whether a cell names a total and is no value that its column has elsewhere."""
    if place >= len(looks):
        return _IS_TOTAL.fullmatch(text) is not None
    look = looks[place]
    if look.texts[text]:
        return False
    return (_BEGINS_TOTAL if look.is_value else _IS_TOTAL).fullmatch(text) is not None


def _may_be_total(row: Sequence[str], place: int) -> bool:
    """Whether a cell stands where the name of a total does: first in its row, or beside empty cells."""
    return not any(cell.strip() for cell in row[:place]) or not all(cell.strip() for cell in row)


def last_value(text: str, separator: str) -> int:
    """Where the last value of a text ends, which may be in the middle of its last row."""
    return len(text.rstrip(WHITE + END_OF_FILE + separator))


def trimmed(tail: str, separator: str) -> tuple[str, list[str]]:
    """What of a text behind its last value belongs to its last row, and notes on what does not.

    tail: lines that are blank, or hold nothing but separators or the end-of-file mark of DOS, which may stand
    at the end of the last row as well.
    """
    line_end = re.search(r"\r\n|\r|\n", tail)
    cut = line_end.end() if line_end else len(tail)
    notes = []
    if END_OF_FILE in tail:
        notes.append("the end-of-file mark (Ctrl-Z) at the end of the file was left out")
    empty = sum(separator in line for line in re.split(r"[\r\n]+", tail[cut:]))
    if empty:
        some = f"{empty} rows without any value were" if empty > 1 else "a row without any value was"
        notes.append(f"{some} left out at the end of the file")
    return tail[:cut].replace(END_OF_FILE, ""), notes


def left_out(rows: Sequence[tuple[int, Sequence[str]]], separator: str) -> list[str]:
    """Notes on rows at the end of a file that are no data, each with its line."""
    return [
        f"row {line}, at the end of the file, is no row of the table and was left out:"
        f" {quoted(separator.join(cells))}"
        for line, cells in rows
        if any(cell.strip() for cell in cells)
    ]
