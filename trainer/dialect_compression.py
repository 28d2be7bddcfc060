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
else:
    from trainer import dialect_zip
    from trainer.dialect_rows import UnreadableError

HEAD_BYTES = 1 << 20
"""Bytes of (decompressed) text from which the dialect is detected."""
GZIP = b"\x1f\x8b"


def is_compressed(head: bytes) -> bool:
    """Whether a file that begins with `head` is a gzip or zip file."""
    return head.startswith((GZIP, dialect_zip.LOCAL))


def first_decompressed(head: bytes, *, whole: bool) -> tuple[bytes, bool]:
    """The first HEAD_BYTES of the text of a compressed file, and whether that is the whole text."""
    text = b""
    for piece in decompressed([head], complete=whole):
        text += piece
        if len(text) > HEAD_BYTES:
            return text[:HEAD_BYTES], False
    return text, whole


def decompressed(chunks: Iterable[bytes], *, complete: bool = True, most: int = 1 << 22) -> Iterator[bytes]:
    """The text of a compressed file in pieces of at most `most` bytes.

    Text may be a thousand times as long as its compressed form, so it is never returned in one piece. Raises
    UnreadableError if it is damaged, if a zip file holds anything but one table, or if a `complete` file is
    cut off.
    """
    source = dialect_zip.Input(chunks)
    zipped = source.peek(4) == dialect_zip.LOCAL
    kind, read = ("zip", dialect_zip.unzipped) if zipped else ("gzip", _gunzipped)
    try:
        yield from read(source.remaining(), most)
    except zlib.error as error:
        raise UnreadableError(
            f"the {kind} stream is damaged ({error}); compress and upload it again."
        ) from None
    except EOFError:
        if complete:
            raise UnreadableError(f"the {kind} stream is cut off; compress and upload it again.") from None


def _gunzipped(chunks: Iterable[bytes], most: int) -> Iterator[bytes]:
    """The text of a gzip file, which may have several members. Raises EOFError if it is cut off."""
    inflater = zlib.decompressobj(wbits=31)
    has_data = False
    for chunk in chunks:
        data = chunk
        while data:
            if inflater.eof:
                # Zeros after the last member are padding (gzip(1)); anything else is another member.
                data = data.lstrip(b"\0")
                if not data:
                    break
                inflater = zlib.decompressobj(wbits=31)
            has_data = True
            piece = inflater.decompress(data, most)
            if piece:
                yield piece
            while len(piece) == most:
                piece = inflater.decompress(inflater.unconsumed_tail, most)
                if piece:
                    yield piece
            data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    if not (has_data and inflater.eof):
        raise EOFError
