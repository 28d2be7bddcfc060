"""The text in a zip file, while it passes: from the header in front of it, without the directory at the end.

So a dataset of any size is decompressed as it is downloaded, and its beginning is read from its first
megabyte, as with gzip. The directory could only say the same once more: the text's checksum is compared.

Source: PKWARE's APPNOTE 6.3.10, sections 4.3.7 (local file header), 4.3.9 (data descriptor), 4.4.4 (flags)
and 4.5.3 (sizes of 8 bytes).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

FLAT = "." not in __name__
"""Whether this is a file beside main.py. The two type checks know it as a constant, true or false."""
if FLAT:
    from dialect_rows import UnreadableError
else:
    from trainer.dialect_rows import UnreadableError

LOCAL = b"PK\x03\x04"
_CENTRAL = b"PK\x01\x02"
_DESCRIPTOR = b"PK\x07\x08"
_ENCRYPTED, _SIZES_FOLLOW, _UTF_8 = 1, 1 << 3, 1 << 11
_STORED, _DEFLATED = 0, 8
_IN_EXTRA = 0xFFFFFFFF
TABLES = (".csv", ".tsv", ".txt")
BESIDE = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
"""What the programs that show folders leave in them."""
OFFICE = {
    "[Content_Types].xml": "an Excel file (.xlsx) or another one of Microsoft Office",
    "_rels/": "an Excel file (.xlsx) or another one of Microsoft Office",
    "docProps/": "an Excel file (.xlsx) or another one of Microsoft Office",
    "xl/": "an Excel file (.xlsx)",
    "mimetype": "an OpenDocument file, such as .ods",
}
"""Files that are zip files themselves, by what their first member is called."""
FIRST_WINDOW, LAST_WINDOW = 64, 1 << 18
"""Bytes that are decompressed at a time: at the beginning of a stream, and in a long one."""
FREE_TEXT = 64 << 20
"""Bytes of text that any compressed file may have: so many are read in seconds."""
AGAIN = "compress the CSV by itself and upload it again."


@dataclass(frozen=True)
class Limits:
    """What a compressed file may become. text: bytes; ratio: how many times as long as the file it may be."""

    text: int = 32 << 30
    ratio: int = 100


LIMITS = Limits()


@dataclass(frozen=True)
class Member:
    """A file in a zip file, as its local header describes it. size: compressed, in bytes."""

    name: str
    flags: int
    method: int
    crc: int
    size: int

    @property
    def is_table(self) -> bool:
        return self.name.lower().endswith(TABLES)

    @property
    def is_beside(self) -> bool:
        """Whether it is a folder, or what macOS and Windows put beside files."""
        last = self.name.replace("\\", "/").rpartition("/")[2]
        return not last or self.name.startswith("__MACOSX/") or last.startswith("._") or last in BESIDE


class Input:
    """The bytes of some chunks, taken in other lengths. A `take` beyond the end raises EOFError.

    A chunk is never copied to take a little of it, so a file of millions of small parts is read in the time
    of its bytes. limits: how much they may become when they are decompressed.
    """

    def __init__(self, chunks: Iterable[bytes], limits: Limits) -> None:
        self._chunks = iter(chunks)
        self._limits = limits
        self._chunk = b""
        self._place = 0
        self._taken = 0
        self._made = 0

    def made(self, count: int) -> None:
        """Count text that was decompressed. Raises UnreadableError if it is more than the limits allow."""
        self._made += count
        if self._made > self._limits.text:
            raise UnreadableError(
                f"its text is longer than {self._limits.text >> 20} MiB, the most that a compressed file may"
                " hold; upload it uncompressed. Whoever operates the app may raise the app setting"
                " TOUCHDOWN_MAX_TEXT_MIB."
            )
        if self._made > FREE_TEXT + self._limits.ratio * self._taken:
            raise UnreadableError(
                f"its text is more than {self._limits.ratio} times as long as its compressed form, as hardly"
                " any data is; upload it uncompressed. Whoever operates the app may raise the app setting"
                " TOUCHDOWN_MAX_COMPRESSION_RATIO."
            )

    def some(self, most: int) -> bytes:
        """Whatever comes next, at least a byte and at most `most`."""
        while self._place == len(self._chunk):
            chunk = next(self._chunks, None)
            if chunk is None:
                raise EOFError
            self._chunk, self._place = chunk, 0
        data = self._chunk[self._place : self._place + most]
        self._place += len(data)
        self._taken += len(data)
        return data

    def put_back(self, count: int) -> None:
        """Take back the last bytes of what `some` has just given."""
        self._place -= count
        self._taken -= count

    def take(self, count: int) -> bytes:
        data = self.peek(count)
        if len(data) < count:
            raise EOFError
        self._place += count
        self._taken += count
        return data

    def peek(self, count: int) -> bytes:
        """The next bytes, fewer at the end, which are still there to be taken."""
        while len(self._chunk) - self._place < count:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._chunk, self._place = self._chunk[self._place :] + chunk, 0
        return self._chunk[self._place : self._place + count]


def inflated(source: Input, wbits: int, most: int) -> Iterator[bytes]:
    """The text of one deflate stream, in pieces of at most `most` bytes; what follows it stays in `source`.

    zlib copies what follows the stream in the bytes that it is given. So it gets few at first, then as many
    as it has had: millions of short streams take no longer than a long one. Raises zlib.error, and EOFError
    if the stream is cut off.
    """
    inflater = zlib.decompressobj(wbits=wbits)
    window = FIRST_WINDOW
    while not inflater.eof:
        piece = inflater.decompress(inflater.unconsumed_tail or source.some(window), most)
        if piece:
            source.made(len(piece))
            yield piece
        window = min(2 * window, LAST_WINDOW)
    source.put_back(len(inflater.unused_data))


def unzipped(source: Input, most: int) -> Iterator[bytes]:
    """The text of the one table in a zip file, in pieces of at most `most` bytes.

    Raises UnreadableError if there is another file in it or it cannot be read, EOFError if it is cut off.
    """
    table = ""
    while source.peek(4) == LOCAL:
        member = _member(source)
        if not member.is_beside:
            _check(member, table)
            table = member.name
        crc = 0
        for piece in _content(source, member, most):
            crc = zlib.crc32(piece, crc)
            if not member.is_beside:
                yield piece
        if crc != (_crc_behind(source) if member.flags & _SIZES_FOLLOW else member.crc):
            raise UnreadableError(f"the zip file is damaged (its checksum is another); {AGAIN}")
    end = source.take(4)
    if end != _CENTRAL:
        raise UnreadableError(f"the zip file is damaged; {AGAIN}")
    if not table:
        raise UnreadableError(f"the zip file holds no file; {AGAIN}")


def _member(source: Input) -> Member:
    """The next file's local header, which is taken with its name and extra fields."""
    flags, method, crc, size, length, names, extras = struct.unpack("<6xHH4xLLLHH", source.take(30))
    name = source.take(names)
    extra = source.take(extras)
    if size == _IN_EXTRA:
        size = _long_size(extra, length == _IN_EXTRA)
    return Member(name.decode("utf-8" if flags & _UTF_8 else "cp437", "replace"), flags, method, crc, size)


def _long_size(extra: bytes, behind_length: bool) -> int:
    """The compressed size in the extra field 1, where it follows the length if that is there too."""
    place = 0
    while place + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, place)
        if kind == 1 and size >= 8 + 8 * behind_length and place + 4 + size <= len(extra):
            found: int = struct.unpack_from("<Q", extra, place + 4 + 8 * behind_length)[0]
            return found
        place += 4 + size
    raise UnreadableError(f"the zip file is damaged (it leaves out a size); {AGAIN}")


def _check(member: Member, table: str) -> None:
    """Raises UnreadableError if this file cannot be the dataset."""
    name = member.name[:100]
    if table:
        raise UnreadableError(f"the zip file holds more than one file ({table[:100]!r}, {name!r}); {AGAIN}")
    if name.startswith(tuple(OFFICE)):
        kind = next(kind for begin, kind in OFFICE.items() if name.startswith(begin))
        raise UnreadableError(f"it is {kind}, not a CSV; export the data as CSV (UTF-8).")
    if not member.is_table:
        raise UnreadableError(
            f"it is a zip file that begins with {name!r}, which is not a .csv, .tsv or .txt file;"
            " export the data as CSV (UTF-8)."
        )
    if member.flags & _ENCRYPTED:
        raise UnreadableError(f"{name!r} in the zip file is encrypted; {AGAIN}")
    if member.method not in (_STORED, _DEFLATED) or (member.method, member.flags & _SIZES_FOLLOW) == (
        _STORED,
        _SIZES_FOLLOW,
    ):
        raise UnreadableError(
            f"{name!r} in the zip file is packed by a method (number {member.method}) that cannot be read"
            " while it is downloaded; compress it with the usual one, deflate, and upload it again."
        )


def _content(source: Input, member: Member, most: int) -> Iterator[bytes]:
    if member.method == _DEFLATED:
        yield from inflated(source, -zlib.MAX_WBITS, most)
        return
    left = member.size
    while left:
        piece = source.some(min(left, most))
        left -= len(piece)
        yield piece


def _crc_behind(source: Input) -> int:
    """The checksum in the data descriptor, whose mark is optional and whose sizes have 4 or 8 bytes."""
    data = source.peek(28)
    for start in (4, 0):
        for sizes in (8, 16):
            end = start + 4 + sizes
            marked = start == 0 or data.startswith(_DESCRIPTOR)
            if marked and data[end : end + 4] in (LOCAL, _CENTRAL):
                source.take(end)
                found: int = struct.unpack_from("<L", data, start)[0]
                return found
    if len(data) < 28:
        raise EOFError
    raise UnreadableError(f"the zip file is damaged; {AGAIN}")
