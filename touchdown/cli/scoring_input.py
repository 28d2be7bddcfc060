"""A person's CSV, as a scoring deployment reads it.

Azure's driver reads a CSV with pandas.read_csv, given types and nothing else: UTF-8, commas, uncompressed. A
file in another dialect is rewritten in that one, row by row. Its cells stay as they are, because the model
itself reads decimal commas.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, cast

from touchdown.cli.outcome import CommandError, Exit
from trainer import dialect
from trainer import dialect_encodings as encodings

MARKS = ("utf-8", "utf-16-le", "utf-16-be")
"""Encodings in which a text may begin with a byte-order mark."""


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
        found = dialect.inspect_head(head, whole=len(head) <= dialect.HEAD_BYTES).dialect
    except dialect.UnreadableError:
        yield file
        return
    if (found.encoding, found.separator, found.compressed) == ("utf-8", ",", False):
        yield file
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "input.csv"
        try:
            with copy.open("w", newline="", encoding="utf-8") as out:
                csv.writer(out).writerows(rows_of(file, found))
        except (csv.Error, UnicodeError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise CommandError(Exit.USAGE, f"{file} cannot be read as CSV: {error}.") from None
        yield copy


def rows_of(file: Path, how: dialect.Dialect) -> Iterator[list[str]]:
    """The rows of a CSV, header first, without empty lines."""
    with gzip.open(file, "rb") if how.compressed else file.open("rb") as raw:
        text = io.TextIOWrapper(
            cast(IO[bytes], raw), how.encoding, errors=encodings.errors_of(how.encoding), newline=""
        )
        if how.encoding in MARKS and text.read(1) != "\ufeff":
            text.seek(0)
        yield from (row for row in dialect.csv_rows(text, how.separator) if row)


def first_rows(file: Path, count: int) -> tuple[list[str], list[list[str]]]:
    """Header and at most `count` rows of a CSV that a deployment can read."""
    with file.open(encoding="utf-8-sig", newline="") as text:
        header, *rows = islice((row for row in dialect.csv_rows(text) if row), count + 1)
    return header, rows
