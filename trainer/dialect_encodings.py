"""The encoding of a text, from its first megabyte.

It uses the standard library only, as dialect.py does, for which it works.
"""

from __future__ import annotations

import codecs

FLAT = "." not in __name__
"""Whether this is a file beside main.py. The two type checks know it as a constant, true or false."""
if FLAT:
    from dialect_rows import UnreadableError
else:
    from trainer.dialect_rows import UnreadableError


def encoding_of(head: bytes, *, whole: bool) -> tuple[str, int]:
    """The encoding of a text that begins with `head`, and the length of its byte-order mark.

    UTF-16 without a byte-order mark is recognised by its zero bytes. Text that is not UTF-8 is read as
    Windows-1252, which is Latin-1 with letters and signs in place of some control characters. whole: whether
    `head` is all of the text. Raises UnreadableError when it is not text.
    """
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if head.startswith(mark):
            return name, len(mark)
    sample = head[:4096]
    if len(sample) > 3:
        odd, even = sample[1::2].count(0) / (len(sample) // 2), sample[::2].count(0) / (len(sample) // 2)
        if odd > 0.4 and even < 0.05:
            return "utf-16-le", 0
        if even > 0.4 and odd < 0.05:
            return "utf-16-be", 0
    if b"\0" in head:
        raise UnreadableError("the file is not text: it holds zero bytes; export the data as CSV (UTF-8).")
    if is_utf_8(head, whole=whole):
        return "utf-8", 0
    if is_binary(head):
        raise UnreadableError("the file is not text; export the data as CSV (UTF-8).")
    return "cp1252", 0


def is_utf_8(head: bytes, *, whole: bool) -> bool:
    """Whether a text is UTF-8. An incomplete character at the end of `head` is accepted if more text follows.

    At the end of a whole file it means Latin-1 if all the rest is ASCII; otherwise the file is UTF-8 and was
    cut off, which decoding it reports.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(head)
    except UnicodeDecodeError:
        return False
    incomplete, _ = decoder.getstate()
    return not (whole and incomplete and head[: -len(incomplete)].isascii())


def is_binary(head: bytes) -> bool:
    """Whether bytes hold control characters, which do not occur in text, and so are not Latin-1 either."""
    control = sum(head.count(byte) for byte in range(32) if byte not in b"\t\n\r\f\x1a\x1b")
    return control > 0


def _latin_1(error: UnicodeError) -> tuple[str, int]:
    """Decode the five bytes that Windows-1252 leaves undefined as Latin-1."""
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("touchdown-latin-1", _latin_1)


def errors_of(encoding: str) -> str:
    """The codecs error handler for bytes that are not defined in `encoding`."""
    return "touchdown-latin-1" if encoding == "cp1252" else "strict"


def decoded(head: bytes, encoding: str, *, whole: bool) -> str:
    """The text of a head. Raises UnreadableError."""
    decoder = codecs.getincrementaldecoder(encoding)(errors_of(encoding))
    try:
        text = decoder.decode(head, final=whole)
    except UnicodeDecodeError as error:
        raise UnreadableError(
            f"the file is not text in {encoding.upper()} ({error.reason} at byte {error.start});"
            " export the data as CSV (UTF-8)."
        ) from None
    if "\0" in text:
        raise UnreadableError(
            "the file is not text: it holds zero characters; export the data as CSV (UTF-8)."
        )
    return text
