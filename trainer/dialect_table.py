"""The table in the text of a CSV: its separator, header and rows, and what of the text is no part of it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import partial
from itertools import islice, takewhile

FLAT = "." not in __name__
"""See dialect.py."""
if FLAT:
    import dialect_cells as cells
    import dialect_end as end
    import dialect_header as headers
    import dialect_quotes as quotes
    import dialect_rows as rows
    import dialect_top as top
else:
    from trainer import dialect_cells as cells
    from trainer import dialect_end as end
    from trainer import dialect_header as headers
    from trainer import dialect_quotes as quotes
    from trainer import dialect_rows as rows
    from trainer import dialect_top as top

SEPARATOR_CHARACTERS = 1 << 18
"""Characters from which the separator is detected."""
SHOWN = 3
"""Lines or cells that a note or a refusal shows."""


@dataclass(frozen=True)
class Table:
    """The table that a text begins with.

    header: the names as they are written; every row has as many cells. lines: the line of the file, from 1,
    where each row begins; begins: the line below the header, and below rows of units. looks: of the columns,
    by which the rows at the end of the file are judged. quoting: how quotes are written. notes: what was left
    out or read in an unusual way; notes_at_end: what was left out at the end, if the text is the whole file.
    bare: whether only blank lines, if any, stand above the header and between it and the rows. drawn: whether
    pipes separate the cells and a line is drawn below the header. names: the header as it may stand again
    further down; written: its text in the file.
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
    drawn: bool
    names: list[str]
    written: str


def table_of(text: str, *, whole: bool) -> Table:
    """The table that a text begins with. whole: whether it is all of the file. Raises UnreadableError."""
    found: Table | None = None
    problem: rows.UnreadableError | None = None
    try:
        found = _table(text, quotes.PLAIN, whole=whole)
    except rows.UnreadableError as error:
        problem = error
    ways = quotes.unusual(text) if found is None else _unusual_ways(found, text)
    for quoting in ways:
        try:
            other = _table(text, quoting, whole=whole)
        except rows.UnreadableError:
            continue
        if found is None or quoting.drawn or not _has_quotes(other, quoting):
            return other
    if found is None:
        assert problem is not None
        if isinstance(problem, rows.InvalidQuotesError) and (why := headers.other_separator(text)):
            raise rows.UnreadableError(why)
        raise problem
    return found


def _has_quotes(table: Table, how: quotes.Quoting) -> bool:
    """Whether cells of a table have quotes that another way of reading them would take for quotes."""
    return any(
        quotes.is_blank_quoted(cell) or (how.behind and '"' in cell) for row in table.rows for cell in row
    )


def _unusual_ways(found: Table, text: str) -> list[quotes.Quoting]:
    """The ways in which the quotes of a table may be unusual that has been read with usual ones."""
    if len(found.header) < 2:
        return quotes.unusual(text)
    drawn = [quotes.Quoting(blanks=True, behind=True, drawn=True)] * found.drawn
    return drawn + quotes.unusual_cells([found.header, *found.rows], text)


def _table(text: str, quoting: quotes.Quoting, *, whole: bool) -> Table:
    above = top.above(text)
    separator, doubt = _separator(above, text[above.start :], quoting)
    records, problem, trimmed = _records(text, above, separator, quoting, whole=whole)
    header, data, skipped = _header(above, records, separator)
    drawn = sum(1 for _ in takewhile(top.is_rule, (each.cells for each in data[:-1])))
    ruled, data = data[:drawn], data[drawn:]
    repeats: list[int] = []
    if headers.is_again(header.cells, header.cells):
        repeats = [each.line for each in data if each.cells == header.cells]
    if repeats:
        data = [each for each in data if each.cells != header.cells]
    if not data:
        raise headers.without_rows(header)
    looks, data, left_out = _without_end(header, data, separator, whole=whole)
    names = header.cells
    header = headers.as_wide(header, data, separator)
    if problem is not None:
        raise problem
    more = top.rows_below([record.cells for record in data])
    below, data = [*ruled, *data[:more]], data[more:]
    headers.check(header, data, skipped, separator)
    notes = [*_notes_above(skipped, above.separator), *doubt, *_notes_below(below, separator)]
    return Table(
        separator=separator,
        header=header.cells,
        rows=[record.cells for record in data],
        lines=[record.line for record in data],
        begins=(below or [header])[-1].below,
        looks=looks,
        quoting=quoting,
        notes=[
            *notes,
            *quoting.notes,
            *headers.names_in_doubt(header),
            *headers.notes_on_rows(data, looks, separator),
        ],
        notes_at_end=[*trimmed, *headers.notes_on_repeats(len(repeats), min(repeats, default=0)), *left_out],
        bare=not (skipped or below),
        drawn=separator == "|" and any(map(top.is_rule, (each.cells for each in below))),
        names=names,
        written="".join(islice(rows.physical_lines(text), header.line - 1, header.below - 1)).rstrip("\r\n"),
    )


def _records(
    text: str, above: top.Above, separator: str, quoting: quotes.Quoting, *, whole: bool
) -> tuple[list[rows.Record], rows.UnreadableError | None, list[str]]:
    """The records below the lines above, what keeps further ones from being read, and notes on the end.

    Raises UnreadableError if there are none.
    """
    text = text[above.start :]
    trimmed: list[str] = []
    if whole:
        last = end.last_value(text, separator)
        kept, trimmed = end.trimmed(text[last:], separator)
        text = text[:last] + kept
    read = None if quoting == quotes.PLAIN else partial(quotes.Rows, how=quoting, strict=True)
    records, problem = rows.records_of(text, separator, whole=whole, first=above.line, read=read)
    if problem is not None and len(records) < 2:
        raise problem
    if not records:
        raise _without_a_header(whole=whole)
    return records, problem, trimmed


def _separator(above: top.Above, text: str, quoting: quotes.Quoting) -> tuple[str, list[str]]:
    """The separator, and a note if it is not the one that is named above the table, as no row has that."""
    named = above.separator
    if named and named in text[:SEPARATOR_CHARACTERS]:
        return named, []
    separator = separator_of(text, quoting)
    if not named or separator not in text[:SEPARATOR_CHARACTERS]:
        return named or separator, []
    return separator, [f"no row has the separator that is named in row 1; {rows.quoted(separator)} was taken"]


def separator_of(text: str, quoting: quotes.Quoting = quotes.PLAIN) -> str:
    """The separator that splits most of the first rows into equally many cells, at least two.

    If several do, one that splits the header so as well, then the one with the fewest titles above it, then
    the one that gives the most cells; if none does, a comma.
    """
    lines = list(islice(rows.physical_lines(text[:SEPARATOR_CHARACTERS]), rows.DETECTION_ROWS))
    best, most = ",", (0.0, False, 0, 0)
    for separator in top.SEPARATORS:
        try:
            found = [row for row in quotes.Rows(lines, separator, quoting) if row]
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
) -> tuple[rows.Record, list[rows.Record], list[tuple[int, str]]]:
    """The header, the records below it, and the lines above it. Raises UnreadableError."""
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
        raise headers.without_rows(header)
    return header, data, skipped


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
    sure = every[: max(len(every) - end.MOST_ROWS, (len(every) + 1) // 2)]
    looks = cells.looks_of(sure, top.typical_width(sure))
    last = data[-end.MOST_ROWS :]
    none = end.rows_at_end([each.cells for each in last], looks, last[0].line - header.below)
    none = min(none, len(data) - 1)
    if not none:
        return looks, data, []
    notes = end.left_out([(each.line, each.cells) for each in data[-none:]], separator) if whole else []
    return looks, data[:-none], notes
