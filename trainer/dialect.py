"""Detects how a CSV is written, from its first megabyte: encoding, separator, decimal mark, header.

The app and the trainer detect the format with this code, so a dataset that the app accepts before any compute
is paid for is read in the same way by the trainer. Therefore this module and the `dialect_` modules that work
for it use the standard library and chardet only, and nothing else of the app or the trainer. On a node they
lie beside main.py; in the app they are modules of `trainer`.

Column names are made unique as pandas.read_csv does it (`a`, `a.1`; `Unnamed: 2` for an empty one), because a
deployed model gets the CSV through pandas and must find its columns under the same names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

FLAT = "." not in __name__
"""Whether this is a file beside main.py. The two type checks know it as a constant, true or false."""
if FLAT:
    import dialect_cells
    import dialect_compression as compression
    import dialect_encodings as encodings
    import dialect_formats as formats
    import dialect_header
    import dialect_quotes
    import dialect_rows
    import dialect_table
else:
    from trainer import dialect_cells, dialect_header, dialect_quotes, dialect_rows, dialect_table
    from trainer import dialect_compression as compression
    from trainer import dialect_encodings as encodings
    from trainer import dialect_formats as formats

FEWEST_THOUSANDS = 10
"""Cells of a column that must have a mark before three digits for it to separate thousands."""
MOST_COLUMNS = 10_000
"""Columns of a dataset: each takes some milliseconds, however few rows there are."""
LONGEST_NAME = 256
"""Characters that a column's name may have."""
MISSING = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>"}
) | {"N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"}
"""What pandas.read_csv reads as missing (its documented default `na_values`)."""

HEAD_BYTES = dialect_rows.HEAD_BYTES
csv_rows = dialect_rows.csv_rows
unique_names = dialect_rows.unique_names
UnreadableError = dialect_rows.UnreadableError

_MARKS = re.compile(rf"(\A|[\r\n]){encodings.MARK}+")
"""Byte-order marks at the beginnings of lines; joined files have several."""
_COMMA = re.compile(r"[^0-9]{0,6}[0-9][0-9.' \u00a0\u202f\u2019]*,(?P<after>[0-9]+)[^0-9]{0,6}")
_POINT = re.compile(r"[^0-9]{0,6}[0-9][0-9,' \u00a0\u202f\u2019]*\.(?P<after>[0-9]+)[^0-9]{0,6}")
"""Numbers that may be written with a decimal comma, or a decimal point, within a currency or a unit."""


@dataclass(frozen=True)
class Dialect:
    """How a CSV is written.

    encoding: a codec that keeps a byte-order mark as text; decimal: "." or ","; quoting: what is unusual
    about the quotes.
    """

    encoding: str = "utf-8"
    separator: str = ","
    decimal: str = "."
    compressed: bool = False
    quoting: dialect_quotes.Quoting = dialect_quotes.PLAIN


@dataclass(frozen=True)
class Inspection:
    """What the head of a CSV shows.

    columns: the names in the header, made unique. rows: the complete data rows, each a list with a cell for
    every column. whole: whether these are all rows of the file. renamed: for each column whose name was
    changed, its name in the header. lines: the line of the file, from 1, where each row begins. notes: what
    of the file was left out or read in an unusual way. file_columns: the names of `columns` and of those that
    are left out because they have neither name nor value, as every row has their cells. begins: the line of
    the file, from 1, below the header. looks: of the file's columns, to judge rows at the end of the file by.
    notes_at_end: what was left out there, if these are all rows, and where the header stands again; who reads
    on to the end finds it as well.
    bare: whether only blank lines, if any, stand above the header and between it and the rows, and no line
    begins with a further byte-order mark. header: the names as they are written; written: the
    text of the header in the file.
    """

    dialect: Dialect
    columns: list[str]
    rows: list[list[str]]
    whole: bool
    renamed: dict[str, str] = field(default_factory=dict)
    lines: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    file_columns: list[str] = field(default_factory=list)
    begins: int = 2
    looks: list[dialect_cells.Look] = field(default_factory=list)
    notes_at_end: list[str] = field(default_factory=list)
    bare: bool = True
    header: list[str] = field(default_factory=list)
    written: str = ""

    def cells(self, column: str) -> list[str]:
        """The cells of one column."""
        place = self._places[column]
        return [row[place] for row in self.rows]

    @cached_property
    def _places(self) -> dict[str, int]:
        """Where the columns stand. A search for each of thousands would take the square of their number."""
        return {name: place for place, name in enumerate(self.columns)}


def inspect_head(head: bytes, *, whole: bool) -> Inspection:
    """Detect the dialect and the columns of a CSV.

    head: its first bytes, as they are stored: compressed if the file is. whole: whether that is the whole
    file; if not, there must be HEAD_BYTES of them. Raises UnreadableError.
    """
    compressed = compression.is_compressed(head)
    if compressed:
        head, whole = compression.first_decompressed(head, whole=whole)
    formats.refuse_binary(head)
    if not head.strip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"):
        raise UnreadableError("the file is empty; upload a CSV with a header row and data rows.")
    encoding, skip = encodings.encoding_of(head, whole=whole)
    text = encodings.decoded(head[skip:], encoding, whole=whole)
    marked = encodings.MARK in text
    if marked:
        text = _MARKS.sub(r"\1", text)
    formats.refuse_text(text)
    table = dialect_table.table_of(text, whole=whole)
    if len(table.header) > MOST_COLUMNS:
        raise UnreadableError(
            f"it has {len(table.header)} columns, more than the {MOST_COLUMNS} that are possible; leave out"
            " those that say least."
        )
    every, renamed = unique_names(table.header)
    places = named_or_filled(table)
    columns = [every[place] for place in places]
    kept = set(columns)
    if len(columns) < 2:
        raise dialect_header.single_column(every[0], text, LONGEST_NAME)
    for number, name in enumerate(every, 1):
        if len(name) > LONGEST_NAME:
            raise UnreadableError(
                f"column {number} has a name of {len(name)} characters; at most {LONGEST_NAME} are possible."
            )
    rows, notes = table.rows, encodings.notes_on(encoding) + encodings.notes_on_text(text) + table.notes
    if len(places) < len(every):
        rows = [[row[place] for place in places] for row in rows]
        notes = [*notes, _nameless(len(every) - len(places))]
    return Inspection(
        Dialect(encoding, table.separator, decimal_of(rows, table.separator), compressed, table.quoting),
        columns,
        rows,
        whole,
        {new: old for new, old in renamed.items() if new in kept},
        table.lines,
        notes,
        every,
        table.begins,
        table.looks,
        table.notes_at_end,
        table.bare and not marked,
        table.names,
        table.written,
    )


def column_named(columns: Sequence[str], wanted: str) -> str:
    """The column that is called `wanted`, or "" if there is none or it cannot be told.

    Spaces around a name are lost in metadata and settings, so they need not be given. Neither need its case,
    if only one column has the name in some case.
    """
    for names in (list(columns), [name.strip() for name in columns]):
        if wanted in names:
            return columns[names.index(wanted)]
    in_some_case = [name for name in columns if name.strip().casefold() == wanted.strip().casefold()]
    return in_some_case[0] if len(in_some_case) == 1 else ""


def named_or_filled(table: dialect_table.Table) -> list[int]:
    """The places of the columns that have a name, or a value in some row. Others are no columns."""
    empty = [place for place, name in enumerate(table.header) if not name.strip()]
    for row in table.rows:
        if not empty:
            break
        empty = [place for place in empty if not row[place].strip()]
    none = set(empty)
    return [place for place in range(len(table.header)) if place not in none]


def _nameless(count: int) -> str:
    some = f"{count} columns" if count > 1 else "a column"
    return f"{some} without a name and without values {'were' if count > 1 else 'was'} left out"


def decimal_of(rows: list[list[str]], separator: str) -> str:
    """The decimal mark: a comma if more cells look like 1,5 than 1.5.

    Cells with three digits behind the mark, which may be thousands, count only if no others do, and then only
    if the separator is not a comma.
    """
    cells = [cell.strip() for row in rows[: dialect_rows.DETECTION_ROWS] for cell in row]
    marked = [cell for cell in cells if "," in cell or "." in cell]
    commas = [found["after"] for cell in marked if (found := _COMMA.fullmatch(cell))]
    points = [found["after"] for cell in marked if (found := _POINT.fullmatch(cell))]
    sure = [sum(len(after) != 3 for after in each) for each in (commas, points)]
    if any(sure):
        return "," if sure[0] > sure[1] else "."
    if len(commas) > len(points):
        return "." if separator == "," or _are_thousands(rows, ",") else ","
    return "," if _are_thousands(rows, ".") else "."


def _are_thousands(rows: list[list[str]], mark: str) -> bool:
    """Whether a mark before three digits separates thousands: the numbers without it are below 1000.

    Decimals that are cut to whole numbers now and then would be cut to one or two digits more often.
    """
    written = _COMMA if mark == "," else _POINT
    seen = False
    for cells in zip(*rows[: dialect_rows.DETECTION_ROWS], strict=False):
        texts = [cell.strip() for cell in cells]
        marked = [text for text in texts if mark in text and written.fullmatch(text)]
        whole = [text for text in texts if text.isdecimal()]
        if len(marked) >= FEWEST_THOUSANDS and whole:
            if any(len(text) > 3 for text in whole):
                return False
            seen = True
    return seen


def is_missing(cell: str) -> bool:
    return cell.strip() in MISSING
