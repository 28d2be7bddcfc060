"""The table in the text of a CSV: its separator, header and rows, and what of the text is no part of it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import islice

FLAT = "." not in __name__
"""See dialect.py."""
if FLAT:
    import dialect_cells as cells
    import dialect_end as end
    import dialect_quotes as quotes
    import dialect_rows as rows
    import dialect_top as top
else:
    from trainer import dialect_cells as cells
    from trainer import dialect_end as end
    from trainer import dialect_quotes as quotes
    from trainer import dialect_rows as rows
    from trainer import dialect_top as top

SEPARATORS = ",;\t|"
SEPARATOR_CHARACTERS = 1 << 18
"""Characters from which the separator is detected."""
FEWEST_ROWS = 3
"""Rows below a first one that are needed to tell that it is data as well."""
SHOWN = 3
"""Lines or cells that a note or a refusal shows."""


@dataclass(frozen=True)
class Table:
    """The table that a text begins with.

    header: the names as they are written; every row has as many cells. lines: the line of the file, from 1,
    where each row begins; begins: the line below the header, and below rows of units. looks: of the columns,
    by which the rows at the end of the file are judged. quoting: how quotes are written. notes: what was left
    out or read in an unusual way; notes_at_end: what was left out at the end, if the text is the whole file.
    bare: whether only blank lines, if any, stand above the header and between it and the rows.
    """

    separator: str
    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    begins: int
    looks: list[cells.Look]
    quoting: quotes.Quoting
    notes: list[str]
    notes_at_end: list[str]
    bare: bool


def table_of(text: str, *, whole: bool) -> Table:
    """The table that a text begins with. whole: whether it is all of the file. Raises UnreadableError."""
    found: Table | None = None
    problem: rows.UnreadableError | None = None
    try:
        found = _table(text, quotes.PLAIN, whole=whole)
    except rows.UnreadableError as error:
        problem = error
    if found is not None and not _has_blank_quoted(found):
        return found
    for quoting in quotes.unusual(text):
        if found is not None and quoting != quotes.Quoting(blanks=True):
            continue
        try:
            other = _table(text, quoting, whole=whole)
        except rows.UnreadableError:
            continue
        if found is None or not _has_blank_quoted(other):
            return other
    if found is None:
        assert problem is not None
        raise problem
    return found


def _has_blank_quoted(table: Table) -> bool:
    """Whether cells of a table were quoted behind a blank, so that their quotes were read as text."""
    if not any('"' in cell for row in islice(table.rows, rows.DETECTION_ROWS) for cell in row):
        return False
    return any(quotes.is_blank_quoted(cell) for row in [table.header, *table.rows] for cell in row)


def _table(text: str, quoting: quotes.Quoting, *, whole: bool) -> Table:
    if quoting.backslashes:
        text = quotes.unescaped(text)
    above = top.above(text)
    text = text[above.start :]
    separator = above.separator or separator_of(text, blanks=quoting.blanks)
    trimmed: list[str] = []
    if whole:
        last = end.last_value(text, separator)
        kept, trimmed = end.trimmed(text[last:], separator)
        text = text[:last] + kept
    records, problem = rows.records_of(
        text, separator, whole=whole, first=above.line, blanks=quoting.blanks, behind=quoting.behind
    )
    if problem is not None and len(records) < 2:
        raise problem
    if not records:
        raise _without_a_header(whole=whole)
    header, data, notes = _header(above, records, separator)
    looks, data, left_out = _without_end(header, data, separator, whole=whole)
    header = _as_wide(header, data)
    if problem is not None:
        raise problem
    below = top.rows_below([record.cells for record in data])
    begins = (data[below - 1] if below else header).below
    skipped, notes = bool(notes), notes + _notes_below(data[:below], separator)
    data = data[below:]
    _check_header(header, data)
    return Table(
        separator=separator,
        header=header.cells,
        rows=[record.cells for record in data],
        lines=[record.line for record in data],
        begins=begins,
        looks=looks,
        quoting=quoting,
        notes=[*notes, *quoting.notes, *_names_in_doubt(header)],
        notes_at_end=[*trimmed, *left_out],
        bare=not (skipped or below),
    )


def separator_of(text: str, *, blanks: bool = False) -> str:
    """The separator that splits most of the first rows into equally many cells, at least two.

    If several do, one that splits the header so as well, then the one with the fewest titles above it, then
    the one that gives the most cells; if none does, a comma.
    """
    lines = list(islice(rows.physical_lines(text[:SEPARATOR_CHARACTERS]), rows.DETECTION_ROWS))
    best, most = ",", (0.0, False, 0, 0)
    for separator in SEPARATORS:
        try:
            found = [row for row in rows.csv_rows(lines, separator, blanks=blanks) if row]
        except csv.Error:
            continue
        if not found:
            continue
        place = top.header_place(found)
        width = top.typical_width(found[place:])
        if width < 2 or len(found[place]) < 2:
            continue
        alike = _alike([len(row) for row in found[place : place + rows.COMPARED_ROWS]], width)
        score = (round(alike, 1), len(found[place]) == width, -place, width)
        if score > most:
            best, most = separator, score
    return best


def _alike(widths: list[int], width: int) -> float:
    """The share of rows that have a width. Of the last ones, those that lack it do not count."""
    last = len(widths) - next(n for n, each in enumerate(reversed(widths)) if each == width)
    compared = widths[: max(last, len(widths) - end.MOST_ROWS)]
    return sum(each == width for each in compared) / len(compared)


def _without_a_header(*, whole: bool) -> rows.UnreadableError:
    if whole:
        return rows.UnreadableError("the file holds nothing but comments; add a header row and data rows.")
    return rows.UnreadableError(
        f"the first line is longer than {rows.HEAD_BYTES >> 20} MiB, so it is not a header row."
    )


def _header(
    above: top.Above, records: list[rows.Record], separator: str
) -> tuple[rows.Record, list[rows.Record], list[str]]:
    """The header, the records below it, and notes on what stands above it. Raises UnreadableError."""
    every = [record.cells for record in records]
    skipped = list(above.skipped)
    named = top.header_in_comment(above.commented, every, separator)
    if named:
        skipped.pop()
        header, data = rows.Record(above.line - 1, above.line, named), records
    else:
        place = top.header_place(every)
        skipped += [(record.line, separator.join(record.cells)) for record in records[:place]]
        header, data = records[place], records[place + 1 :]
    if not data:
        raise rows.UnreadableError("there is a header but no data row; add the data.")
    return header, data, _notes_above(skipped, above.separator)


def _notes_above(skipped: list[tuple[int, str]], separator: str) -> list[str]:
    notes = []
    if separator:
        (line, text), *skipped = skipped
        notes.append(f"row {line} names the separator and is no data: {rows.quoted(text)}")
    if skipped:
        texts = ", ".join(rows.quoted(text) for _, text in skipped[:SHOWN])
        more = f" and {len(skipped) - SHOWN} more" if len(skipped) > SHOWN else ""
        some = (
            f"{len(skipped)} rows above the header were" if len(skipped) > 1 else "a row above the header was"
        )
        notes.append(f"{some} left out: {texts}{more}")
    return notes


def _notes_below(units: list[rows.Record], separator: str) -> list[str]:
    return [
        f"row {each.line}, below the header, is no row of the table and was left out:"
        f" {rows.quoted(separator.join(each.cells))}"
        for each in units
    ]


def _without_end(
    header: rows.Record, data: list[rows.Record], separator: str, *, whole: bool
) -> tuple[list[cells.Look], list[rows.Record], list[str]]:
    """The looks of the columns, the records without those at the end that are no data, and notes on these.

    If the text is not the whole file, its last records are left out as well if they are none, and who reads
    on decides about them.
    """
    every = [record.cells for record in data]
    sure = every[: -end.MOST_ROWS] or every[: max(1, len(every) // 2)]
    looks = cells.looks_of(sure, top.typical_width(sure))
    last = data[-end.MOST_ROWS :]
    none = end.rows_at_end([each.cells for each in last], looks, last[0].line - header.below)
    none = min(none, len(data) - 1)
    if not none:
        return looks, data, []
    notes = end.left_out([(each.line, each.cells) for each in data[-none:]], separator) if whole else []
    return looks, data[:-none], notes


def _as_wide(header: rows.Record, data: list[rows.Record]) -> rows.Record:
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
    why = ";"
    if widths == {len(names) + 1} and len(data) >= FEWEST_ROWS:
        why = ", as every row has: add the name that is missing in the header, or"
    raise rows.UnreadableError(
        f"row {wrong.line} has {len(wrong.cells)} cells where the header has {len(names)} columns"
        f"{why} {change} the row or remove it."
    )


def _check_header(header: rows.Record, data: list[rows.Record]) -> None:
    """Raises UnreadableError if the header looks like one more row of data."""
    if len(data) < FEWEST_ROWS or len(header.cells) < 2:
        return
    every = [record.cells for record in data]
    if top.evidence(header.cells, cells.looks_of(every, len(header.cells))) == top.DATA:
        shown = ", ".join(rows.quoted(cell, 20) for cell in header.cells[:SHOWN])
        more = ", …" if len(header.cells) > SHOWN else ""
        raise rows.UnreadableError(
            f"row {header.line} looks like data, not like the names of the columns ({shown}{more}); add a"
            " header row with their names above it."
        )


def _names_in_doubt(header: rows.Record) -> list[str]:
    if not all(cells.look_of(cell) in (cells.NUMBER, cells.DATE) for cell in header.cells):
        return []
    shown = ", ".join(rows.quoted(cell, 20) for cell in header.cells[:SHOWN])
    return [
        f"all names of columns are numbers ({shown}); if row {header.line} is data, add a header above it"
    ]
