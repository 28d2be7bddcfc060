"""The first bytes of a dataset are accepted in any dialect, or refused with a reason and a remedy.

How a dialect is recognised is tested in test_dialect.
"""

import csv
import gzip
import io
import zipfile
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from activities.dataset import HEAD, invalid, parse_head, sample_of
from activities.label import problem_of
from runs.errors import RefusedError
from runs.text import quote
from tests.trainer.oddities import HEADER, ODDITIES, ROWS
from tests.unit.rehearsed import SETTINGS
from trainer import dialect, dialect_rows

NAME = "iris_csv.csv"


def seen(head: bytes, *, whole: bool = True) -> dialect.Inspection:
    return parse_head(NAME, head, whole=whole)


def why(head: bytes, *, whole: bool = True, **settings: Any) -> str:
    """What a dataset is refused with, without its name; with settings, for its label."""
    with pytest.raises(RefusedError) as refused:
        accepted(head, whole=whole, **settings)
    assert refused.value.code == "InvalidDataset"
    message = str(refused.value)
    assert message.startswith(f"dataset {NAME}: ")
    assert "\n" not in message
    assert len(message) < 1000
    return message.removeprefix(f"dataset {NAME}: ")


def accepted(head: bytes, *, whole: bool = True, **settings: Any) -> None:
    found = seen(head, whole=whole)
    if settings:
        problem = problem_of(found, replace(SETTINGS, label=found.columns[-1], **settings))
        if problem:
            raise invalid(NAME, problem)


# --- What is accepted ---------------------------------------------------------------------------------

PLAIN = "a,b,label\n1,2,x\n3,4,y\n"


@pytest.mark.parametrize(
    "head",
    [
        PLAIN.encode(),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", "\t").encode(),
        PLAIN.replace(",", "|").encode(),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-be"),
        gzip.compress(PLAIN.encode()),
        f"{PLAIN}\n\n".encode(),
        b'"a","b","label"\n"1","2","x"\n"3","4","y"\n',
    ],
    ids=[
        "comma",
        "crlf",
        "semicolon",
        "tab",
        "pipe",
        "bom",
        "utf-16",
        "utf-16-be",
        "gzip",
        "blank",
        "quoted",
    ],
)
def test_every_dialect_gives_the_same_rows(head: bytes) -> None:
    found = seen(head)
    assert found.columns == ["a", "b", "label"]
    assert found.rows == [["1", "2", "x"], ["3", "4", "y"]]


def test_latin_1_is_read() -> None:
    assert seen("größe,farbe\n1,grün\n2,weiß\n".encode("latin-1")).rows == [["1", "grün"], ["2", "weiß"]]


def test_names_that_are_empty_or_stand_twice_are_made_unique() -> None:
    assert seen(b"a,,a,label\n1,2,3,x\n").columns == ["a", "Unnamed: 1", "a.1", "label"]


def test_formulas_and_commands_are_only_text() -> None:
    head = b"=cmd|' /C calc'!A0,$(id),`id`\n=1+1,;rm -rf /,<script>\n"
    assert seen(head).rows == [["=1+1", ";rm -rf /", "<script>"]]


@pytest.mark.parametrize("oddity", ODDITIES)
def test_the_rows_for_the_smoke_test_are_plain_whatever_stands_around_the_table(oddity: str) -> None:
    write, _ = ODDITIES[oddity]
    sample = sample_of(seen(write([HEADER, *ROWS]).encode()), HEADER[-1])
    rows = list(csv.reader(io.StringIO(sample.decode(), newline="")))
    assert rows == [row[:-1] for row in [HEADER, *ROWS[: len(rows) - 1]]]
    assert len(rows) > 10


def test_as_many_columns_as_are_possible_are_inspected() -> None:
    names = ",".join(f"{n:x}" for n in range(dialect.MOST_COLUMNS))
    data = f"{names}\n{','.join('1' * dialect.MOST_COLUMNS)}\n".encode()
    assert len(seen(data).columns) == dialect.MOST_COLUMNS


def test_a_header_of_very_many_columns_is_refused_before_any_compute_is_paid_for() -> None:
    names = ",".join(f"{n:x}" for n in range(100_000))
    row = ",".join("1" * 100_000)
    with pytest.raises(RefusedError, match="it has 100000 columns, more than the 10000 that are possible"):
        seen(f"{names}\n{row}\n".encode()[:HEAD], whole=False)


def zipped() -> bytes:
    """The beginning of every .xlsx."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>" * 50)
    return content.getvalue()


# --- What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [b"", b" ", b"\n\r\n\n", b"\t \n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n", gzip.compress(b"")],
    ids=["0 bytes", "blank", "line ends", "white", "bom", "bom and line end", "compressed"],
)
def test_an_empty_file_is_refused(head: bytes) -> None:
    assert why(head).startswith("the file is empty")


@pytest.mark.parametrize("head", [b"a,b,label", b"a,b,label\n", b"a,b,label\n\n\r\n"])
def test_a_header_without_data_is_refused(head: bytes) -> None:
    assert why(head) == "there is a header but no data row; add the data."


@pytest.mark.parametrize(
    "head",
    [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", zipped(), b"a,b\n1,2\0\n", b"a,b\n1,\xff\x01\n"],
    ids=["png", "xlsx", "nul", "control"],
)
def test_a_file_that_is_not_text_is_refused_with_how_to_export_it(head: bytes) -> None:
    assert why(head).endswith("export the data as CSV (UTF-8).")


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (gzip.compress(PLAIN.encode())[:-6], "the gzip stream is cut off"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "the gzip stream is cut off"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xff\xff\xff\xff", "the gzip stream is damaged"),
    ],
    ids=["cut", "nothing", "damaged"],
)
def test_a_broken_compressed_file_is_refused(head: bytes, words: str) -> None:
    assert why(head).startswith(words)


def test_a_first_line_without_an_end_is_no_header() -> None:
    assert why(b"a," * (HEAD // 2), whole=False).startswith("the first line is longer than 1 MiB")


def test_one_column_is_refused_with_what_should_separate_them() -> None:
    assert "separated by commas, semicolons, tabs or pipes" in why(b"only\n1\n")


def test_a_name_of_very_many_characters_is_refused() -> None:
    """It would travel through the run's history, its record and its events."""
    assert why(b"a," + b"x" * 300 + b"\n1,2\n").startswith("column 2 has a name of 300 characters")


def test_a_cell_that_is_too_long_is_refused_for_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialect_rows, "LONGEST_CELL", 1 << 16)
    cell = b"x" * (dialect_rows.LONGEST_CELL + 1)
    assert "is not valid CSV" in why(b"a,b\n1," + cell + b"\n")


@pytest.mark.parametrize("row", [b'"open,1', b'"a"b,1', b'1,"'])
def test_broken_quotes_are_refused_by_their_row(row: bytes) -> None:
    assert why(b"a,b\n" + row + b"\n").startswith("row ")


@pytest.mark.parametrize(("row", "cells"), [(b"1,2,3", 3), (b"1", 1)])
def test_a_row_of_another_width_is_refused_by_its_line_in_the_file(row: bytes, cells: int) -> None:
    head = b'a,b\n\n"two\nlines",2\n' + row + b"\n"
    assert why(head).startswith(f"row 5 has {cells} cells where the header has 2 columns")


# --- The label ----------------------------------------------------------------------------------------


def labels(*cells: str) -> bytes:
    return ("a,kind\n" + "".join(f"{n},{cell}\n" for n, cell in enumerate(cells))).encode()


def test_a_text_label_of_a_regression_is_refused_by_column_row_and_value() -> None:
    head = labels("1.5", "", "about 3", "4")
    assert why(head, task="regression") == (
        'column "kind", row 4: "about 3" is not a number; correct it, name another label, or set task to'
        ' "classification".'
    )
    assert why(head, whole=False, task="regression").startswith('column "kind", row 4: ')


def test_decimal_commas_are_numbers_where_semicolons_separate() -> None:
    accepted(b"a;y\n1,5;2,5\n2,5;3,75\n", task="regression")


def test_a_label_of_numbers_as_people_write_them_holds_numbers() -> None:
    accepted("a;y\n1;6.350,88 €\n2;-12,50 €\n3;.\n".encode(), task="regression")
    accepted(b'a,y\n1,"$6,350.88"\n2,($7.50)\n3,$8\n', task="regression")
    refused = why(b"a,y\n1,5 kg\n2,7 kg\n3,about 9 kg\n4,2 kg\n", task="regression")
    assert refused.startswith('column "y", row')


def test_a_label_that_is_missing_in_most_rows_is_refused_once_all_rows_are_seen() -> None:
    head = labels("x", "", "NA", "y", "", "x", "null")
    assert why(head, task="classification", rare_classes="merge") == (
        'column "kind", row 3: the label is missing, as in 4 of 7 rows; fill in more than half of them, or'
        " name another label."
    )
    accepted(head, whole=False, task="classification")
    accepted(labels("x", "", "x", "y", "y", ""), task="classification")
    accepted(labels("x", "y", "", ""), task="classification", rare_classes="merge")


def test_a_label_that_is_missing_everywhere_is_refused() -> None:
    assert "as in 2 of 2 rows" in why(labels("", "NA"), task="classification")


@pytest.mark.parametrize(("cell", "task"), [("x", "classification"), ("7", "regression")])
def test_a_label_of_one_value_is_refused_once_all_rows_are_seen(cell: str, task: str) -> None:
    assert why(labels(cell, cell, f" {cell} "), task=task) == (
        f'column "kind", rows 2 to 4: the only label is "{cell}"; add rows with another one, or name another'
        " label."
    )
    accepted(labels(cell, cell), whole=False, task=task)


def test_a_class_of_one_row_is_refused_unless_such_classes_are_merged() -> None:
    head = labels("x", "x", "rare", "y", "y")
    assert why(head, task="classification", rare_classes="refuse") == (
        'column "kind", row 4: class "rare" has this one row, and training and hold-out need one each; add'
        ' rows of it, remove this one, or set rare_classes to "merge".'
    )
    accepted(head, task="classification", rare_classes="merge")
    accepted(head, whole=False, task="classification", rare_classes="refuse")
    accepted(labels("1.5", "2", "3"), task="regression")


def test_a_class_of_one_row_that_is_called_by_a_number_names_the_other_task() -> None:
    assert why(labels("1", "1", "2", "2", "9"), task="classification", rare_classes="refuse").endswith(
        'or set rare_classes to "merge", or set task to "regression" if the numbers are quantities.'
    )


def test_a_class_of_one_row_is_counted_with_its_other_writings() -> None:
    assert 'row 6: class "no"' in why(labels("Yes", "yes ", "YES", "yes", "no"), task="classification")
    assert 'the only label is "Yes" (also written "YES")' in why(
        labels("Yes", "yes".upper(), "Yes"), task="classification"
    )


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_word_for_missing_is_no_class_among_numbers_and_no_fault_of_a_regression(task: str) -> None:
    accepted(labels("1", "2", ".", "1", "2", "NA", "unknown", "1"), task=task)
    assert "as in 3 of 5 rows" in why(labels("1", "?", "NA", "2", "-"), task=task)


def test_na_is_a_class_where_it_is_as_frequent_as_one() -> None:
    accepted(labels(*["EU"] * 4, *["NA"] * 9), task="classification")
    assert "as in 4 of 7 rows" in why(labels("1", "2", "1", *["NA"] * 4), task="classification")


@pytest.mark.parametrize(
    ("name", "cell", "task", "words"),
    [
        ("customer_id", "{}", "regression", "each of 30 rows holds another number, as an identifier does"),
        ("Rechnungsnr", "{}", "regression", "each of 30 rows holds another number"),
        ("ref", "R{}", "classification", 'each of 30 rows holds another text, such as "R100"'),
    ],
)
def test_a_label_that_identifies_rows_is_refused_with_what_to_name(
    name: str, cell: str, task: str, words: str
) -> None:
    rows = "".join(f"{n % 7},{cell.format(100 + n)}\n" for n in range(30))
    message = why(f"a,{name}\n{rows}".encode(), task=task, rare_classes="merge")
    assert message.startswith(f'column "{name}": {words}')
    assert "name the column to predict with the setting label" in message
    accepted(f"a,{name}\n{rows}".encode(), whole=False, task=task)
    accepted(f"a,price\n{rows}".replace("R", "").encode(), task="regression")


def test_spellings_that_the_trainer_may_take_for_one_class_are_left_to_it() -> None:
    accepted(labels("1", "1.0", "0", "0.0", "0e0"), task="classification")
    accepted(labels("True", "true", "FALSE", "false"), task="classification")


def test_a_value_from_a_dataset_is_quoted_short_and_on_one_line() -> None:
    assert quote("a\nb\u202e") == '"a\\nb\\u202e"'
    assert len(quote("x" * 10_000)) == 102
    message = why(labels("1", "x" * 5000), task="regression")
    assert len(message) < 300


@given(head=st.binary(max_size=200), whole=st.booleans())
@example(head=b'"', whole=True)
@example(head=b'a,b\n"', whole=False)
@example(head=b"\xef\xbb\xbf\xef\xbb\xbf\n", whole=True)
@example(head=b"\xff\xfea\0,\0b\0\n\0", whole=True)
@example(head=gzip.compress(b"a,b\n1,2\n"), whole=False)
def test_any_bytes_are_rows_or_a_refusal(head: bytes, whole: bool) -> None:
    try:
        found = seen(head, whole=whole)
        for task in ("classification", "regression"):
            problem_of(found, replace(SETTINGS, label=found.columns[-1], task=task))
    except RefusedError:
        return
    assert found.rows
    assert len(set(found.columns)) == len(found.columns) >= 2
    assert len(found.lines) == len(found.rows)
    assert {len(row) for row in found.rows} == {len(found.columns)}
