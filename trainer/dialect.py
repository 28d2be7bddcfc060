"""Detects how a CSV is written, from its first megabyte: encoding, separator, decimal mark, header, task.

The app and the trainer detect the format with this code, so a dataset that the app accepts before any compute
is paid for is read in the same way by the trainer. Therefore this module and the `dialect_` modules that work
for it use the standard library only, and nothing else of the app or the trainer. On a node they lie beside
main.py; in the app they are modules of `trainer`.

Column names are made unique as pandas.read_csv does it (`a`, `a.1`; `Unnamed: 2` for an empty one), because a
deployed model gets the CSV through pandas and must find its columns under the same names.
"""

from __future__ import annotations

import codecs
import math
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

FLAT = "." not in __name__
"""Whether this is a file beside main.py. The two type checks know it as a constant, true or false."""
if FLAT:
    import dialect_rows
else:
    from trainer import dialect_rows

HEAD_BYTES = 1 << 20
"""Bytes of (decompressed) text from which the dialect is detected."""
LONGEST_NAME = 256
"""Characters that a column's name may have."""
GZIP = b"\x1f\x8b"
MOST_CLASS_NUMBERS = 20
"""Different whole numbers that a label may hold and still be a label of classes."""
MISSING = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>"}
) | {"N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"}
"""What pandas.read_csv reads as missing (its documented default `na_values`)."""

csv_rows = dialect_rows.csv_rows
unique_names = dialect_rows.unique_names
LONGEST_CELL = dialect_rows.LONGEST_CELL
UnreadableError = dialect_rows.UnreadableError

_NUMBER = re.compile(
    r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:inf|infinity)", re.IGNORECASE | re.ASCII
)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
_DECIMAL_POINT = re.compile(r"[+-]?\d+\.\d+", re.ASCII)


@dataclass(frozen=True)
class Dialect:
    """How a CSV is written. encoding: a codec that keeps a byte-order mark as text; decimal: "." or ","."""

    encoding: str = "utf-8"
    separator: str = ","
    decimal: str = "."
    compressed: bool = False


@dataclass(frozen=True)
class Inspection:
    """What the head of a CSV shows.

    columns: the names in the header, made unique. rows: the complete data rows, each a list with a cell for
    every column. whole: whether these are all rows of the file. renamed: for each column whose name was
    changed, its name in the header. lines: the line of the file, from 1, where each row begins.
    """

    dialect: Dialect
    columns: list[str]
    rows: list[list[str]]
    whole: bool
    renamed: dict[str, str] = field(default_factory=dict)
    lines: list[int] = field(default_factory=list)

    def cells(self, column: str) -> list[str]:
        """The cells of one column."""
        place = self.columns.index(column)
        return [row[place] for row in self.rows]


def inspect_head(head: bytes, *, whole: bool) -> Inspection:
    """Detect the dialect and the columns of a CSV.

    head: its first bytes, as they are stored: compressed if the file is. whole: whether that is the whole
    file; if not, there must be HEAD_BYTES of them. Raises UnreadableError.
    """
    compressed = head.startswith(GZIP)
    if compressed:
        head, whole = _first_decompressed(head, whole=whole)
    if not head.strip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"):
        raise UnreadableError("the file is empty; upload a CSV with a header row and data rows.")
    encoding, skip = encoding_of(head, whole=whole)
    text = _decoded(head[skip:], encoding, whole=whole)
    separator = dialect_rows.separator_of(text)
    numbered = dialect_rows.rows_of(text, separator, whole=whole)
    rows = [row for _, row in numbered]
    if not rows:
        raise UnreadableError(
            f"the first line is longer than {HEAD_BYTES >> 20} MiB, so it is not a header row."
        )
    header, data = rows[0], rows[1:]
    if not data:
        raise UnreadableError("there is a header but no data row; add the data.")
    columns, renamed = unique_names(header)
    for row in data:
        if len(row) < len(columns):
            row.extend([""] * (len(columns) - len(row)))
    if len(columns) < 2:
        raise UnreadableError(
            f"the header has only the column {columns[0][:LONGEST_NAME]!r}; a label and at least one feature"
            " are needed, separated by commas, semicolons, tabs or pipes."
        )
    for number, name in enumerate(columns, 1):
        if len(name) > LONGEST_NAME:
            raise UnreadableError(
                f"column {number} has a name of {len(name)} characters; at most {LONGEST_NAME} are possible."
            )
    dialect = Dialect(encoding, separator, decimal_of(data, separator), compressed)
    return Inspection(dialect, columns, data, whole, renamed, [line for line, _ in numbered[1:]])


def _first_decompressed(head: bytes, *, whole: bool) -> tuple[bytes, bool]:
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


def _decoded(head: bytes, encoding: str, *, whole: bool) -> str:
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


def decimal_of(rows: list[list[str]], separator: str) -> str:
    """The decimal mark: a comma if the separator is not a comma and more cells look like 1,5 than 1.5."""
    if separator == ",":
        return "."
    cells = [cell.strip() for row in rows[: dialect_rows.DETECTION_ROWS] for cell in row]
    commas = sum(1 for cell in cells if _DECIMAL_COMMA.fullmatch(cell))
    points = sum(1 for cell in cells if _DECIMAL_POINT.fullmatch(cell))
    return "," if commas > points else "."


def is_missing(cell: str) -> bool:
    return cell.strip() in MISSING


def number_of(cell: str, decimal: str = ".") -> float | None:
    """The number in a cell, which may be infinite, or None if it holds none."""
    text = cell.strip()
    if decimal == ",":
        text = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
    return float(text) if _NUMBER.fullmatch(text) else None


def task_of(cells: Iterable[str], decimal: str = ".") -> str:
    """The task that a label's cells suggest: "classification" or "regression".

    The rule is simple, so that a user can foresee its result. A label that holds anything but numbers holds
    classes. Numbers with fractions are a regression. Whole numbers are classes if there are at most
    MOST_CLASS_NUMBERS different ones, and at most half as many as rows (or only two).
    """
    different: set[float] = set()
    rows = 0
    fractions = False
    for cell in cells:
        if is_missing(cell):
            continue
        number = number_of(cell, decimal)
        if number is None:
            return "classification"
        if math.isinf(number):
            continue
        rows += 1
        fractions = fractions or not number.is_integer()
        different.add(number)
    many = len(different) > MOST_CLASS_NUMBERS or (len(different) > 2 and len(different) > rows / 2)
    if fractions or many:
        return "regression"
    return "classification"
