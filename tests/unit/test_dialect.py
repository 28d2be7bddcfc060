"""The dialect of a CSV, detected from its head; the app and the trainer use the same code."""

import csv
import gzip
import io
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer import dialect
from trainer.dialect import Inspection, UnreadableError, inspect_head, unique_names

ROWS = [["size", "farbe", "kind"], ["1,5", "grün; hell", "a"], ["2,25", 'say "x"', "b"], ["3", "a\nb", "a"]]


def written(rows: list[list[str]], separator: str, end: str = "\r\n") -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator=end).writerows(rows)
    return text.getvalue()


def seen(head: bytes, *, whole: bool = True) -> Inspection:
    return inspect_head(head, whole=whole)


@pytest.mark.parametrize(
    ("separator", "encoding", "packed"),
    list(
        product(",;\t|", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"], [False, True])
    ),
)
def test_separator_encoding_and_compression_are_detected(separator: str, encoding: str, packed: bool) -> None:
    head = written(ROWS, separator).encode(encoding)
    found = seen(gzip.compress(head) if packed else head)
    assert [found.columns, *found.rows] == ROWS
    assert (found.dialect.separator, found.dialect.compressed) == (separator, packed)
    assert found.dialect.decimal == ","


def test_a_gzip_file_of_several_members_is_one_text() -> None:
    head = gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n")
    assert seen(head).rows == [["1", "2"], ["3", "4"]]


def test_a_small_file_that_unpacks_to_very_much_is_read_no_further_than_needed() -> None:
    head = gzip.compress(b"a,b\n" + b"1,2\n" * (1 << 20))
    found = seen(head)
    assert not found.whole
    assert len(found.rows) * 4 <= dialect.HEAD_BYTES


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("cell", ["caf\xe9", "caf\xc3", "a\xe0\xa0", "a\xf0\x9f\x98"])
def test_latin_1_is_known_by_the_last_bytes_of_the_file_alone(cell: str, packed: bool) -> None:
    """They might be the beginning of a character in UTF-8, but nothing follows."""
    head = f"a,b\n1,{cell}".encode("latin-1")
    found = seen(gzip.compress(head) if packed else head)
    assert found.dialect.encoding == "cp1252"
    assert found.rows == [["1", head.rpartition(b",")[2].decode("cp1252")]]


def test_a_cut_character_at_the_end_of_a_whole_utf_8_file_is_refused() -> None:
    with pytest.raises(UnreadableError, match="not text in UTF-8"):
        seen("a,b\n1,é\n2,é".encode()[:-1])


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_what_is_cut_at_the_end_of_the_head_is_left_out(cut: int) -> None:
    head = 'a,b\n1,2\n3,"ä\nä'.encode()[:-cut]
    assert seen(head, whole=False).rows == [["1", "2"]]


LONG_CELLS = "a;b\n1;" + "x" * 150_000 + "\n2;y\n"
"""csv accepts no cell of more than 131,072 characters unless the process has raised its limit."""


@pytest.mark.parametrize("whole", [True, False])
def test_a_long_cell_is_read_whatever_field_limit_the_process_has(whole: bool) -> None:
    before = csv.field_size_limit()
    try:
        for limit in (131_072, 1 << 20, 10):
            csv.field_size_limit(limit)
            found = seen(LONG_CELLS.encode(), whole=whole)
            assert found.dialect.separator == ";"
            assert [len(row[1]) for row in found.rows] == [150_000, 1]
    finally:
        csv.field_size_limit(before)


def test_every_row_knows_the_line_it_begins_in() -> None:
    assert seen(b'\na,b\n\n1,"x\ny"\n\n2,z\n3,w').lines == [4, 7, 8]


def test_a_cut_head_cannot_turn_a_separator_in_quotes_into_the_separator() -> None:
    assert seen(b'a,b\n"1;2;3",x\n"4;5;6",y\n').dialect.separator == ","


@pytest.mark.parametrize(
    ("header", "names", "renamed"),
    [
        (["a", "b"], ["a", "b"], {}),
        (["a", "a", "a"], ["a", "a.1", "a.2"], {"a.1": "a", "a.2": "a"}),
        (["", " ", "x"], ["Unnamed: 0", " ", "x"], {"Unnamed: 0": ""}),
        (["a", "a", "a.1"], ["a", "a.2", "a.1"], {"a.2": "a"}),
    ],
)
def test_names_are_made_unique(header: list[str], names: list[str], renamed: dict[str, str]) -> None:
    assert unique_names(header) == (names, renamed)


@given(st.lists(st.sampled_from(["", " ", "a", "a.1", "a.2", "Unnamed: 0", "Unnamed: 1"]), max_size=8))
def test_unique_names_are_unique(header: list[str]) -> None:
    names, renamed = unique_names(header)
    assert len(set(names)) == len(names) == len(header)
    assert all(renamed.get(new, new) == old for new, old in zip(names, header, strict=True))


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_a_table_or_unreadable(head: bytes, whole: bool) -> None:
    try:
        found = inspect_head(head, whole=whole)
    except UnreadableError as why:
        assert "\n" not in str(why)  # noqa: PT017 - either outcome is right
        return
    assert len(found.columns) >= 2
    assert len(found.rows) == len(found.lines) > 0


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), max_size=8)


def test_a_first_row_of_data_is_not_the_header_because_the_header_counts() -> None:
    for first in ("0,:", "?,small", "low,high"):
        found = inspect_head(f"c0,c1\n{first}\n,0\n".encode(), whole=True)
        assert found.columns == ["c0", "c1"], first
    found = inspect_head(b"c0,c1\n?,3\n1,2\n3,4\n5,6\n", whole=True)
    assert found.columns == ["c0", "c1"]


@pytest.mark.parametrize("row", [",==", "--,", ",%", "#,"])
def test_a_last_row_of_a_sign_alone_is_a_row(row: str) -> None:
    assert inspect_head(f"c0,c1\na,b\n{row}\n".encode(), whole=True).rows[-1] == row.split(",")


@given(
    width=st.integers(2, 5),
    data=st.data(),
    separator=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_writer_writes_is_read_back(width: int, data: st.DataObject, separator: str, end: str) -> None:
    """Every cell quoted: then nothing else can be taken for the separator."""
    rows = data.draw(st.lists(st.lists(TEXT, min_size=width, max_size=width), min_size=1, max_size=5))
    header = [f"c{number}" for number in range(width)]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(
        [header, *rows]
    )
    found = inspect_head(text.getvalue().encode(), whole=True)
    assert [found.columns, *found.rows] == [header, *rows]
