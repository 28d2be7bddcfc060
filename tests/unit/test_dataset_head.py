"""The first look at a dataset: rows from bytes that may be anything, and refusals in words."""

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from activities.storage import HEAD, rows_of, text_rows
from runs.errors import Refused

NAME = "iris_csv.csv"


def rows(head: bytes, *, whole: bool = True) -> list[list[str]]:
    return rows_of(NAME, head, whole=whole)


def why(head: bytes, *, whole: bool = True) -> str:
    with pytest.raises(Refused) as refused:
        rows(head, whole=whole)
    assert refused.value.code == "InvalidDataset"
    message = str(refused.value)
    assert message.startswith(f"dataset {NAME}: ")
    assert len(message) < 1000
    return message.removeprefix(f"dataset {NAME}: ")


# --- What is read -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        b"a,b,label\n1,2,x\n",
        b"a,b,label\r\n1,2,x\r\n",
        b"a,b,label\r1,2,x\r",
        b"a,b,label\n1,2,x",
        b"\xef\xbb\xbfa,b,label\n1,2,x\n",
        b"\n\na,b,label\n\n1,2,x\n\n",
        b'"a","b","label"\n"1","2","x"\n',
    ],
    ids=["lf", "crlf", "cr", "no last line end", "bom", "blank lines", "quoted"],
)
def test_the_usual_ways_to_write_a_csv_are_read_alike(text: bytes) -> None:
    assert rows(text) == [["a", "b", "label"], ["1", "2", "x"]]


def test_commas_quotes_and_line_ends_inside_quotes_belong_to_the_cell() -> None:
    assert rows(b'"a, ""b""",label\n"line 1\nline 2",x\n')[0] == ['a, "b"', "label"]
    assert rows(b'a,label\n"line 1\nline 2",x\n')[1] == ["line 1\nline 2", "x"]


def test_names_in_other_scripts_are_read() -> None:
    assert rows("längd,種類\n1,花\n".encode())[0] == ["längd", "種類"]


def test_formulas_and_commands_are_only_text() -> None:
    head = b"=cmd|' /C calc'!A0,$(id),`id`\n=1+1,;rm -rf /,<script>\n"
    assert rows(head)[1] == ["=1+1", ";rm -rf /", "<script>"]


def test_a_row_that_is_cut_at_the_end_of_the_head_is_left_out() -> None:
    assert rows(b"a,b\n1,2\n3,4\n5,", whole=False)[-1] == ["3", "4"]
    assert rows(b"a,b\n1,2\n3,4\n5,", whole=True)[-1] == ["5", ""]


def test_a_character_that_is_cut_at_the_end_of_the_head_is_no_error() -> None:
    head = "a,b\n1,ä".encode()[:-1]
    assert rows(b"x,y\n1,2\n" + head, whole=False)[-1] == ["a", "b"]


def test_a_quoted_cell_that_is_cut_at_the_end_of_the_head_is_left_out() -> None:
    head = b'a,b\n1,2\n3,"first line\nsecond line\nthird'
    assert rows(head, whole=False) == [["a", "b"], ["1", "2"]]


# --- What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [b"", b" ", b"\n\r\n\n", b"\t \n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"],
    ids=["0 bytes", "blank", "line ends", "white", "bom", "bom and line end"],
)
def test_an_empty_file_is_refused(head: bytes) -> None:
    assert why(head).startswith("the file is empty")


@pytest.mark.parametrize("head", [b"a,b,label", b"a,b,label\n", b"a,b,label\n\n\r\n"])
def test_a_header_without_data_is_refused(head: bytes) -> None:
    assert why(head) == "there is a header but no data row."


@pytest.mark.parametrize(
    "head",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"PK\x03\x04\x14\0\x06\0",
        b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
        "a,b\n1,2\n".encode("utf-16"),
        "a,b\nä,1\n".encode("latin-1"),
        b"a,b\n1,\xff\xfe\n",
        b"a,b\n1,2\0\n",
        b"\xed\xa0\x80,b\n1,2\n",
    ],
    ids=["png", "xlsx", "gzip", "utf-16", "latin-1", "bytes", "nul", "surrogate"],
)
def test_what_is_no_text_is_refused_with_how_to_export_it(head: bytes) -> None:
    assert why(head) == "the file is not text in UTF-8; export it as CSV (UTF-8)."


def test_a_first_line_without_an_end_is_no_header() -> None:
    assert why(b"a," * (HEAD // 2), whole=False).startswith("the first line is longer than 1 MiB")


@pytest.mark.parametrize("head", [b"only\n1\n", b"a;b;label\n1;2;x\n", b"a\tb\tlabel\n1\t2\tx\n"])
def test_one_column_is_refused_with_what_should_separate_them(head: bytes) -> None:
    assert "separated by commas" in why(head)


@pytest.mark.parametrize(
    ("header", "number"), [(b",b,c", 1), (b"a,,c", 2), (b"a,b,", 3), (b"a, ,c", 2), (b'a,"",c', 2)]
)
def test_a_column_without_a_name_is_refused_by_its_number(header: bytes, number: int) -> None:
    assert why(header + b"\n1,2,3\n") == f"column {number} has no name in the header."


def test_names_that_stand_twice_are_refused_each_once() -> None:
    assert why(b"a,b,a,c,b,a\n1,2,3,4,5,6\n") == "the header names a, b more than once."


def test_a_name_of_very_many_characters_is_refused() -> None:
    """It would travel through the run's history, its record and its events."""
    assert why(b"a," + b"x" * 300 + b"\n1,2\n").startswith("column 2 has a name of 300 characters")


def test_a_cell_that_is_too_long_is_refused_for_what_it_is() -> None:
    cell = b"x" * (csv.field_size_limit() + 1)
    assert "is not valid CSV" in why(b"a,b\n1," + cell + b"\n")


def test_a_header_of_very_many_columns_is_looked_at_in_no_time() -> None:
    """Quadratic work here would keep an activity busy for an hour over a file of 1 MiB."""
    names = ",".join(f"{n:x}" for n in range(100_000))
    row = ",".join("1" * 100_000)
    assert len(rows(f"{names}\n{row}\n".encode()[:HEAD], whole=False)[0]) == 100_000


@pytest.mark.parametrize("row", [b'"open,1', b'"a"b,1', b'1,"'])
def test_broken_quotes_are_refused_as_the_trainer_would(row: bytes) -> None:
    assert why(b"a,b\n" + row + b"\n").startswith("the file is not valid CSV (")


def test_broken_quotes_in_the_middle_of_a_cut_head_are_refused_too() -> None:
    assert why(b'a,b\n"a"b,1\n1,2\n3', whole=False).startswith("the file is not valid CSV (")


def test_a_label_of_many_characters_is_not_repeated_whole() -> None:
    assert len(why(b"x" * 100_000 + b"\n1\n")) < 500


@given(head=st.binary(max_size=200), whole=st.booleans())
@example(head=b'"', whole=True)
@example(head=b'a,b\n"', whole=False)
@example(head=b"\xef\xbb\xbf\xef\xbb\xbf\n", whole=True)
def test_any_bytes_are_rows_or_a_refusal(head: bytes, whole: bool) -> None:
    try:
        found = rows(head, whole=whole)
    except Refused:
        return
    assert len(found) >= 2
    assert len(set(found[0])) == len(found[0]) >= 2


@given(
    table=st.lists(
        st.lists(
            st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), min_size=1), min_size=2
        ),
        min_size=1,
    )
)
def test_what_is_written_as_csv_is_read_back(table: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(table)
    assert text_rows(text.getvalue().encode(), whole=True) == table
