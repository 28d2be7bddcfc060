"""The rows of a person's CSV, as a scoring deployment reads them.

Azure's driver hands a CSV to pandas.read_csv with nothing but types: UTF-8, commas, not compressed. A file
that is written in another way is written anew in this one, row by row; the cells stay what they are, since
the model knows what a decimal comma is.
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

from localcloud.cli.outcome import CommandError, Exit
from trainer import dialect

MARKS = ("utf-8", "utf-16-le", "utf-16-be")
"""Encodings whose texts may begin with a byte-order mark."""


@contextmanager
def scorable(file: Path) -> Iterator[Path]:
    """The file itself where a deployment can read it, else a copy that it can, for the block.

    What is no CSV that could be trained on is handed on as it is: a model may need a single column, and why
    a deployment cannot read a file is the deployment's to say. Raises CommandError for a file that breaks off
    further down.
    """
    with file.open("rb") as begun:
        head = begun.read(dialect.HEAD_BYTES + 1)
    try:
        found = dialect.look(head, whole=len(head) <= dialect.HEAD_BYTES).dialect
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
    """The rows of a CSV, header first, without lines that hold nothing."""
    with gzip.open(file, "rb") if how.compressed else file.open("rb") as raw:
        text = io.TextIOWrapper(
            cast(IO[bytes], raw), how.encoding, errors=dialect.errors_of(how.encoding), newline=""
        )
        if how.encoding in MARKS and text.read(1) != "\ufeff":
            text.seek(0)
        yield from (row for row in dialect.csv_rows(text, how.separator) if row)


def first_rows(file: Path, count: int) -> tuple[list[str], list[list[str]]]:
    """Header and at most `count` rows of a CSV that a deployment can read."""
    with file.open(encoding="utf-8-sig", newline="") as text:
        header, *rows = islice((row for row in dialect.csv_rows(text) if row), count + 1)
    return header, rows
