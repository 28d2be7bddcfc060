"""Reads a CSV whose quotes are not written as RFC 4180 has them, and rewrites it as every reader reads it.

Each of these is known: backslashes before quotes or separators inside cells (\\" and \\,), blanks between
separators and quotes (`1, "a, b"`), single and typographic quotes, cells that are quoted twice or written as
formulas (="007"), and lines that are quoted as a whole. Every line keeps its number.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

FLAT = "." not in __name__
"""See dialect.py."""
if FLAT:
    from dialect_cells import DATE, NUMBER, look_of
    from dialect_rows import UnreadableError, csv_rows, is_blank, reason
else:
    from trainer.dialect_cells import DATE, NUMBER, look_of
    from trainer.dialect_rows import UnreadableError, csv_rows, is_blank, reason

PIECE = 1 << 20
"""Characters that are rewritten at a time."""
LONGEST_LINE = 1 << 24
"""Characters of a line that is rewritten."""
LOOKED_AT_ROWS = 200
"""Rows by which it is told whether all cells of a column are quoted in an unusual way."""
FEWEST_CELLS = 3
"""Such cells that a column needs for it."""
SINGLE, CURLY = "'", "“”"
_ESCAPED_MARK, _ESCAPED_BACKSLASH = "\ue000", "\ue001"
"""Characters for private use, which stand for an escaped separator and backslash while a line is read."""
_BLANK_QUOTE = re.compile(r'(?:^|[,;\t|]) +"', re.MULTILINE)
_QUOTE_BLANK = re.compile(r'" +(?:[,;\t|]|$)', re.MULTILINE)
_ESCAPED = re.compile(r"\\[,;\t|]")
_SINGLE = re.compile(r"(?:^|[,;\t|])'[^'\n]*'(?=[,;\t|\r]|$)", re.MULTILINE)
_CURLY = re.compile(r"(?:^|[,;\t|])[“„][^“”„\n]*[”“](?=[,;\t|\r]|$)", re.MULTILINE)
_QUOTED_LINE = re.compile(r'^"[^,;\t|\n]*+[,;\t|].*"\r?$', re.MULTILINE)
_LIKE_A_QUOTED_CELL = re.compile(r' +".*"\s*', re.DOTALL)
_IN_QUOTES_STILL = re.compile(r'=?"(.*)"', re.DOTALL)
_IN_SINGLE, _IN_CURLY = re.compile("'(.*)'", re.DOTALL), re.compile("[“„](.*)[“”]", re.DOTALL)
_MARKS = "\"'“„"
"""One of these opens a quoted cell, in whatever way it is quoted."""


@dataclass(frozen=True)
class Quoting:
    """What is unusual about the quotes of a CSV.

    backslashes: before quotes inside cells; escapes: before separators; blanks: before some quotes, and
    `behind` some as well, or around all cells as a table is `drawn`; marks: the opening and closing quote;
    twice: whether cells are in further quotes, or formulas; lines: whether whole lines are quoted.
    """

    backslashes: bool = False
    blanks: bool = False
    behind: bool = False
    escapes: bool = False
    drawn: bool = False
    marks: str = '"'
    twice: bool = False
    lines: bool = False

    @property
    def by_rows(self) -> bool:
        """Whether more is unusual than backslashes before quotes, so that each row is written anew."""
        return self != Quoting(backslashes=self.backslashes)

    @property
    def notes(self) -> list[str]:
        around = "because lines are drawn around them" if self.drawn else "because some stand around quotes"
        said = {
            'quotes inside cells are written with a backslash (\\"), and were read so': self.backslashes,
            "separators inside cells are written with a backslash, and were read so": self.escapes,
            f"blanks around cells were left out, {around}": self.behind,
            "blanks before cells were left out, because some stand before a quote": self.blanks
            and not self.behind,
            f"cells are quoted with {self.marks[0]} and {self.marks[-1]}, and were read without": self.marks
            != '"',
            'cells are quoted twice or written as formulas (="1"), and were read without': self.twice,
            "lines are quoted as a whole, and were read as rows of several cells": self.lines,
        }
        return [note for note, applies in said.items() if applies]

    def row(self, cells: list[str], separator: str) -> list[str]:
        """A row as it is meant. cells: as csv reads them."""
        if self.lines and len(cells) == 1 and separator in cells[0]:
            cells = next(csv_rows(io.StringIO(cells[0], newline=""), separator), cells)
        if self.behind:
            cells = [cell.rstrip(" ") for cell in cells]
        if self.twice:
            cells = [_without_quotes(cell) for cell in cells]
        if self.escapes:
            cells = [
                cell.replace(_ESCAPED_MARK, separator).replace(_ESCAPED_BACKSLASH, "\\") for cell in cells
            ]
        return cells

    def line(self, line: str, separator: str) -> str:
        """A line of the file as csv can read it."""
        if self.escapes:
            line = line.replace("\\\\", _ESCAPED_BACKSLASH).replace(f"\\{separator}", _ESCAPED_MARK)
        if self.backslashes:
            line = unescaped(line)
        if self.marks == CURLY:
            mark = re.escape(separator)
            line = line.replace('"', '""')
            line = re.sub(rf"(^|{mark})[“„]", r'\1"', line)
            line = re.sub(rf"[”“](?={mark}|[\r\n]|$)", '"', line)
        return line


PLAIN = Quoting()
EVERY = (
    Quoting(backslashes=True),
    Quoting(blanks=True),
    Quoting(backslashes=True, blanks=True),
    Quoting(blanks=True, behind=True),
    Quoting(backslashes=True, blanks=True, behind=True),
    Quoting(escapes=True),
    Quoting(backslashes=True, escapes=True),
    Quoting(marks=SINGLE),
    Quoting(marks=CURLY),
    Quoting(lines=True),
)


class Rows:
    """The rows of a CSV with unusual quotes, as csv.reader gives those of a usual one."""

    def __init__(
        self, lines: Iterable[str], separator: str, how: Quoting = PLAIN, *, strict: bool = False
    ) -> None:
        self._how, self._separator = how, separator
        if how.escapes or how.backslashes or how.marks == CURLY:
            lines = (how.line(line, separator) for line in lines)
        mark = how.marks if len(how.marks) == 1 else '"'
        self._reader = csv_rows(
            lines, separator, strict=strict and not how.behind, blanks=how.blanks, mark=mark
        )
        self._by_rows = how.by_rows

    @property
    def line_num(self) -> int:
        return self._reader.line_num

    def __iter__(self) -> Iterator[list[str]]:
        if not self._by_rows:
            return iter(self._reader)
        return (self._how.row(cells, self._separator) for cells in self._reader)


def unusual(text: str) -> list[Quoting]:
    """The ways in which the quotes of a text may be unusual, the simplest first."""
    backslashes = '\\"' in text
    before, behind = _BLANK_QUOTE.search(text) is not None, _QUOTE_BLANK.search(text) is not None
    escapes = _ESCAPED.search(text) is not None and not {_ESCAPED_MARK, _ESCAPED_BACKSLASH} & set(text)
    marks = {'"', SINGLE * (_SINGLE.search(text) is not None), CURLY * (_CURLY.search(text) is not None)}
    lines = _QUOTED_LINE.search(text) is not None
    return [
        each
        for each in EVERY
        if each.backslashes <= backslashes
        and each.blanks <= (before or behind)
        and each.behind <= behind
        and each.escapes <= escapes
        and each.marks in marks
        and each.lines <= lines
    ]


def unusual_cells(table: Sequence[Sequence[str]], text: str) -> list[Quoting]:
    """The ways in which the quotes of a table may be unusual that has been read as if they were not.

    table: header and rows; text: of the file.
    """
    found: list[Quoting] = []
    some = table[1 : 1 + LOOKED_AT_ROWS]
    if not any(mark in text for mark in _MARKS):
        return found
    columns = [[cell for cell in column if cell] for column in zip(*some, strict=False)]
    if _are_quoted(columns, _IN_SINGLE):
        found.append(Quoting(marks=SINGLE))
    if _are_quoted(columns, _IN_CURLY):
        found.append(Quoting(marks=CURLY))
    if _are_quoted(columns, _IN_QUOTES_STILL):
        found.append(Quoting(twice=True))
    if any(is_blank_quoted(cell) for row in table for cell in row):
        found += [each for each in unusual(text) if each.blanks and not each.backslashes]
    return found


def _are_quoted(columns: list[list[str]], pattern: re.Pattern[str]) -> bool:
    """Whether all cells of some columns are in quotes: of two columns, or one of numbers, dates or formulas.

    A single column of texts in quotes may be meant so.
    """
    quoted = [c for c in columns if len(c) >= FEWEST_CELLS and all(map(pattern.fullmatch, c))]
    inner = [pattern.sub(r"\1", cell) for column in quoted for cell in column]
    return (
        len(quoted) > 1
        or any(cell[0] == "=" for c in quoted for cell in c)
        or (bool(inner) and all(look_of(cell) in (NUMBER, DATE) for cell in inner))
    )


def _without_quotes(cell: str) -> str:
    found = _IN_QUOTES_STILL.fullmatch(cell)
    return found[1] if found else cell


def is_blank_quoted(cell: str) -> bool:
    """Whether a cell, as it is read, was quoted behind a blank."""
    return cell[:1] == " " and _LIKE_A_QUOTED_CELL.fullmatch(cell) is not None


def unescaped(text: str) -> str:
    r"""A text with "" for each \" and \ for each \\. It holds no zero characters."""
    return text.replace("\\\\", "\0").replace('\\"', '""').replace("\0", "\\")


def rewritten(pieces: Iterator[bytes], how: Quoting, separator: str, line: int) -> Iterator[bytes]:
    """Rows in UTF-8 with usual quotes. line: the number of their first line. Raises UnreadableError."""
    return _row_by_row(pieces, how, separator, line) if how.by_rows else _unescaped_pieces(pieces)


def _unescaped_pieces(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        data = rest + piece
        # What an odd one of the last backslashes stands before is in the next piece.
        end = len(data) - (len(data) - len(data.rstrip(b"\\"))) % 2
        rest = data[end:]
        yield data[:end].replace(b"\\\\", b"\0").replace(b'\\"', b'""').replace(b"\0", b"\\")
    yield rest.replace(b"\\\\", b"\\")


def _row_by_row(pieces: Iterator[bytes], how: Quoting, separator: str, line: int) -> Iterator[bytes]:
    reader = Rows(_lines(pieces), separator, how, strict=True)
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator)  # it ends lines with \r\n, so it quotes either of them
    try:
        for row in reader:
            writer.writerow([] if is_blank(row) else row)
            if out.tell() > PIECE:
                yield out.getvalue().encode("utf-8", errors="surrogateescape")
                out.seek(0)
                out.truncate()
    except csv.Error as error:
        row_number = line + reader.line_num - 1
        raise UnreadableError(
            f"row {row_number} is not valid CSV ({reason(error)}); check its quotes."
        ) from None
    yield out.getvalue().encode("utf-8", errors="surrogateescape")


def _lines(pieces: Iterator[bytes]) -> Iterator[str]:
    """The lines of a text in UTF-8; bytes that are none are kept as they are."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
    rest = ""
    for piece in pieces:
        text = rest + decoder.decode(piece)
        # A carriage return at the end may be the first half of a line end.
        end = max(text.rfind("\n"), text.rfind("\r", 0, max(0, len(text) - 1))) + 1
        rest = text[end:]
        if len(rest) > LONGEST_LINE:
            raise UnreadableError(
                f"a line is longer than {LONGEST_LINE:,} characters; end the rows with line feeds."
            )
        yield from io.StringIO(text[:end], newline="")
    yield from io.StringIO(rest + decoder.decode(b"", final=True), newline="")
