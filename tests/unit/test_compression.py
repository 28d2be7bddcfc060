"""Compressed datasets: gzip, and zip files of one table, read from their beginning as they pass."""

import contextlib
import gzip
import io
import random
import struct
import zipfile
from collections.abc import Iterator

import pytest

from trainer.dialect import UnreadableError, inspect_head
from trainer.dialect_compression import HEAD_BYTES, decompressed
from trainer.dialect_zip import Limits

TEXT = b"a,b,y\n" + b"".join(b"%d,%d,u\n" % (n, n % 7) for n in range(500))
LONG = b"a,b,y\n" + b"".join(b"%d,%d,u\n" % (n, n % 7) for n in range(300_000))


class Unseekable(io.BytesIO):
    """A stream that zipfile must write without going back, so sizes and checksum follow the content."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:
        raise io.UnsupportedOperation

    def tell(self) -> int:
        raise io.UnsupportedOperation


def zipped(
    *members: tuple[str, bytes],
    method: int = zipfile.ZIP_DEFLATED,
    streamed: bool = False,
    long: bool = False,
) -> bytes:
    """A zip file. streamed: sizes and checksum follow the content; long: sizes have 8 bytes."""
    content = Unseekable() if streamed else io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in members:
            with archive.open(_info(name, method), "w", force_zip64=long) as member:
                member.write(data)
    return content.getvalue()


def _info(name: str, method: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.compress_type = method
    return info


def in_chunks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@pytest.mark.parametrize("chunk", [1, 7, 1000, 1 << 20])
@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(TEXT),
        zipped(("t.csv", TEXT)),
        zipped(("t.csv", TEXT), method=zipfile.ZIP_STORED),
        zipped(("t.csv", TEXT), streamed=True),
        zipped(("t.csv", TEXT), long=True),
        zipped(("t.csv", TEXT), long=True, streamed=False, method=zipfile.ZIP_STORED),
        zipped(("folder/", b""), ("folder/Tabelle.TXT", TEXT), ("__MACOSX/folder/._Tabelle.TXT", b"x" * 99)),
        zipped(("größe.csv", TEXT), ("__MACOSX/._größe.csv", b"x"), streamed=True),
        zipped((".DS_Store", b"x"), ("a/t.csv", TEXT), ("a/._t.csv", b"x"), ("Thumbs.db", b"x")),
    ],
    ids=["gzip", "zip", "stored", "streamed", "long", "long and stored", "macOS", "macOS streamed", "beside"],
)
def test_the_text_is_what_was_compressed_however_it_arrives(data: bytes, chunk: int) -> None:
    assert b"".join(decompressed(in_chunks(data, chunk))) == TEXT


@pytest.mark.parametrize("pack", [gzip.compress, lambda text: zipped(("t.csv", text))], ids=["gzip", "zip"])
def test_no_piece_is_longer_than_asked_for(pack: object) -> None:
    packed = pack(b"a,b\n" + b"1,2\n" * 1_000_000)  # type: ignore[operator]
    pieces = list(decompressed([packed], most=10_000))
    assert max(map(len, pieces)) <= 10_000
    assert sum(map(len, pieces)) == 4_000_004


def test_the_head_of_a_zip_file_shows_its_first_rows() -> None:
    packed = zipped(("t.csv", LONG), method=zipfile.ZIP_STORED)
    found = inspect_head(packed[:HEAD_BYTES], whole=False)
    assert (found.columns, found.rows[0], found.whole) == (["a", "b", "y"], ["0", "0", "u"], False)
    assert found.dialect.compressed


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (zipped(("a.csv", TEXT), ("b.csv", TEXT)), r"holds more than one file \('a.csv', 'b.csv'\)"),
        (zipped(("a.parquet", TEXT)), r"'a.parquet', which is not a .csv, .tsv or .txt file; export the"),
        (zipped(("[Content_Types].xml", b"<x/>")), r"it is an Excel file \(.xlsx\)"),
        (zipped(("folder/", b"")), "holds no file"),
        (zipped(("a.csv", TEXT), method=zipfile.ZIP_BZIP2), r"method \(number 12\)"),
        (zipped(("a.csv", TEXT), method=zipfile.ZIP_STORED, streamed=True), "method"),
        (zipped(("a.csv", TEXT))[:-300], "the zip stream is cut off"),
        (zipped(("a.csv", TEXT))[:40], "the zip stream is cut off"),
        (gzip.compress(TEXT)[:-9], "the gzip stream is cut off"),
    ],
)
def test_what_is_not_one_whole_table_is_refused_with_the_remedy(data: bytes, why: str) -> None:
    with pytest.raises(UnreadableError, match=why) as refused:
        inspect_head(data, whole=True)
    assert "upload it again" in str(refused.value) or "export the data" in str(refused.value)


def test_a_password_is_named() -> None:
    data = bytearray(zipped(("a.csv", TEXT)))
    struct.pack_into("<H", data, 6, 1)
    with pytest.raises(UnreadableError, match=r"'a.csv' in the zip file is encrypted"):
        inspect_head(bytes(data), whole=True)


@pytest.mark.parametrize("streamed", [False, True])
def test_another_checksum_is_damage(streamed: bool) -> None:
    data = zipped(("a.csv", TEXT), method=zipfile.ZIP_DEFLATED, streamed=streamed)
    place = 14 if not streamed else data.index(b"PK\x07\x08") + 4
    spoiled = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
    with pytest.raises(UnreadableError, match="damaged"):
        inspect_head(spoiled, whole=True)


def test_changed_bytes_never_give_other_text_in_silence() -> None:
    data, chance = zipped(("a.csv", TEXT), streamed=True), random.Random(1)
    for _ in range(300):
        place = chance.randrange(len(data) - 100)
        change = bytes([data[place] ^ (1 + chance.randrange(255))])
        with contextlib.suppress(UnreadableError):
            assert b"".join(decompressed([data[:place] + change + data[place + 1 :]])) == TEXT


@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
def test_a_file_of_many_members_is_read_as_one(size: int) -> None:
    parts = [TEXT[start : start + 40] for start in range(0, len(TEXT), 40)]
    data = b"".join(gzip.compress(part) + b"\0" * (number % 3) for number, part in enumerate(parts))
    found = list(decompressed(in_chunks(data, size)))
    assert b"".join(found) == TEXT
    assert len(found) == 1, "members of some bytes come together"


@pytest.mark.parametrize("kind", ["gzip", "zip", "beside"])
def test_a_file_whose_text_is_a_thousand_times_as_long_is_refused(kind: str) -> None:
    text = b"a,b,y\n" + b"0,0,u\n" * 20_000_000 if kind != "beside" else bytes(100 << 20)
    data = {
        "gzip": lambda: gzip.compress(text),
        "zip": lambda: zipped(("a.csv", text)),
        "beside": lambda: zipped(("__MACOSX/a", text), ("a.csv", TEXT)),
    }[kind]()
    sizes: list[int] = []
    with pytest.raises(UnreadableError, match="more than 100 times as long"):
        sizes.extend(map(len, decompressed(in_chunks(data, 1 << 16))))
    assert sum(sizes) < (70 << 20) + 100 * len(data)


def test_a_text_that_is_longer_than_allowed_is_refused() -> None:
    data = gzip.compress(LONG)
    assert b"".join(decompressed([data], limits=Limits(text=len(LONG)))) == LONG
    with pytest.raises(UnreadableError, match="longer than 1 MiB"):
        list(decompressed([data], limits=Limits(text=1 << 20)))


def test_a_small_text_may_be_any_number_of_times_as_long_as_its_file() -> None:
    text = b"a,b,y\n" + b"0,0,u\n" * 1_000_000
    assert sum(map(len, decompressed([gzip.compress(text)]))) == len(text)
