"""The encoding of a text, from its first megabyte: a byte-order mark, UTF-8, UTF-16, or what is detected.

Like dialect.py, for which it works, it is a module of the app and of the trainer, which therefore lock the
same version of chardet: both must read a dataset in the same encoding.
"""

from __future__ import annotations

import codecs

FLAT = "." not in __name__
"""Whether this is a file beside main.py. The two type checks know it as a constant, true or false."""
if FLAT:
    import dialect_detection as detection
    from dialect_rows import UnreadableError
else:
    from trainer import dialect_detection as detection
    from trainer.dialect_rows import UnreadableError

errors_of = detection.errors_of
NAMES = {
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "cp1252": "Windows-1252 (Western European)",
    "mac-roman": "MacRoman (Western European)",
    "cp1250": "Windows-1250 (Central European)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)",
    "cp1255": "Windows-1255 (Hebrew)",
    "cp1256": "Windows-1256 (Arabic)",
    "cp1257": "Windows-1257 (Baltic)",
    "cp932": "Shift-JIS (Japanese)",
    "euc_jis_2004": "EUC-JP (Japanese)",
    "iso2022_jp_ext": "ISO-2022-JP (Japanese)",
    "gb18030": "GB18030 (Chinese; GBK and GB2312 are parts of it)",
    "big5hkscs": "Big5 (Chinese)",
    "cp949": "EUC-KR (Korean)",
    "cp874": "Windows-874 (Thai)",
    "koi8-r": "KOI8-R (Cyrillic)",
    "iso8859-2": "ISO 8859-2 (Central European)",
    "iso8859-5": "ISO 8859-5 (Cyrillic)",
    "iso8859-7": "ISO 8859-7 (Greek)",
    "cp437": "code page 437 (DOS)",
    "cp850": "code page 850 (DOS)",
    "cp852": "code page 852 (DOS)",
    "cp866": "code page 866 (DOS)",
}
"""What people call the codecs that `encoding_of` may name, UTF-8 apart."""
_JAPANESE_ESCAPES = (b"\x1b$B", b"\x1b$@", b"\x1b(I")


def name_of(encoding: str) -> str:
    """What people call an encoding."""
    return NAMES.get(encoding, encoding.upper())


def notes_on(encoding: str) -> list[str]:
    """One sentence on an encoding that is not UTF-8, none for UTF-8."""
    if encoding == "utf-8":
        return []
    if encoding.startswith("utf"):
        return [f"the file is in {name_of(encoding)}"]
    return [
        f"the file is not UTF-8 and was read as {name_of(encoding)}, which its bytes look like; if names or"
        " categories look wrong, save it as CSV (UTF-8) and upload it again"
    ]


def encoding_of(head: bytes, *, whole: bool) -> tuple[str, int]:
    """The encoding of a text that begins with `head`, and the length of its byte-order mark.

    UTF-16 without a byte-order mark is recognised by its zero bytes, ISO-2022-JP by its escape sequences.
    Windows-1252 is Latin-1 with letters and signs in place of some control characters. whole: whether `head`
    is all of the text. Raises UnreadableError when it is not text, or when nobody can tell its encoding.
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
    if head.isascii() and any(escape in head for escape in _JAPANESE_ESCAPES):
        return "iso2022_jp_ext", 0
    if is_utf_8(head, whole=whole):
        return "utf-8", 0
    if is_binary(head):
        raise UnreadableError("the file is not text; export the data as CSV (UTF-8).")
    if _is_incomplete_at_the_end_alone(head):
        return "cp1252", 0
    return encoding_like(head, whole=whole), 0


def encoding_like(text: bytes, *, whole: bool) -> str:
    """The encoding that a text which is not UTF-8 looks like. whole: whether no cut character can end it.

    Raises UnreadableError if it looks like none.
    """
    end = len(text) if whole else max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
    records = text[:end]
    encoding = detection.detected(text if records.isascii() else records)
    if not encoding:
        raise UnreadableError(
            "the file is not UTF-8, and it cannot be told which encoding it is in; save it as CSV (UTF-8) and"
            " upload it again."
        )
    return encoding


def is_utf_8(head: bytes, *, whole: bool) -> bool:
    """Whether a text is UTF-8. An incomplete character at the end of `head` is accepted if more text follows.

    At the end of a whole file it means Windows-1252 if all the rest is ASCII; otherwise the file is UTF-8 and
    was cut off, which decoding it reports.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(head)
    except UnicodeDecodeError:
        return False
    return not (whole and _is_incomplete_at_the_end_alone(head))


def _is_incomplete_at_the_end_alone(head: bytes) -> bool:
    """Whether a text is ASCII but for its last bytes, which may be the beginning of a character in UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(head)
    incomplete, _ = decoder.getstate()
    return bool(incomplete) and head[: -len(incomplete)].isascii()


def is_binary(head: bytes) -> bool:
    """Whether bytes hold control characters, which do not occur in text in any encoding of single bytes."""
    control = sum(head.count(byte) for byte in range(32) if byte not in b"\t\n\r\f\x1a\x1b")
    return control > 0


def decoded(head: bytes, encoding: str, *, whole: bool) -> str:
    """The text of a head. Raises UnreadableError."""
    decoder = codecs.getincrementaldecoder(encoding)(errors_of(encoding))
    try:
        text = decoder.decode(head, final=whole)
    except UnicodeDecodeError as error:
        raise UnreadableError(
            f"the file is not text in {name_of(encoding)} ({error.reason} at byte {error.start});"
            " export the data as CSV (UTF-8)."
        ) from None
    if "\0" in text:
        raise UnreadableError(
            "the file is not text: it holds zero characters; export the data as CSV (UTF-8)."
        )
    return text
