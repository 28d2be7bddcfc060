"""Files that are no CSV, whatever they are called, are refused by their names."""

import gzip
import json
from collections.abc import Callable

import pytest

from tests.unit.test_compression import zipped
from trainer.dialect import UnreadableError, inspect_head

JUNK = bytes(range(256)) * 20
FORMATS: dict[str, bytes] = {
    "an Excel file (.xls)": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + JUNK,
    "an Excel file (.xlsx)": zipped(("xl/workbook.xml", b"<x/>")),
    "an OpenDocument file": zipped(("mimetype", b"application/vnd.oasis.opendocument.spreadsheet")),
    "a Parquet file": b"PAR1\x15\x04" + JUNK,
    "an Arrow file": b"ARROW1\0\0" + JUNK,
    "an HDF5 file": b"\x89HDF\r\n\x1a\n" + JUNK,
    "an SQLite database": b"SQLite format 3\0" + JUNK,
    "a PDF file": b"%PDF-1.4\n1 0 obj\n<< /Type, /Catalog >>\nendobj\n" * 9,
    "a picture (PNG)": b"\x89PNG\r\n\x1a\n" + JUNK,
    "a web page (HTML)": b"<!DOCTYPE html>\n<html>\n<p>Log in, please, or, else</p>\n</html>\n",
    "an XML file": b'<?xml version="1.0"?>\n<rows>\n<row a="1" b="2"/>\n</rows>\n',
    "a JSON file": json.dumps([{"a": 1, "b": 2}] * 9).encode(),
    "SQL": b"INSERT INTO t (a, b) VALUES (1, 2);\n" * 9,
    "a document (RTF)": b"{\\rtf1\\ansi\na,b\\par\n1,2\\par\n}",
    "an ARFF file of Weka": b"@relation t\n@attribute a numeric\n@data\n1,2\n",
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n",
    "text in EBCDIC": "".join(f"{n},{n * 7},ja\r\n" for n in range(99)).encode("cp500"),
    "a bzip2 file": b"BZh91AY&SY" + JUNK,
    "an xz file": b"\xfd7zXZ\0" + JUNK,
    "a 7-Zip file": b"7z\xbc\xaf\x27\x1c" + JUNK,
    "an empty zip file": b"PK\x05\x06" + bytes(18),
}


def as_it_is(data: bytes) -> bytes:
    return data


@pytest.mark.parametrize("packed", [as_it_is, gzip.compress])
@pytest.mark.parametrize("name", FORMATS)
def test_another_format_is_refused_by_its_name(name: str, packed: Callable[[bytes], bytes]) -> None:
    data = packed(FORMATS[name])
    if data[:2] == b"\x1f\x8b" and FORMATS[name][:4] == b"PK\x03\x04":
        name = "a zip file"
    with pytest.raises(UnreadableError) as refused:
        inspect_head(data, whole=True)
    assert str(refused.value).startswith(f"it is {name}")
    assert "not a CSV; " in str(refused.value)


def test_a_compressed_file_in_a_compressed_file_is_refused() -> None:
    with pytest.raises(UnreadableError, match=r"it is a gzip file, not a CSV; compress the CSV itself"):
        inspect_head(gzip.compress(gzip.compress(b"a,b\n1,2\n")), whole=True)


@pytest.mark.parametrize("first", ["PAR1", "ORC", "BZh", "<TICKER>", "[a]", "{a}"])
def test_a_name_that_begins_like_another_format_is_a_name(first: str) -> None:
    found = inspect_head(f"{first},b\n1,2\n3,4\n".encode(), whole=True)
    assert found.columns == [first, "b"]
