"""Names the format of a file that is no CSV, by its first bytes, so that a refusal can say what to do.

Sources: the formats' own specifications; for the older ones, the magic numbers of file(1).
"""

from __future__ import annotations

import re

FLAT = "." not in __name__
"""See dialect.py."""
if FLAT:
    from dialect_rows import UnreadableError
else:
    from trainer.dialect_rows import UnreadableError

EXPORT = "export the data as CSV (UTF-8)"
PACKED = "compress the CSV itself, with gzip or as a zip file"
BINARY: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "a zip file", PACKED),
    (b"PK\x05\x06", "an empty zip file", PACKED),
    (b"PK\x07\x08", "a part of a zip file", PACKED),
    (b"\x1f\x8b", "a gzip file", PACKED),
    (b"BZh", "a bzip2 file", PACKED),
    (b"\xfd7zXZ\0", "an xz file", PACKED),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file", PACKED),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip file", PACKED),
    (b"Rar!\x1a\x07", "a RAR file", PACKED),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel file (.xls) or another one of Microsoft Office", EXPORT),
    (b"PAR1", "a Parquet file", EXPORT),
    (b"ARROW1", "an Arrow file", EXPORT),
    (b"FEA1", "a Feather file", EXPORT),
    (b"ORC", "an ORC file", EXPORT),
    (b"Obj\x01", "an Avro file", EXPORT),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", EXPORT),
    (b"SQLite format 3\0", "an SQLite database", EXPORT),
    (b"$FL2", "an SPSS file (.sav)", EXPORT),
    (b"<stata_dta>", "a Stata file", EXPORT),
    (b"%PDF-", "a PDF file", EXPORT),
    (b"\x89PNG", "a picture (PNG)", EXPORT),
    (b"\xff\xd8\xff", "a picture (JPEG)", EXPORT),
)
"""What a file begins with, what it is then, and what to do."""
TEXT: tuple[tuple[str, str, str], ...] = (
    (r"<\?xml\b", "an XML file", EXPORT),
    (r"<!doctype html|<(?:html|head|body|table|script|meta|div)\b", "a web page (HTML)", EXPORT),
    (r"\{\\rtf", "a document (RTF)", EXPORT),
    (r"version https://git-lfs", "a pointer of Git LFS", "upload the file itself"),
    (r"@relation\b", "an ARFF file of Weka", EXPORT),
    (
        r'\{\s*"(?:[^"\\]|\\.)*"\s*:|\[\s*(?:\{\s*["}]|\[\s*["\[{0-9-]|"(?:[^"\\]|\\.)*"\s*,\s*\n)',
        "a JSON file",
        EXPORT,
    ),
    (r"(?:insert\s+into|create\s+table|drop\s+table)\s+\S+", "SQL", EXPORT),
)
"""The same for texts, as patterns without regard to case."""


def refuse_binary(head: bytes) -> None:
    """Raises UnreadableError if a file, or the content of a compressed one, begins like another format."""
    for magic, name, remedy in BINARY:
        if head.startswith(magic) and not (magic.isascii() and _is_line(head)):
            raise _refusal(name, remedy)
    if b"ustar" in head[250:270]:
        raise _refusal("a tar file", PACKED)
    if is_ebcdic(head):
        raise _refusal("text in EBCDIC, as mainframes write it", EXPORT)


def refuse_text(text: str) -> None:
    """Raises UnreadableError if a text begins like that of another format."""
    begin = text[:2000].lstrip()
    for pattern, name, remedy in TEXT:
        if re.match(pattern, begin, re.IGNORECASE):
            raise _refusal(name, remedy)


def is_ebcdic(head: bytes) -> bool:
    """Whether bytes are text in EBCDIC: digits are 0xF0 to 0xF9, commas 0x6B, and ASCII digits are rare."""
    some = head[:4096]
    digits = sum(some.count(digit) for digit in range(0xF0, 0xFA))
    usual = sum(some.count(digit) for digit in b"0123456789,;\n")
    return digits > 0.2 * len(some) and digits > 20 * usual


def _is_line(head: bytes) -> bool:
    """Whether bytes that begin with letters go on as a line of text (PAR1,PAR2), not as a binary file."""
    line = re.split(rb"[\r\n]", head[:200], maxsplit=1)[0]
    return line.isascii() and re.search(rb"[,;\t|]", line) is not None and b"\0" not in line


def _refusal(name: str, remedy: str) -> UnreadableError:
    return UnreadableError(f"it is {name}, not a CSV; {remedy}.")
