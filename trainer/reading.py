"""A dataset as a stream: bytes from storage or disk become blocks of whole records, and blocks columns.

Nothing of a dataset is ever whole in memory. Bytes pass through in pieces: hashed, decompressed, made UTF-8,
and cut into blocks at the end of a record. pyarrow parses blocks on all cores while the next ones are read.
Rows are counted as a text editor counts lines, so the header is row 1.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import os
import re
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn, TypeVar

import dialect
from lines import Feeds, end_of_lines, lines_in, lone_returns
from refusals import BadInputError
from text import quoted, shorten

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_BYTES = 8 << 20
"""Text that is parsed at a time; a few blocks are under way at once."""
LONGEST_RECORD = 64 << 20
"""Bytes after which an unfinished record is taken for a quote that is never closed."""
TEXTS = "texts"
"""A column whose cells are read as codes into its different texts."""
AHEAD = 3
"""Blocks that are parsed while an earlier one is used."""
QUOTE = b'"'

T = TypeVar("T")
R = TypeVar("R")


class NotUtf8Error(Exception):
    """The text holds bytes that are not UTF-8 though its first megabyte did not show it."""


@dataclass(frozen=True)
class Block:
    """Whole records in UTF-8. line: the row of the first of them in the file; quoted: whether any cell is."""

    data: bytes
    line: int
    quoted: bool

    @cached_property
    def feeds(self) -> Feeds:
        return Feeds(self.data)

    @cached_property
    def returns(self) -> int:
        """Lines that end in a carriage return alone."""
        return lone_returns(self.data)

    @property
    def lines(self) -> int:
        """As lines_in counts them."""
        return self.feeds.count + self.returns

    def lines_are_records(self, records: int) -> bool:
        """Whether each line is a record; not so where a cell has line breaks, or a line no cells."""
        lines = self.feeds.count + (not self.data.endswith(b"\n"))
        return self.returns == 0 and lines == records


class Source:
    """The bytes of one dataset, hashed on the way past, with the look at their beginning.

    open_chunks: starts to read from the beginning; a dataset may have to be read more than once.
    """

    def __init__(self, name: str, open_chunks: Callable[[], Iterator[bytes]]) -> None:
        self.name = name
        self._open = open_chunks
        self.digest = ""
        self.look = self._look()
        self.encoding = self.look.dialect.encoding

    def refuse(self, what: str) -> NoReturn:
        raise BadInputError(f"dataset {shorten(self.name)}: {what}")

    def _look(self) -> dialect.Look:
        head, whole, size = [], True, 0
        chunks = self._open()
        for chunk in chunks:
            head.append(chunk)
            size += len(chunk)
            if size >= dialect.HEAD_BYTES:
                whole = next(chunks, None) is None
                break
        try:
            # Cut where the app cuts, so that both see the same beginning.
            data = b"".join(head)
            whole = whole and len(data) <= dialect.HEAD_BYTES
            return dialect.look(data[: dialect.HEAD_BYTES], whole=whole)
        except dialect.UnreadableError as error:
            self.refuse(str(error).rstrip("."))

    def text(self) -> Iterator[bytes]:
        """The dataset as UTF-8 without a byte-order mark. Raises BadInputError; sets `digest` at the end."""
        sha256 = hashlib.sha256()

        def hashed() -> Iterator[bytes]:
            for chunk in self._open():
                sha256.update(chunk)
                yield chunk

        pieces: Iterator[bytes] = hashed()
        if self.look.dialect.compressed:
            pieces = self._decompressed(pieces)
        decoder = None
        if self.encoding != "utf-8":
            decoder = codecs.getincrementaldecoder(self.encoding)(dialect.errors_of(self.encoding))
        first = True
        try:
            for piece in pieces:
                data = piece if decoder is None else decoder.decode(piece).encode("utf-8")
                if first and data:
                    data, first = data.removeprefix(codecs.BOM_UTF8), False
                if data:
                    yield data
            if decoder is not None and (rest := decoder.decode(b"", final=True).encode("utf-8")):
                yield rest
        except UnicodeDecodeError as error:
            self.refuse(
                f"it holds bytes that are not {self.encoding.upper()} text ({error.reason});"
                " export the data as CSV (UTF-8)"
            )
        self.digest = f"sha256:{sha256.hexdigest()}"

    def _decompressed(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from dialect.decompressed(pieces)
        except dialect.UnreadableError as error:
            self.refuse(str(error).rstrip("."))
        except EOFError:
            self.refuse("the gzip stream ends before its end; compress and upload it again")

    def blocks(self) -> Iterator[Block]:
        """The records below the header, cut into blocks. Raises BadInputError."""
        rest, line, header, mark = b"", 1, True, b"\n"
        pieces = self.text()
        while True:
            parts, size = [rest], len(rest)
            ended = False
            while size < max(BLOCK_BYTES, len(rest) + 1):
                piece = next(pieces, None)
                if piece is None:
                    ended = True
                    break
                parts.append(piece)
                size += len(piece)
            if not header and not ended and len(parts) == 2 and not (QUOTE in parts[1] or QUOTE in rest):
                # As nearly every block: no cell is quoted, so that a line is a record, and one copy is made.
                end = parts[1].rfind(b"\n") + 1
                if end:
                    block = Block(b"".join((rest, memoryview(parts[1])[:end])), line, quoted=False)
                    rest = parts[1][end:]
                    lines = block.lines
                    if not block.data.isspace():
                        yield block
                    line += lines
                    continue
            data = b"".join(parts)
            if header and data:
                start = self._after_header(data)
                if data[:start].endswith(b"\r") and not data.startswith(b"\n", start):
                    mark = b"\r"
                line, data, header = line + lines_in(data[:start]), data[start:], False
            end = len(data) if ended else record_end(data, self.look.dialect.separator, mark)
            rest, data = data[end:], data[:end]
            block = Block(data, line, QUOTE in data)
            lines = block.lines
            if data and not data.isspace():
                yield block
            line += lines
            if ended:
                return
            if len(rest) > LONGEST_RECORD:
                self.refuse(
                    f"row {line} has no end within {LONGEST_RECORD >> 20} MiB: a quote that is opened there"
                    " is never closed; check its quotes"
                )

    def _after_header(self, data: bytes) -> int:
        """Where the first record ends. The look has read it, so it is sound."""
        text = io.StringIO(data[: dialect.HEAD_BYTES].decode("utf-8", errors="replace"), newline="")
        rows = dialect.csv_rows(text, self.look.dialect.separator, strict=True)
        for row in rows:
            if len(row) > 1:
                break
        return end_of_lines(data, rows.line_num)


def record_end(data: bytes, separator: str, mark: bytes = b"\n") -> int:
    """Where the last whole record of a text ends that begins with a record; 0 when none does.

    A line end is that of a record when the quotes before it are even in number, since quotes come in pairs.
    Where a cell holds a single one ("5" pipe"), the records are told apart cell by cell, which takes longer.
    mark: what ends a line, or is the last sign of it.
    """
    import numpy as np

    if mark == b"\r" and data.endswith(b"\r"):
        data = data[:-1]  # it may be half of a line end
    if QUOTE not in data:
        return data.rfind(mark) + 1
    text = np.frombuffer(data, dtype=np.uint8)
    quotes = np.flatnonzero(text == QUOTE[0])
    # What opens a quoted cell stands at a cell's beginning; what opens it again was half of a doubled quote.
    opening = quotes[::2]
    edges = np.zeros(256, dtype=bool)
    edges[list(f'{separator}\r\n"'.encode())] = True
    if not edges[text[opening[opening > 0] - 1]].all():
        return _end_by_cells(data, separator)
    place = data.rfind(mark)
    while place >= 0 and (number := int(np.searchsorted(quotes, place))) % 2:
        place = data.rfind(mark, 0, int(quotes[number - 1]))
    return place + 1


def _end_by_cells(data: bytes, separator: str) -> int:
    mark = re.escape(separator.encode())
    cell = rb'(?:"[^"]*(?:""[^"]*)*"(?!")[^%b\r\n]*|[^"%b\r\n][^%b\r\n]*)?' % (mark, mark, mark)
    record = re.compile(rb"(?:%b%b)*%b(?:\r\n|\n|\r(?=[^\n]))" % (cell, mark, cell))
    end = 0
    while found := record.match(data, end):
        end = found.end()
    return end


@dataclass
class Parsed:
    """A block as columns. table: a pyarrow Table; its columns are those asked for, in that order."""

    block: Block
    table: pa.Table


@dataclass(frozen=True)
class Parser:
    """Reads blocks of one dataset. numbers: the columns that are to be read as float64; the rest is text.

    A missing value is null in a text and NaN in a number.
    """

    source: Source
    numbers: frozenset[str]

    def parse(self, block: Block) -> Parsed:
        """The columns of a block; a number column with a cell that is none comes as text.

        Raises BadInputError naming the row; NotUtf8Error.
        """
        import pyarrow as pa

        numbers = set(self.numbers)
        for _ in range(len(numbers) + 1):
            try:
                return Parsed(block, self._read(block, numbers))
            except pa.ArrowInvalid as error:
                said = str(error)
                place = re.search(r"In CSV column #(\d+)", said)
                name = self.source.look.columns[int(place[1])] if place else ""
                if "invalid UTF8" in said:
                    self._not_utf8(block)
                if name in numbers:
                    # A wide block with many such columns is not read once for each of them.
                    numbers = numbers - {name} if len(self.numbers) - len(numbers) < MOST_RETRIES else set()
                    continue
                self._refuse(block, said)
        raise AssertionError("a block of texts cannot fail for its numbers")

    def _read(self, block: Block, numbers: set[str]) -> pa.Table:
        types = {name: "float64" if name in numbers else TEXTS for name in self.source.look.columns}
        return read(block, self.source.look, types, missing=True)

    def texts(self, block: Block) -> pa.Table:
        """Every cell of a block as it stands."""
        return read(block, self.source.look, dict.fromkeys(self.source.look.columns, "string"), missing=False)

    def _not_utf8(self, block: Block) -> NoReturn:
        if self.source.encoding == "utf-8" and block.data.isascii() is False:
            try:
                block.data.decode("utf-8")
            except UnicodeDecodeError as error:
                line = block.line + lines_in(block.data[: error.start])
                raise NotUtf8Error(
                    f"row {line} holds bytes that are not UTF-8 text (0x{block.data[error.start]:02x});"
                    " export the data as CSV (UTF-8)"
                ) from error
        raise AssertionError("pyarrow found text that is not UTF-8 where Python finds none")

    def _refuse(self, block: Block, said: str) -> NoReturn:
        """Name the row that cannot be read, by reading the block once more, slowly and strictly."""
        look = self.source.look
        text = io.StringIO(block.data.decode("utf-8", errors="replace"), newline="")
        rows = dialect.csv_rows(text, look.dialect.separator, strict=True)
        line = block.line
        try:
            for cells in rows:
                if not blank(cells) and len(cells) != len(look.columns):
                    change = "complete" if len(cells) < len(look.columns) else "correct"
                    self.source.refuse(
                        f"row {line} has {len(cells)} cells where the header has {len(look.columns)}"
                        f" columns; {change} the row or remove it"
                    )
                line = block.line + rows.line_num
        except csv.Error as error:
            row = block.line + rows.line_num - 1
            self.source.refuse(f"row {row} is not valid CSV ({error}); check its quotes")
        self.source.refuse(
            f"the rows from {block.line} on are not valid CSV: {quoted(said)}; check their quotes"
        )


MOST_RETRIES = 8
"""Number columns of one block that may turn out to be none before all are read as texts."""


def blank(cells: list[str]) -> bool:
    return not cells or (len(cells) == 1 and not cells[0].strip())


def read(block: Block, look: dialect.Look, types: dict[str, str], *, missing: bool) -> pa.Table:
    """A block as a pyarrow Table. missing: whether what pandas reads as missing becomes null.

    Raises pyarrow.ArrowInvalid.
    """
    import pyarrow as pa
    from pyarrow import csv as reader

    blanks = len(look.columns) > 1

    def invalid(row: reader.InvalidRow) -> str:
        return "skip" if blanks and row.actual_columns == 1 and not row.text.strip() else "error"

    return reader.read_csv(
        pa.BufferReader(block.data),
        read_options=reader.ReadOptions(
            column_names=look.columns, use_threads=False, block_size=len(block.data) + 1
        ),
        parse_options=reader.ParseOptions(
            delimiter=look.dialect.separator,
            newlines_in_values=block.quoted,
            invalid_row_handler=invalid,
        ),
        convert_options=reader.ConvertOptions(
            column_types={
                name: pa.dictionary(pa.int32(), pa.string()) if kind == TEXTS else pa.type_for_alias(kind)
                for name, kind in types.items()
            },
            null_values=sorted(dialect.MISSING) if missing else [],
            strings_can_be_null=missing,
            quoted_strings_can_be_null=missing,
            decimal_point=look.dialect.decimal,
        ),
    )


def in_order(work: Callable[[T], R], items: Iterator[T], ahead: int = AHEAD) -> Iterator[R]:
    """The results of `work` for `items`, in their order, done on all cores a few items ahead.

    What `items` or `work` raises is raised here, when its turn comes.
    """
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()


def read_ahead(items: Iterator[T], depth: int = 1) -> Iterator[T]:
    """`items`, made in a thread of their own, up to `depth` of them before they are asked for."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        end = object()

        def following() -> object:
            return next(items, end)

        waiting = deque(pool.submit(following) for _ in range(depth + 1))
        while True:
            item = waiting.popleft().result()
            if item is end:
                return
            waiting.append(pool.submit(following))
            yield item  # type: ignore[misc]
