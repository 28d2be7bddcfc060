"""Whether the header of a table suits its rows: as many names as cells, and names that are no data."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from itertools import islice, pairwise

FLAT = "." not in __name__
"""See dialect.py."""
if FLAT:
    import dialect_cells as cells
    import dialect_end as end
    import dialect_rows as rows
    import dialect_top as top
else:
    from trainer import dialect_cells as cells
    from trainer import dialect_end as end
    from trainer import dialect_rows as rows
    from trainer import dialect_top as top

_FOREIGN_ENDS = {"\u2028": "U+2028", "\u2029": "U+2029", "\x85": "U+0085", "\x1e": "U+001E"} | {
    "\f": "form feeds",
    "\v": "vertical tabs",
    "\\n": "\\n",
}
"""What some programs write between rows that ends no line, and how a message calls it."""
FEWEST_ROWS = 3
"""Rows below a first one that are needed to tell that it is data as well."""
FEWEST_GAPS = 5
"""Empty cells of a column whose cells may have been merged."""
LOOKED_AT_ROWS = 10_000
"""Rows that are searched for what may be no data, as it then is in the others as well."""
LONGEST_NUMBER = 18
"""Digits of a number that counts the rows."""
SHOWN = 3
"""Cells that a note or a refusal shows."""


def as_wide(header: rows.Record, data: list[rows.Record], separator: str) -> rows.Record:
    """The header with as many names as the rows have cells.

    It differs by cells without a name and without values only. Raises UnreadableError, which names the first
    row that has another number of cells.
    """
    names, widths = header.cells, {len(each.cells) for each in data}
    if len(widths) == 1:
        (width,) = widths
        if not any(cell.strip() for cell in names[width:]):
            names = names[:width]
        if not any(cell.strip() for each in data for cell in each.cells[len(names) :]):
            names = names + [""] * (width - len(names))
    wrong = next((each for each in data if len(each.cells) != len(names)), None)
    if wrong is None:
        return header._replace(cells=names)
    change = "complete" if len(wrong.cells) < len(names) else "correct"
    raise rows.UnreadableError(
        f"row {wrong.line} has {len(wrong.cells)} cells where the header has {len(names)} columns"
        f"{_why(header, data, wrong, separator)} {change} the row or remove it."
    )


def _why(header: rows.Record, data: list[rows.Record], wrong: rows.Record, separator: str) -> str:
    """What may have led to a row with another number of cells than the header has."""
    more, below = len(wrong.cells) - len(header.cells), data[data.index(wrong) :]
    widths = {len(each.cells) for each in data}
    if more < 0 or len(below) < FEWEST_ROWS:
        return ";"
    numbered = all(int(b.cells[0]) == int(a.cells[0]) + 1 for a, b in pairwise(data) if _are_whole(a, b))
    if separator == "," and not numbered and all(map(_has_decimal_comma, (each.cells for each in data))):
        return "; if its numbers have decimal commas, separate the columns by semicolons, or"
    if widths == {len(header.cells) + 1}:
        return ", as every row has: add the name that is missing in the header, or"
    if len({len(each.cells) for each in below}) == 1:
        return "; if the table begins there, remove the lines above its header, or"
    if not any(cell.strip() for cell in wrong.cells[len(header.cells) :]):
        return ", though the last are empty: remove the separators behind its last value, or"
    return ";"


def _are_whole(*records: rows.Record) -> bool:
    firsts = [record.cells[0] for record in records]
    return all(len(cell) <= LONGEST_NUMBER and cell.isdecimal() for cell in firsts)


def _has_decimal_comma(cells: list[str]) -> bool:
    """Whether two cells side by side may be the halves of a number with a decimal comma."""
    return any(
        re.fullmatch(r"-?[0-9]+", a.strip()) and re.fullmatch(r"[0-9]+", b) for a, b in pairwise(cells)
    )


def check(
    header: rows.Record, data: list[rows.Record], skipped: Sequence[tuple[int, str]], separator: str
) -> None:
    """Raises UnreadableError if the header holds no names, or looks like one more row of data.

    skipped: the lines above it, with their numbers.
    """
    if not any(cell.strip() for cell in header.cells):
        raise rows.UnreadableError(f"row {header.line} holds no names of columns; add them.")
    if len(data) < FEWEST_ROWS or len(header.cells) < 2:
        return
    every = [record.cells for record in data]
    if top.evidence(header.cells, cells.looks_of(every, len(header.cells))) == top.DATA:
        for line, text in skipped:
            for other in top.SEPARATORS.replace(separator, ""):
                if len(text.split(other)) == len(header.cells):
                    raise rows.UnreadableError(
                        f"row {line} has {rows.quoted(other)} between its cells, and the rows below it have"
                        f" {rows.quoted(separator)}; separate all of them in the same way."
                    )
        shown = ", ".join(rows.quoted(cell, 20) for cell in header.cells[:SHOWN])
        more = ", …" if len(header.cells) > SHOWN else ""
        raise rows.UnreadableError(
            f"row {header.line} looks like data, not like the names of the columns ({shown}{more}); add a"
            " header row with their names above it."
        )


def is_again(names: list[str], row: list[str]) -> bool:
    """Whether a row below a header is the header again, as where exports were joined.

    names: as they are written. Rows of numbers may be data.
    """
    return row[:1] == names[:1] and row == names and any(cells.look_of(name) == cells.TEXT for name in names)


def notes_on_repeats(count: int, first: int) -> list[str]:
    """A note on rows that are the header again: how many, and the line of the first of them."""
    if count > 1:
        return [f"the header stands again in {count} rows, first in row {first}; they were left out"]
    return [f"row {first} is the header again and was left out"] * count


def writings(names: list[str], separator: str, written: str) -> list[bytes]:
    """How the header may be written again below, in UTF-8; [] if such a row may be data.

    written: as it stands in the file.
    """
    if not is_again(names, names):
        return []
    found = [written.encode("utf-8", "surrogatepass")] if written else []
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC):
        out = io.StringIO(newline="")
        csv.writer(out, delimiter=separator, quoting=quoting, lineterminator="").writerow(names)
        found.append(out.getvalue().encode())
    return list(dict.fromkeys(found))


def notes_on_rows(data: Sequence[rows.Record], looks: Sequence[cells.Look], separator: str) -> list[str]:
    """Notes on rows that are kept, and may be no data: totals within the table, and rows within a cell."""
    notes = []
    data = data[:LOOKED_AT_ROWS]
    totals = [each for each in data if 2 * each.cells.count("") >= len(each.cells)]
    totals = [each for each in totals if end.is_total_within(each.cells, looks)]
    totals = sorted({each.line: each for each in totals + _subtotals(data, looks)}.values())
    if totals:
        line, shown = totals[0].line, rows.quoted(separator.join(totals[0].cells))
        some = f"row {line} looks like a total"
        if len(totals) > 1:
            some = f"{len(totals)} rows look like totals, the first is row {line}"
        notes.append(f"{some}: {shown}; only totals at the end of the file are left out")
    notes += _notes_on_merged(data)
    for each in data:
        if each.below - each.line > FEWEST_ROWS and _holds_rows(each.cells, separator):
            notes.append(
                f"row {each.line} has a cell of {each.below - each.line} lines that look like rows of the"
                " table; if a quote is missing or too many there, correct it"
            )
            break
    return notes


def _subtotals(data: Sequence[rows.Record], looks: Sequence[cells.Look]) -> list[rows.Record]:
    """The rows that are totals of groups. Of most rows, no text names the group of the row above."""
    found = set()
    for place, look in enumerate(looks[: end.FIRST_COLUMNS]):
        if look.kind == cells.TEXT:
            column = [each.cells[place] for each in data]
            found |= {row for row, (a, b) in enumerate(pairwise(column), 1) if a != b and a and a in b}
    return [
        data[row] for row in sorted(found) if end.is_subtotal(data[row].cells, data[row - 1].cells, looks)
    ]


def _notes_on_merged(data: Sequence[rows.Record]) -> list[str]:
    """Notes on first columns whose cells were merged: only the first row of each group has a value.

    Other columns with as many gaps hardly begin with a value, and repeat some from one to the next.
    """
    notes = []
    for place, column in enumerate(zip(*(each.cells for each in data), strict=True)):
        known = [cell.strip() for cell in column if cell.strip()]
        gaps = len(column) - len(known)
        merged = column[0].strip() and gaps >= max(len(known), FEWEST_GAPS) and len(known) > 1
        if not merged or any(a == b for a, b in pairwise(known)):
            break
        notes.append(
            f"column {place + 1} has a value in {len(known)} of {len(column)} rows, each another one than the"
            f" one before, as where cells are merged ({rows.quoted(known[0], 20)}, then"
            f" {rows.quoted(known[1], 20)}); if a value holds for the empty cells below it, repeat it there"
        )
    return notes if len(notes) < len(data[0].cells) else []


def _holds_rows(row: Sequence[str], separator: str) -> bool:
    lines = [line for cell in row for line in cell.splitlines()[1:-1]]
    return any(len(next(rows.csv_rows([line], separator), [])) == len(row) for line in lines)


def names_in_doubt(header: rows.Record) -> list[str]:
    if not all(cells.look_of(cell) in (cells.NUMBER, cells.DATE) for cell in header.cells):
        return []
    shown = ", ".join(rows.quoted(cell, 20) for cell in header.cells[:SHOWN])
    return [
        f"all names of columns are numbers ({shown}); if row {header.line} is data, add a header above it"
    ]


def without_rows(header: rows.Record) -> rows.UnreadableError:
    """Why a header that no row follows cannot be read."""
    text = "".join(header.cells)
    for mark, name in _FOREIGN_ENDS.items():
        if text.count(mark) >= FEWEST_ROWS:
            return rows.UnreadableError(
                f"the file is a single line with {name} where its rows seem to end; end them with line feeds."
            )
    return rows.UnreadableError("there is a header but no data row; add the data.")


def other_separator(text: str) -> str:
    """Why a text cannot be read whose rows, but not the header, another sign splits into as many cells each.

    "" if no sign does. Blanks may be that sign in the header as well, where cells are quoted.
    """
    lines = [line for line in islice(rows.physical_lines(text), rows.COMPARED_ROWS) if line.strip()]
    for mark in f"{top.SEPARATORS} ":
        try:
            first, *others = rows.csv_rows(lines, mark, strict=True)
        except (csv.Error, ValueError):
            continue
        widths = {len(row) for row in others}
        if len(widths) != 1 or widths == {1} or (mark == " " and len(others) < FEWEST_ROWS):
            continue
        if mark == " ":
            return (
                "blanks separate its cells; export the data with commas, semicolons, tabs or pipes between"
                " them."
            )
        if len(first) not in widths:
            names = "1 name" if len(first) == 1 else f"{len(first)} names"
            return (
                f"its rows have {widths.pop()} cells, with {rows.quoted(mark)} between them, where the header"
                f" has {names}; add the names that are missing."
            )
    return ""


def single_column(name: str, text: str, longest: int) -> rows.UnreadableError:
    """Why a table of one column cannot be read. name: the column's; text: that of the file."""
    lines = [line for line in islice(rows.physical_lines(text), rows.COMPARED_ROWS) if line.strip()]
    why = "a label and at least one feature are needed, separated by commas, semicolons, tabs or pipes."
    marks = (
        [] if cells.look_of(name) == cells.NUMBER else re.findall(r"\s{2,}|[^\w\s\"'.-]+|\s", name[:longest])
    )
    for found in dict.fromkeys([*marks, *" " * (" " in name.strip())]):
        counts = {line.strip().count(found) for line in lines[1:-1]}
        if len(lines) > FEWEST_ROWS and (
            counts == {name.count(found)} or (found.isspace() and 0 not in counts)
        ):
            mark = "blanks" if found.isspace() else rows.quoted(found)
            why += f" If {mark} separate the columns, export the data with commas."
            break
    return rows.UnreadableError(f"the header has only the column {name[:longest]!r}; {why}")
