"""A hostile file is read, or refused, with no more work than a fair one of its size.

Work is counted: the functions that are called for each MiB of the file, and the bytes that are given to zlib
and joined to blocks. What a pattern of regular expressions does shows in none of them. So the files are so
long that a pattern which takes the square of their length would not end.
"""

import gzip
import io
import itertools
import random
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, SimpleNamespace
from typing import Any

import pytest

from tests.trainer.flat import flat_module
from trainer import dialect, dialect_compression, dialect_zip

SIZE = 256 << 10
"""Bytes of a generated file, about: so few that each takes little, and so many that a square shows."""
CALLS_PER_MIB = 20_000_000
"""Calls of functions for each MiB of text: a fair file of short cells takes an eighth."""
BYTES_PER_BYTE = 24
"""How many bytes zlib gets, or a block is joined of, for each byte of a file."""
HEADER = b"a,b,y\n"
ROWS = b"1,2,u\n3,4,v\n"


def fair(size: int) -> bytes:
    return HEADER + b"".join(b"%d,%d,%c\n" % (n, n * 7 % 97, b"uv"[n % 2]) for n in range(size // 12))


def members(text: bytes, size: int) -> bytes:
    """A gzip file of many members, each of which holds `text`."""
    each = gzip.compress(text)
    return gzip.compress(HEADER + ROWS * 9) + each * (size // len(each))


def beside(size: int) -> bytes:
    """A zip file of a table, before which stand many files that a Mac leaves there."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(size // 60):
            archive.writestr(f"__MACOSX/{number}", b"")
        archive.writestr("a.csv", HEADER + ROWS * 9)
    return out.getvalue()


def with_row(row: bytes) -> bytes:
    """A table whose last row is hostile."""
    return HEADER + ROWS * 9 + row + b"\n"


KINDS: dict[str, Callable[[int], bytes]] = {
    "fair": fair,
    "empty members": lambda size: members(b"", size),
    "members of a byte": lambda size: members(b"1", size),
    "members of a quote, then of bytes": lambda size: (
        gzip.compress(HEADER + ROWS + b'1,"') + members(b"x", size)
    ),
    "zeros between members": lambda size: gzip.compress(HEADER + ROWS) + b"\0" * size + gzip.compress(ROWS),
    "a zip file of files beside": beside,
    "a quote that is not closed": lambda size: HEADER + ROWS + b'1,"' + b"x\n" * (size // 2),
    "a quote in each cell, with a line end": lambda size: HEADER + b'"\n",1,u\n' * (size // 9),
    "one row of cells of a line end": lambda size: HEADER + ROWS + b'"\n",' * (size // 4),
    "quotes alone": lambda size: HEADER + ROWS + b'"' * size,
    "quotes in quotes": lambda size: HEADER + ROWS + b'"' + b'""' * (size // 2) + b",2,u\n",
    "single quotes within cells": lambda size: HEADER + b'5",",u\n' * (size // 7),
    "a row of separators": lambda size: with_row(b"," * size),
    "a row of separators behind a quote": lambda size: with_row(b'5"' + b"," * size),
    "rows of separators": lambda size: HEADER + ROWS * 9 + b",,\n" * (size // 3),
    "empty lines": lambda size: HEADER + ROWS * 9 + b"\n" * size,
    "carriage returns": lambda size: HEADER + ROWS * 9 + b"\r" * size,
    "no line end": lambda size: HEADER + b"x" * size,
    "a giant cell": lambda size: with_row(b"1,2," + b"x" * size),
    "giant cells in quotes": lambda size: HEADER + (b'1,"' + b"x" * (size // 4) + b'",u\n') * 4,
    "zeros": lambda size: HEADER + ROWS + b"\0" * size,
    "digits": lambda size: HEADER + ROWS * 9 + b"9" * size + b"\n",
    "digits in the header": lambda size: b"column" + b"1" * size + b",b,y\n" + ROWS * 9,
    "digits in first cells": lambda size: HEADER + (b"9" * (size // 9) + b",2\n") * 9,
    "a total, and blanks": lambda size: with_row(b"total" + b" " * size + b"x,,"),
    "a number, and blanks": lambda size: with_row(b"1" + b" " * size + b"x"),
    "a quoted line of separators": lambda size: b'"a' + b"," * size + b"\n" + b'"1,2\n' * 9,
    "a word beside another letter": lambda size: "a,b,y\né,2,u\n".encode() + b"1," + b"x" * size + b",v\n",
    "the header again": lambda size: HEADER * (size // 6) + ROWS,
    "the header again, in quotes": lambda size: b'"a","b","y"\n' * (size // 12) + ROWS,
    "backslashes": lambda size: HEADER + b'1,"a\\"b",u\n' * 9 + b"\\" * size + b"\n",
    "backslashes without a line end": lambda size: HEADER + b'1, "a\\"b",u\n' * 9 + b"1" * size,
    "marks in one column": lambda size: (
        b"".join(b"%d!%d#" % (n, n) for n in range(size // 12)) + b"\n1\n2\n3\n4\n5\n"
    ),
    "many columns": lambda size: b",".join(b"c%d" % n for n in range(size // 7)) + b"\n" + b"1," * 9,
    "columns of one name": lambda size: b",".join([b"a"] * 9999) + (b"\n" + b",".join([b"1"] * 9999)) * 8,
    "different texts": lambda size: (
        HEADER + b"".join(b"%d,t%dx%d,u\n" % (n, n * 7, n) for n in range(size // 20))
    ),
    "byte-order marks": lambda size: HEADER + b"\xef\xbb\xbf1,2,u\n" * (size // 9),
    "byte-order marks alone": lambda size: HEADER + ROWS + b"\xef\xbb\xbf" * (size // 3),
    "UTF-16 of halves of pairs": lambda size: HEADER.decode().encode("utf-16") + b"\x00\xd8" * (size // 2),
    "UTF-16 that is cut": lambda size: (HEADER + ROWS * (size // 24)).decode().encode("utf-16")[:-1],
    "UTF-16 without a mark of line ends": lambda size: (
        (HEADER + b"\n" * (size // 2)).decode().encode("utf-16-le")
    ),
    "UTF-16 of one character": lambda size: "a,b,y\n1,2,".encode("utf-16") + b"\x0a\x0a" * (size // 2),
    "UTF-32 beyond Unicode": lambda size: HEADER.decode().encode("utf-32") + b"\xff" * (size & ~3),
    "wrong bytes": lambda size: HEADER + ROWS + "ééé".encode() + b"\xff" * size,
    "bytes of many encodings": lambda size: HEADER + bytes(range(128, 256)) * (size // 128),
    "curly quotes": lambda size: ("a,b,y\n" + "“1”,“" * (size // 8)).encode(),
    "random bytes": lambda size: random.Random(1).randbytes(size),
    "random signs": lambda size: HEADER + bytes(random.Random(2).choices(b"\",;\n\r\t |\\'1a", k=size)),
}


@contextmanager
def counted(calls: list[int]) -> Iterator[None]:
    """Count calls of functions, those in C as well."""

    def count(_: FrameType, event: str, __: Any) -> None:
        if event in ("call", "c_call"):
            calls[0] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(before)


class Inflater:
    """A decompressobj of zlib that counts what it is given: zlib copies all of it that it does not need."""

    given = 0

    def __init__(self, *arguments: Any, **names: Any) -> None:
        self._own = REAL_INFLATER(*arguments, **names)

    def decompress(self, data: bytes, most: int) -> bytes:
        Inflater.given += len(data)
        return self._own.decompress(data, most)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)


REAL_INFLATER = zlib.decompressobj


def read_all(data: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[str, int]:
    """Read a file as app and trainer do: why it is refused, or "", and the bytes joined to blocks."""
    reading, refusals = flat_module("reading"), flat_module("refusals")
    monkeypatch.setattr(reading, "BLOCK_BYTES", 64 << 10)
    joined = 0
    real = reading.next_parts

    def next_parts(pieces: Iterator[bytes], rest: bytes) -> tuple[list[bytes], bool]:
        nonlocal joined
        parts, ended = real(pieces, rest)
        joined += sum(map(len, parts))
        return parts, ended

    monkeypatch.setattr(reading, "next_parts", next_parts)
    try:
        dialect.inspect_head(data[: dialect.HEAD_BYTES], whole=len(data) <= dialect.HEAD_BYTES)
    except dialect.UnreadableError as error:
        return str(error), 0
    try:
        source = reading.Source(
            "d.csv", lambda: (data[at : at + (16 << 10)] for at in range(0, len(data), 16 << 10))
        )
        for _ in source.blocks():
            pass
    except refusals.BadInputError as error:
        return str(error), joined
    return "", joined


@pytest.mark.parametrize("row", [b",,\n", b"1,,u\n", b'"\n",,u\n'], ids=ascii)
def test_no_block_grows_with_rows_that_are_kept_together_or_short(
    row: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row takes up to a hundred times its bytes while it is parsed, so a block of many takes a gigabyte."""
    reading = flat_module("reading")
    monkeypatch.setattr(reading, "BLOCK_BYTES", 8 << 10)
    monkeypatch.setattr(reading, "LONGEST_RECORD", 64 << 10)
    monkeypatch.setattr(reading, "MOST_LINES", 2000)
    data = HEADER + ROWS * 90_000 + row * 20_000 + ROWS
    source = reading.Source("d.csv", lambda: iter([data[:2_000_000], data[2_000_000:]]))
    blocks = list(source.blocks())
    assert max(block.lines for block in blocks) < 4200
    assert b"".join(block.data for block in blocks) == data[len(HEADER) :]
    lines = [block.line for block in blocks]
    assert lines == [2 + data[len(HEADER) :].count(b"\n", 0, place) for place in starts(blocks)]


def starts(blocks: list[Any]) -> list[int]:
    """Where blocks begin in the text that they are pieces of."""
    return list(itertools.accumulate((len(block.data) for block in blocks[:-1]), initial=0))


@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_file_takes_no_more_work_than_its_size_allows(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = KINDS[kind](SIZE)
    text = data
    if data.startswith(dialect_compression.GZIP):
        text = b"x" * max(len(data), sum(map(len, dialect_compression.decompressed([data], complete=False))))
    for module in (dialect_zip, flat_module("dialect_zip")):
        monkeypatch.setattr(module, "zlib", SimpleNamespace(**vars(zlib) | {"decompressobj": Inflater}))
    Inflater.given = 0
    calls = [0]
    with counted(calls):
        refusal, joined = read_all(data, monkeypatch)
    assert calls[0] <= CALLS_PER_MIB * max(len(text), SIZE) / (1 << 20)
    assert Inflater.given <= BYTES_PER_BYTE * len(data)
    assert joined <= BYTES_PER_BYTE * max(len(text), SIZE)
    assert refusal.isprintable(), "a refusal is a single line"
    assert len(refusal) < 600
