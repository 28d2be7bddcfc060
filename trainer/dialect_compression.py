"""The text of a compressed dataset, in pieces.

It uses the standard library only, as dialect.py does, for which it works.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

FLAT = "." not in __name__
"""Whether this is a file beside main.py. The two type checks know it as a constant, true or false."""
if FLAT:
    from dialect_rows import HEAD_BYTES, UnreadableError
else:
    from trainer.dialect_rows import HEAD_BYTES, UnreadableError

GZIP = b"\x1f\x8b"


def is_compressed(head: bytes) -> bool:
    """Whether a file that begins with `head` is a gzip file."""
    return head.startswith(GZIP)


def first_decompressed(head: bytes, *, whole: bool) -> tuple[bytes, bool]:
    """The first HEAD_BYTES of the text of a gzip file, and whether that is the whole text."""
    text = b""
    try:
        for piece in decompressed([head], complete=whole):
            text += piece
            if len(text) > HEAD_BYTES:
                return text[:HEAD_BYTES], False
    except EOFError:
        raise UnreadableError("the gzip stream is cut off; compress and upload it again.") from None
    return text, whole


def decompressed(chunks: Iterable[bytes], *, complete: bool = True, most: int = 1 << 22) -> Iterator[bytes]:
    """The text of a gzip file, which may have several members, in pieces of at most `most` bytes.

    Text may be a thousand times as long as its compressed form, so it is never returned in one piece.
    Raises UnreadableError if it is not a gzip stream, and EOFError if a `complete` one is cut off.
    """
    inflater = zlib.decompressobj(wbits=31)
    has_data = False
    try:
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
    except zlib.error as error:
        raise UnreadableError(
            f"the gzip stream is damaged ({error}); compress and upload it again."
        ) from None
    if complete and not (has_data and inflater.eof):
        raise EOFError
