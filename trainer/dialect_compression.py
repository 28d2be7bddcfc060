"""The text of a compressed dataset, in pieces: gzip, or a zip file of one table.

It uses the standard library only, as dialect.py does, for which it works.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

FLAT = "." not in __name__
"""Whether this is a file beside main.py. The two type checks know it as a constant, true or false."""
if FLAT:
    import dialect_zip
    from dialect_rows import UnreadableError
    from dialect_zip import Input, Limits
else:
    from trainer import dialect_zip
    from trainer.dialect_rows import UnreadableError
    from trainer.dialect_zip import Input, Limits

HEAD_BYTES = 1 << 20
"""Bytes of (decompressed) text from which the dialect is detected."""
LEAST_PIECE = 1 << 16
"""Bytes of text that are given at a time, if there are so many."""
GZIP = b"\x1f\x8b"


def is_compressed(head: bytes) -> bool:
    """Whether a file that begins with `head` is a gzip or zip file."""
    return head.startswith((GZIP, dialect_zip.LOCAL))


def first_decompressed(head: bytes, *, whole: bool) -> tuple[bytes, bool]:
    """The first HEAD_BYTES of the text of a compressed file, and whether that is the whole text."""
    text = b""
    for piece in decompressed([head], complete=whole, most=HEAD_BYTES):
        text += piece
        if len(text) > HEAD_BYTES:
            return text[:HEAD_BYTES], False
    return text, whole


def decompressed(
    chunks: Iterable[bytes],
    *,
    complete: bool = True,
    most: int = 1 << 22,
    limits: Limits = dialect_zip.LIMITS,
) -> Iterator[bytes]:
    """The text of a compressed file in pieces of at most `most` bytes, all but the last of some size.

    Text may be a thousand times as long as its compressed form, so it is never returned in one piece. Raises
    UnreadableError if it is damaged, if its text is longer than the limits allow, if a zip file holds
    anything but one table, or if a `complete` file is cut off.
    """
    source = dialect_zip.Input(chunks, limits)
    zipped = source.peek(4) == dialect_zip.LOCAL
    kind, read = ("zip", dialect_zip.unzipped) if zipped else ("gzip", _gunzipped)
    try:
        yield from _gathered(read(source, most), min(LEAST_PIECE, most))
    except zlib.error as error:
        raise UnreadableError(
            f"the {kind} stream is damaged ({error}); compress and upload it again."
        ) from None
    except EOFError:
        if complete:
            raise UnreadableError(f"the {kind} stream is cut off; compress and upload it again.") from None


def _gathered(pieces: Iterable[bytes], least: int) -> Iterator[bytes]:
    """The same text in pieces of at least `least` bytes, but for one before a long one, an error or the end.

    Each piece is looked at several times further on, so a file of a million short streams must not give a
    million of them.
    """
    held: list[bytes] = []
    size = 0
    try:
        for piece in pieces:
            if held and len(piece) >= least:
                yield b"".join(held)
                held, size = [], 0
            held.append(piece)
            size += len(piece)
            if size >= least:
                yield b"".join(held)
                held, size = [], 0
    except (EOFError, UnreadableError, zlib.error):
        if held:
            yield b"".join(held)
        raise
    if held:
        yield b"".join(held)


def _gunzipped(source: Input, most: int) -> Iterator[bytes]:
    """The text of a gzip file, which may have several members. Raises EOFError if it is cut off."""
    yield from dialect_zip.inflated(source, 31, most)
    while following := source.peek(1):
        # Zeros after the last member are padding (gzip(1)); anything else is another member.
        if following == b"\0":
            _skip_zeros(source)
        else:
            yield from dialect_zip.inflated(source, 31, most)


def _skip_zeros(source: Input) -> None:
    window = dialect_zip.FIRST_WINDOW
    while source.peek(1) == b"\0":
        rest = source.some(window).lstrip(b"\0")
        source.put_back(len(rest))
        window = min(2 * window, dialect_zip.LAST_WINDOW)
