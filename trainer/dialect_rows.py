"""The records of a CSV text with their lines, and the names in its header.

It uses the standard library only, as dialect.py does, for which it works.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

HEAD_BYTES = 1 << 20
"""Bytes of (decompressed) text from which the dialect is detected."""
LONGEST_CELL = 64 << 20
"""Characters of a cell; csv itself allows no more than 131,072."""
DETECTION_ROWS = 1000
"""Rows from which the separator and the decimal mark are detected."""
COMPARED_ROWS = 50
"""Rows whose widths a separator is judged by."""


def printable(text: str) -> str:
    """A text with an escape such as \\n or \\x1b in place of each character that cannot be printed.

    Those are line ends of all kinds, control characters, and marks that reverse what follows them. Every text
    from outside passes here before it reaches a log, a terminal or a page.
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class UnreadableError(ValueError):
    """The bytes are not a CSV that a model can be trained on. The message says why, and what to do."""


class InvalidQuotesError(UnreadableError):
    """A row is no CSV with the separator by which it was read."""


def csv_rows(
    lines: Iterable[str],
    separator: str = ",",
    *,
    strict: bool = False,
    blanks: bool = False,
    mark: str = '"',
) -> CsvReader:
    """csv.reader for cells of up to LONGEST_CELL characters. blanks: whether those before a cell are skipped.

    csv's own limit holds for the whole process and anything may have set it, so it is set before each use.
    """
    csv.field_size_limit(LONGEST_CELL)
    return csv.reader(lines, delimiter=separator, quotechar=mark, strict=strict, skipinitialspace=blanks)


def physical_lines(text: str) -> Iterator[str]:
    """The lines of a text with their ends, as an editor counts them."""
    return iter(io.StringIO(text, newline=""))


class Record(NamedTuple):
    """A row of a text. line: where it begins, from 1; below: the line below it."""

    line: int
    below: int
    cells: list[str]


class Reader(Protocol):
    """What reads rows from lines: csv.reader, or dialect_quotes.Rows."""

    @property
    def line_num(self) -> int: ...

    def __iter__(self) -> Iterator[list[str]]: ...


def records_of(
    text: str,
    separator: str,
    *,
    whole: bool,
    first: int = 1,
    read: Callable[[Iterable[str], str], Reader] | None = None,
) -> tuple[list[Record], UnreadableError | None]:
    """The complete records of a text, and why it cannot be read further, if it cannot.

    Empty lines are skipped. whole: whether the text is all of the file; first: the number of its first line;
    read: what reads lines with a separator, if quotes are unusual.
    """
    cut = text if whole else text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
    lines = io.StringIO(cut, newline="")
    reader = read(lines, separator) if read else csv_rows(lines, separator, strict=True)
    records: list[Record] = []
    line = 0
    try:
        for row in reader:
            begins, line = line + 1, reader.line_num
            if not is_blank(row):
                records.append(Record(begins + first - 1, line + first, row))
    except csv.Error as error:
        # Quoted cells may hold line ends, so the last line end need not be the end of a row.
        if whole or lines.read(1):
            line = reader.line_num + first - 1
            return records, InvalidQuotesError(
                f"row {line} is not valid CSV ({reason(error)}); check its quotes."
            )
    return records, None


def reason(error: csv.Error) -> str:
    """What csv says of a text, on one line."""
    return printable(str(error))


def is_blank(row: Sequence[str]) -> bool:
    """Whether a row is an empty line, which is skipped."""
    return not row or (len(row) == 1 and not row[0].strip())


def quoted(text: str, most: int = 60) -> str:
    """A text of the file as messages show it: on one line, in quotes, and not too long."""
    text = text.strip()
    short = text if len(text) <= most else f"{text[: most - 1]}…"
    return f'"{"".join(each if each.isprintable() else " " for each in short)}"'


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
