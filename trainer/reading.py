"""A dataset as a stream of blocks: pieces of UTF-8 text that hold whole records.

A dataset is never whole in memory. Its bytes are hashed, decompressed, converted to UTF-8 and cut at the end
of a record as they pass through. Rows are counted as a text editor counts lines, so the header is row 1.
"""

from __future__ import annotations

import codecs
import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, NoReturn

import dialect
import dialect_compression as compression
import dialect_encodings as encodings
from dialect_quotes import PLAIN, Quoting, rewritten
from dialect_zip import LIMITS, Limits
from ending import ENDING_BYTES, last_value, without_end
from lines import Feeds, end_of_lines, lines_in, lone_returns
from record_ends import QUOTE, record_end
from refusals import BadInputError
from repeats import Repeats
from text import shorten

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

BLOCK_BYTES = 8 << 20
"""Text that is parsed at a time; a few blocks are in memory at once."""
MOST_LINES = 2_200_000
"""Lines that are parsed at a time."""
LONGEST_RECORD = 16 << 20
"""Bytes after which a record that has not ended is reported as a quote that is never closed.

To name what is wrong with a record, all of its cells are in memory, and each takes many times its bytes.
"""


@dataclass(frozen=True)
class Block:
    """Whole records in UTF-8. line: the row in the file of the first one; quoted: whether any cell is."""

    data: bytes
    line: int
    quoted: bool

    @cached_property
    def feeds(self) -> Feeds:
        return Feeds(self.data)

    @cached_property
    def returns(self) -> int:
        """How many lines end in a carriage return alone."""
        return lone_returns(self.data)

    @property
    def lines(self) -> int:
        """As lines.lines_in counts them."""
        return self.feeds.count + self.returns

    def lines_are_records(self, records: int) -> bool:
        """Whether each line is a record: no cell holds a line break and no line is empty."""
        lines = self.feeds.count + (not self.data.endswith(b"\n"))
        return self.returns == 0 and lines == records


class Source:
    """The bytes of one dataset. inspection: what its head shows.

    digest, and size in bytes, as they are stored: set when all has been read.
    open_chunks: starts to read the bytes from the beginning, because a dataset may be read more than once.
    limits: of the text of a compressed dataset.
    """

    def __init__(
        self, name: str, open_chunks: Callable[[], Iterator[bytes]], limits: Limits = LIMITS
    ) -> None:
        self.name = name
        self._limits = limits
        self._open = open_chunks
        self.digest = ""
        self.size = 0
        self.notes_at_end: list[str] = []
        self._noted: list[str] = []
        self.inspection = self._inspect()
        self.encoding = self.inspection.dialect.encoding

    def refuse(self, what: str) -> NoReturn:
        """Raise BadInputError with a message about this dataset."""
        raise BadInputError(f"dataset {shorten(self.name)}: {what}")

    def csv_rows(self, data: bytes, *, strict: bool = False) -> CsvReader:
        """The rows of some of the dataset's text, which is UTF-8."""
        text = io.StringIO(data.decode("utf-8", errors="replace"), newline="")
        return dialect.csv_rows(text, self.inspection.dialect.separator, strict=strict)

    def _inspect(self) -> dialect.Inspection:
        head, whole, size = [], True, 0
        chunks = self._open()
        for chunk in chunks:
            head.append(chunk)
            size += len(chunk)
            if size >= dialect.HEAD_BYTES:
                whole = next(chunks, None) is None
                break
        try:
            # Cut to the length that the app reads, so that both see the same head.
            data = b"".join(head)
            whole = whole and len(data) <= dialect.HEAD_BYTES
            return dialect.inspect_head(data[: dialect.HEAD_BYTES], whole=whole)
        except dialect.UnreadableError as error:
            self.refuse(str(error).rstrip("."))

    def text(self) -> Iterator[bytes]:
        """The dataset as UTF-8 without a byte-order mark. Sets `digest` at the end. Raises BadInputError."""
        sha256 = hashlib.sha256()
        size = 0

        def hashed() -> Iterator[bytes]:
            nonlocal size
            for chunk in self._open():
                sha256.update(chunk)
                size += len(chunk)
                yield chunk

        pieces: Iterator[bytes] = hashed()
        if self.inspection.dialect.compressed:
            pieces = self._decompressed(pieces)
        first = True
        for piece in encodings.without_marks(self._as_utf_8(pieces)):
            if piece:
                yield piece[1:] if first else piece
                first = False
        self.digest = f"sha256:{sha256.hexdigest()}"
        self.size = size

    def _as_utf_8(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        if self.encoding == "utf-8":
            yield from pieces
            return
        decoder = codecs.getincrementaldecoder(self.encoding)(encodings.errors_of(self.encoding))
        try:
            for piece in pieces:
                yield decoder.decode(piece).encode("utf-8")
            yield decoder.decode(b"", final=True).encode("utf-8")
        except UnicodeDecodeError as error:
            self.refuse(
                f"it holds bytes that are not text in {encodings.name_of(self.encoding)} ({error.reason});"
                " export the data as CSV (UTF-8)"
            )

    def _decompressed(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from compression.decompressed(pieces, limits=self._limits)
        except dialect.UnreadableError as error:
            self.refuse(str(error).rstrip("."))

    def blocks(self) -> Iterator[Block]:
        """The records below the header, cut into blocks, without what is no data at the end of the file.

        Nor is the header among them where it stands again. Sets `notes_at_end` at the end. Raises
        BadInputError.
        """
        repeats = Repeats(self.inspection)
        for block in self._blocks():
            if b"\0" in block.data:
                line = block.line + lines_in(block.data[: block.data.index(b"\0")])
                self.refuse(f"row {line} holds a zero byte, which is no text; remove it")
            data = repeats.left_out(block.data, block.line)
            yield block if data is block.data else replace(block, data=data)
        self.notes_at_end = [*repeats.notes, *self.notes_at_end]

    def _blocks(self) -> Iterator[Block]:
        inspection, separator = self.inspection, self.inspection.dialect.separator
        line, rest = inspection.begins, b""
        pieces, line_end = self._rows()
        while True:
            parts, ended = next_parts(pieces, rest)
            if not ended and len(parts) == 2 and not (QUOTE in parts[1] or QUOTE in rest):
                # Nearly every block: no cell is quoted, so a line is a record, and one copy is enough.
                end = parts[1].rfind(b"\n", 0, before_the_end(parts[1], separator)) + 1
                if end:
                    block = Block(b"".join((rest, memoryview(parts[1])[:end])), line, quoted=False)
                    rest = parts[1][end:]
                    line += block.lines
                    yield from cut(block, separator, line_end)
                    continue
            data = b"".join(parts)
            if ended:
                data, self.notes_at_end = without_end(data, line, inspection, line_end)
                end = len(data)
            else:
                end = record_end(data, separator, line_end, before_the_end(data, separator))
            rest, data = data[end:], data[:end]
            block = Block(data, line, QUOTE in data)
            line += block.lines
            yield from cut(block, separator, line_end)
            if ended:
                return
            if len(rest) > LONGEST_RECORD:
                why = "a quote that is opened there may never be closed; check its quotes"
                if QUOTE not in rest:
                    why = "no line end follows; end the rows with line feeds"
                self.refuse(f"row {line} has no end within {LONGEST_RECORD >> 20} MiB: {why}")

    def _rows(self) -> tuple[Iterator[bytes], bytes]:
        """The text below the header, with usual quotes, and the last byte of a line end."""
        pieces = self.text()
        head, above = b"", self.inspection.begins - 1
        # A carriage return at the end of a piece may be the first half of a line end.
        while lines_in(head.removesuffix(b"\r")) < above and (piece := next(pieces, b"")):
            head += piece
        start = end_of_lines(head, above)
        line_end = b"\r" if head[:start].endswith(b"\r") else b"\n"
        rows = chain([head[start:]], pieces)
        how = self.inspection.dialect.quoting
        if how == PLAIN:
            return rows, line_end
        return self._rewritten(rows, how), b"\n" if how.by_rows else line_end

    def _rewritten(self, pieces: Iterator[bytes], how: Quoting) -> Iterator[bytes]:
        try:
            yield from rewritten(pieces, how, self.inspection.dialect.separator, self.inspection.begins)
        except dialect.UnreadableError as error:
            self.refuse(str(error).rstrip("."))

    @property
    def notes(self) -> list[str]:
        """What of the file was left out or read in an unusual way, once it has been read to its end."""
        late = self.encoding != self.inspection.dialect.encoding
        of_encoding = encodings.notes_on(self.encoding) if late else []
        return self._noted + self.inspection.notes + of_encoding + self.notes_at_end

    def note(self, what: str) -> None:
        """Add what else was read in an unusual way to the notes."""
        self._noted.append(what)


def before_the_end(data: bytes, separator: str) -> int:
    """How much of a text is followed by so much that it is not the end of the dataset.

    What follows is left to the next block, so that the last one holds all that ending.without_end looks at:
    the last rows, and any number of rows without a value.
    """
    kept = min(ENDING_BYTES, BLOCK_BYTES // 2)
    last = last_value(data, separator)
    return max(0, (last if len(data) - last < LONGEST_RECORD // 2 else len(data)) - kept)


def cut(block: Block, separator: str, line_end: bytes) -> Iterator[Block]:
    """A block in parts of about BLOCK_BYTES and at most MOST_LINES, without those that are blank.

    Its rows may have been kept together until what follows them was known, and rows of two bytes take much
    more memory than their text.
    """
    parts = 1 + max(len(block.data) // (2 * BLOCK_BYTES), block.lines // MOST_LINES)
    line = block.line
    for data in pieces_of(block.data, -(-len(block.data) // parts), separator, line_end):
        part = block if parts == 1 else Block(data, line, QUOTE in data)
        if data and not data.isspace():
            yield part
        line += part.lines


def pieces_of(data: bytes, size: int, separator: str, line_end: bytes) -> Iterator[bytes]:
    """Whole records in pieces of about `size` bytes."""
    start, window = 0, size
    while len(data) - start > window:
        end = record_end(data[start : start + window], separator, line_end)
        if end:
            yield data[start : start + end]
            start, window = start + end, size
        else:
            window *= 2
    yield data[start:] if start else data


def next_parts(pieces: Iterator[bytes], rest: bytes) -> tuple[list[bytes], bool]:
    """`rest` and the next pieces, BLOCK_BYTES or more in all, and whether the pieces have ended.

    They are at least half as long again as `rest`, unless they have ended: a record that does not end is
    looked at from its beginning each time, so the time would grow with the square of its length.
    """
    parts, size = [rest], len(rest)
    while size < max(BLOCK_BYTES, len(rest) + len(rest) // 2 + 1):
        piece = next(pieces, None)
        if piece is None:
            return parts, True
        parts.append(piece)
        size += len(piece)
    return parts, False
