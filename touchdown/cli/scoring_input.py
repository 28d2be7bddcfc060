"""A person's CSV, as a scoring deployment reads it.

Azure's driver reads a CSV with pandas.read_csv, given types and nothing else: UTF-8, commas, uncompressed, a
header in the first row and only rows of data below it. Another file is rewritten like that, row by row:
what a training leaves out above, below and beside the table is left out here as well. Its cells stay as they
are, because the model itself reads decimal commas.
"""

import csv
import io
from collections.abc import Buffer, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from touchdown.cli.outcome import CommandError, Exit
from trainer import dialect, dialect_rows
from trainer import dialect_compression as compression
from trainer import dialect_encodings as encodings
from trainer import dialect_end as end
from trainer import dialect_quotes as quotes
from trainer.dialect_header import is_again, writings
from trainer.dialect_zip import Limits

OWN_FILE = Limits(text=1 << 62, ratio=1 << 31)
"""A person may score a file of their own that is as long, and as repetitive, as they like."""
CHUNK_BYTES = 1 << 20
ENDING_BYTES = 64 << 10
"""Bytes at the end of a file that are looked at for lines that are no data."""


@contextmanager
def scorable(file: Path) -> Iterator[Path]:
    """Give the block `file` itself if a deployment can read it, else a copy that it can read.

    A file that could not be trained on is passed on as it is: a model may need a single column, and the
    deployment itself says why it cannot read a file. Raises CommandError for a file that becomes unreadable
    further down.
    """
    with file.open("rb") as opened:
        head = opened.read(dialect.HEAD_BYTES + 1)
    try:
        found = dialect.inspect_head(head, whole=len(head) <= dialect.HEAD_BYTES)
    except dialect.UnreadableError:
        yield file
        return
    if is_plain(found) and (found.whole or not (has_end(file, found) or has_header_again(file, found))):
        yield file
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "input.csv"
        try:
            with copy.open("w", newline="", encoding="utf-8") as out:
                csv.writer(out).writerows(rows_of(file, found))
        except (csv.Error, UnicodeError, dialect.UnreadableError) as error:
            why = str(error).rstrip(".")
            raise CommandError(Exit.USAGE, f"{file} cannot be read as CSV: {why}.") from None
        yield copy


def is_plain(found: dialect.Inspection) -> bool:
    """Whether a deployment can read a file of which this is the head."""
    how = found.dialect
    usual = (how.encoding, how.separator, how.compressed, how.quoting) == ("utf-8", ",", False, quotes.PLAIN)
    return usual and found.bare and found.columns == found.file_columns and not found.notes_at_end


def has_end(file: Path, found: dialect.Inspection) -> bool:
    """Whether the last lines of a file, which is longer than its head, may be no rows of data."""
    with file.open("rb") as opened:
        opened.seek(-ENDING_BYTES, io.SEEK_END)
        text = opened.read().decode("utf-8", errors="replace")
    lines = text.rstrip(end.WHITE).splitlines()[-end.MOST_ROWS :]
    if end.END_OF_FILE in lines[-1] or not lines[-1].strip(end.WHITE + ","):
        return True
    return end.rows_at_end(list(dialect.csv_rows(lines)), found.looks) > 0


def has_header_again(file: Path, found: dialect.Inspection) -> bool:
    """Whether the header of a file in UTF-8 stands again further down."""
    marks = [b"\n" + written for written in writings(found.header, found.dialect.separator, found.written)]
    rest = b""
    with file.open("rb") as opened:
        while marks and (chunk := opened.read(CHUNK_BYTES)):
            data = rest + chunk
            if any(mark in data for mark in marks):
                return True
            rest = data[-max(map(len, marks)) :]
    return False


def rows_of(file: Path, found: dialect.Inspection) -> Iterator[list[str]]:
    """The rows of a CSV, header first, without empty lines and what is no part of its table."""
    how = found.dialect
    places = [found.file_columns.index(name) for name in found.columns]
    with file.open("rb") as opened:
        chunks = iter(lambda: opened.read(CHUNK_BYTES), b"")
        raw = Pieces(compression.decompressed(chunks, limits=OWN_FILE) if how.compressed else chunks)
        text = io.TextIOWrapper(
            io.BufferedReader(raw), how.encoding, errors=encodings.errors_of(how.encoding), newline=""
        )
        lines = (line.lstrip(encodings.MARK) for line in islice(text, found.begins - 1, None))
        rows = quotes.Rows(lines, how.separator, how.quoting)
        yield found.columns
        for row in without_end((row for row in rows if not is_again(found.header, row)), found):
            yield [row[place] for place in places] if len(row) == len(found.file_columns) else row


def without_end(rows: Iterable[list[str]], found: dialect.Inspection) -> Iterator[list[str]]:
    """The rows of a table without those at its end that are no data."""
    held: list[list[str]] = []
    yielded = 0
    for row in rows:
        if not dialect_rows.is_blank(row):
            held.append(row)
        if len(held) > 2 * end.MOST_ROWS and any(cell.strip() for cell in row):
            ready, held = held[: -end.MOST_ROWS], held[-end.MOST_ROWS :]
            yield from ready
            yielded += len(ready)
    while held and not any(cell.strip(end.WHITE + end.END_OF_FILE) for cell in held[-1]):
        held.pop()
    if held:
        held[-1] = [*held[-1][:-1], held[-1][-1].rstrip(end.END_OF_FILE)]
    none = end.rows_at_end(held[-end.MOST_ROWS :], found.looks, yielded + max(0, len(held) - end.MOST_ROWS))
    yield from held[: len(held) - none]


class Pieces(io.RawIOBase):
    """Pieces of bytes as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        self._rest = self._rest or memoryview(next(self._pieces, b""))
        target = memoryview(buffer).cast("B")
        count = min(len(target), len(self._rest))
        target[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def first_rows(file: Path, count: int) -> tuple[list[str], list[list[str]]]:
    """Header and at most `count` rows of a CSV that a deployment can read."""
    with file.open(encoding="utf-8-sig", newline="") as text:
        header, *rows = islice((row for row in dialect.csv_rows(text) if row), count + 1)
    return header, rows
