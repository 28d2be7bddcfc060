"""Rewrites a CSV whose quotes are not written as RFC 4180 has them into one that every reader understands.

Two ways are known: a backslash before a quote inside a cell (\\"), and blanks between a separator and a quote
(`1, "a, b"`). Every line keeps its number.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

FLAT = "." not in __name__
"""See dialect.py."""
if FLAT:
    from dialect_rows import UnreadableError, csv_rows
else:
    from trainer.dialect_rows import UnreadableError, csv_rows

PIECE = 1 << 20
"""Characters that are rewritten at a time."""
BACKSLASHES = 'quotes inside cells are written with a backslash (\\"), and were read so'
BLANKS = "blanks before cells were left out, because some stand before a quote"
BEHIND = "blanks around cells were left out, because some stand around quotes"
_BLANK_QUOTE = re.compile(r'(?:^|[,;\t|]) +"', re.MULTILINE)
_QUOTE_BLANK = re.compile(r'" +(?:[,;\t|]|$)', re.MULTILINE)
_LIKE_A_QUOTED_CELL = re.compile(r' +".*"\s*', re.DOTALL)


@dataclass(frozen=True)
class Quoting:
    """What is unusual about the quotes of a CSV: blanks stand before some, and behind some as well."""

    backslashes: bool = False
    blanks: bool = False
    behind: bool = False

    @property
    def notes(self) -> list[str]:
        return [BACKSLASHES] * self.backslashes + [BEHIND if self.behind else BLANKS] * self.blanks


PLAIN = Quoting()
EVERY = (
    Quoting(backslashes=True),
    Quoting(blanks=True),
    Quoting(backslashes=True, blanks=True),
    Quoting(blanks=True, behind=True),
    Quoting(backslashes=True, blanks=True, behind=True),
)


def unusual(text: str) -> list[Quoting]:
    """The ways in which the quotes of a text may be unusual, the simplest first."""
    found = Quoting(
        '\\"' in text, _BLANK_QUOTE.search(text) is not None, _QUOTE_BLANK.search(text) is not None
    )
    return [
        each
        for each in EVERY
        if each.backslashes <= found.backslashes
        and each.blanks <= (found.blanks or found.behind)
        and each.behind <= found.behind
    ]


def is_blank_quoted(cell: str) -> bool:
    """Whether a cell, as it is read, was quoted behind a blank."""
    return _LIKE_A_QUOTED_CELL.fullmatch(cell) is not None


def unescaped(text: str) -> str:
    r"""A text with "" for each \" and \ for each \\. It holds no zero characters."""
    return text.replace("\\\\", "\0").replace('\\"', '""').replace("\0", "\\")


def rewritten(pieces: Iterator[bytes], how: Quoting, separator: str, line: int) -> Iterator[bytes]:
    """Rows in UTF-8 with usual quotes. line: the number of their first line. Raises UnreadableError."""
    if how.backslashes:
        pieces = _unescaped_pieces(pieces)
    return _without_blanks(pieces, how, separator, line) if how.blanks else pieces


def _unescaped_pieces(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        data = rest + piece
        end = len(data.rstrip(b"\\"))  # what follows the last backslashes is in the next piece
        rest = data[end:]
        yield data[:end].replace(b"\\\\", b"\0").replace(b'\\"', b'""').replace(b"\0", b"\\")
    yield rest.replace(b"\\\\", b"\\")


def _without_blanks(pieces: Iterator[bytes], how: Quoting, separator: str, line: int) -> Iterator[bytes]:
    reader = csv_rows(_lines(pieces), separator, strict=not how.behind, blanks=True)
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator, lineterminator="\n")
    try:
        for cells in reader:
            row = stripped(cells) if how.behind else cells
            writer.writerow([] if len(row) == 1 and not row[0].strip() else row)
            if out.tell() > PIECE:
                yield out.getvalue().encode("utf-8", errors="surrogateescape")
                out.seek(0)
                out.truncate()
    except csv.Error as error:
        row_number = line + reader.line_num - 1
        raise UnreadableError(f"row {row_number} is not valid CSV ({error}); check its quotes.") from None
    yield out.getvalue().encode("utf-8", errors="surrogateescape")


def stripped(row: list[str]) -> list[str]:
    """A row without the blanks behind its cells."""
    return [cell.rstrip(" ") for cell in row]


def _lines(pieces: Iterator[bytes]) -> Iterator[str]:
    """The lines of a text in UTF-8; bytes that are none are kept as they are."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
    rest = ""
    for piece in pieces:
        text = rest + decoder.decode(piece)
        # A carriage return at the end may be the first half of a line end.
        end = max(text.rfind("\n"), text.rfind("\r", 0, max(0, len(text) - 1))) + 1
        rest = text[end:]
        yield from io.StringIO(text[:end], newline="")
    yield from io.StringIO(rest + decoder.decode(b"", final=True), newline="")
