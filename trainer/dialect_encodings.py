"""The encoding of a text, from its first megabyte: a byte-order mark, UTF-8, UTF-16, or what is detected.

Like dialect.py, for which it works, it is a module of the app and of the trainer, which therefore lock the
same version of chardet: both must read a dataset in the same encoding.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator

FLAT = "." not in __name__
"""Whether this is a file beside main.py. The two type checks know it as a constant, true or false."""
if FLAT:
    import dialect_detection as detection
    from dialect_rows import UnreadableError, quoted
else:
    from trainer import dialect_detection as detection
    from trainer.dialect_rows import UnreadableError, quoted

errors_of = detection.errors_of
NAMES = {
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "utf-32-le": "UTF-32",
    "utf-32-be": "UTF-32",
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
    "koi8-u": "KOI8-U (Cyrillic)",
    "iso8859-6": "ISO 8859-6 (Arabic)",
    "iso8859-15": "ISO 8859-15 (Western European)",
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
FEWEST_OF_UTF_8, MOST_WRONG = 3, 0.2
"""Characters of several bytes that make a text UTF-8 with wrong bytes in it, and wrong ones beside each."""
REPLACEMENT, MARK = "\ufffd", "\ufeff"
LOOKED_AT = 100_000
"""Characters whose words are looked at for letters that were encoded twice."""
_SEVERAL_BYTES = re.compile(
    rb"[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}|(?P<wrong>[\x80-\xff])"
)
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
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if head.startswith(mark):
            return name, len(mark)
    sample = head[: min(4096, len(head) & ~3)]
    if len(sample) > 3:
        zeros = [sample[place::4].count(0) / (len(sample) // 4) for place in range(4)]
        if min(zeros[2:]) > 0.9 and zeros[0] < 0.05:
            return "utf-32-le", 0
        if min(zeros[:2]) > 0.9 and zeros[3] < 0.05:
            return "utf-32-be", 0
        odd, even = sample[1::2].count(0) / (len(sample) // 2), sample[::2].count(0) / (len(sample) // 2)
        if odd > 0.4 and even < 0.05:
            return "utf-16-le", 0
        if even > 0.4 and odd < 0.05:
            return "utf-16-be", 0
    if b"\0" in (head.rstrip(b"\0") if whole else head):
        raise UnreadableError("the file is not text: it holds zero bytes; export the data as CSV (UTF-8).")
    if head.isascii() and any(escape in head for escape in _JAPANESE_ESCAPES):
        return "iso2022_jp_ext", 0
    if is_utf_8(head, whole=whole):
        return "utf-8", 0
    if is_binary(head):
        raise UnreadableError("the file is not text; export the data as CSV (UTF-8).")
    if _is_incomplete_at_the_end_alone(head):
        return "cp1252", 0
    _refuse_wrong_bytes(head)
    return encoding_like(head, whole=whole), 0


def _refuse_wrong_bytes(head: bytes) -> None:
    """Raises UnreadableError, which names the row, if a text is UTF-8 but for a few bytes."""
    right, wrong, place = 0, 0, -1
    for found in _SEVERAL_BYTES.finditer(head):
        if found["wrong"]:
            wrong, place = wrong + 1, place if wrong else found.start()
        else:
            right += 1
    if right >= FEWEST_OF_UTF_8 and 0 < wrong <= MOST_WRONG * (right + wrong):
        row = 1 + len(re.findall(rb"\r\n|\r|\n", head[:place]))
        raise UnreadableError(
            f"row {row} holds a byte that is not UTF-8 text (0x{head[place]:02x}), although the rest is;"
            " export the data as CSV (UTF-8)."
        )


def without_marks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A text in UTF-8 without byte-order marks at the beginnings of lines; joined files have several."""
    rest = b"\n"  # as if a line end stood before the text
    for piece in pieces:
        data = rest + piece
        near_end = max(0, len(data) - len(codecs.BOM_UTF8))
        cut = max(data.rfind(b"\n", near_end), data.rfind(b"\r", near_end))
        data, rest = (data[:cut], data[cut:]) if cut >= 0 else (data, b"")
        yield _unmarked(data)
    yield _unmarked(rest)


def _unmarked(data: bytes) -> bytes:
    if codecs.BOM_UTF8 not in data:
        return data
    return re.sub(rb"([\r\n])(?:\xef\xbb\xbf)+", rb"\1", data)


def notes_on_text(text: str) -> list[str]:
    """Notes on letters that were lost, or read in a wrong encoding, before the file was written."""
    notes: list[str] = []
    if text.isascii():
        return notes
    if REPLACEMENT in text:
        notes.append(
            f"letters of the file were lost before it was uploaded: {text.count(REPLACEMENT)} are replaced by"
            f" {REPLACEMENT} (U+FFFD)"
        )
    words = list(dict.fromkeys(detection.words_of(text[:LOOKED_AT])))
    mended = {word: _read_once(word) for word in words}
    wrong = [word for word, right in mended.items() if right]
    if len(wrong) >= FEWEST_OF_UTF_8 and 2 * len(wrong) > len(words):
        notes.append(
            f"texts of the file look like UTF-8 that was read as Windows-1252 and saved again"
            f" ({quoted(wrong[0])} for {quoted(mended[wrong[0]])}); they are kept as they are"
        )
    return notes


def _read_once(word: str) -> str:
    """A word of which each letter was encoded twice, as it was before; "" for another one."""
    try:
        data = b"".join(mark.encode("latin-1" if "\x80" <= mark <= "\x9f" else "cp1252") for mark in word)
        found = data.decode("utf-8")
    except UnicodeError:
        return ""
    return found if len(found) < len(word) else ""


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
    if "\0" in (text.rstrip("\0") if whole else text):
        raise UnreadableError(
            "the file is not text: it holds zero characters; export the data as CSV (UTF-8)."
        )
    return text
