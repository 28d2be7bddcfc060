"""What stands around a table in its file, and unusual quotes, change nothing about the table that is read."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.oddities import HEADER, ODDITIES, ROWS, Table, written
from trainer.dialect import Inspection, UnreadableError, inspect_head


def seen(text: str) -> Inspection:
    return inspect_head(text.encode(), whole=True)


def noted(found: Inspection) -> list[str]:
    return [*found.notes, *found.notes_at_end]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("oddity", ODDITIES)
def test_an_odd_file_holds_the_same_table_and_says_what_was_odd(oddity: str, line_end: str) -> None:
    write, note = ODDITIES[oddity]
    text = write([HEADER, *ROWS])
    found = seen(text.replace("\n", line_end))
    assert [found.columns, *found.rows] == [HEADER, *ROWS]
    assert any(note in each for each in noted(found)), noted(found)
    lines = text.split("\n")
    assert all(ROWS[n][0] in lines[line - 1] for n, line in enumerate(found.lines))


def test_a_clean_table_has_no_notes() -> None:
    assert noted(seen(written([HEADER, *ROWS]))) == []


def test_quotes_behind_a_blank_inside_a_quoted_cell_are_text() -> None:
    rows = [[*row[:3], ['" ;', ' ""', ', "x"'][n % 3], row[4]] for n, row in enumerate(ROWS)]
    found = seen(csv_of([HEADER, *rows]))
    assert (found.rows, noted(found)) == (rows, [])


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_oddities_together_change_no_row_either(data: st.DataObject) -> None:
    """Above, beside and below at once, around any number of rows of any texts that need quotes."""
    rows = ROWS[: data.draw(st.integers(12, len(ROWS)))]
    texts = data.draw(st.lists(st.text("ab,;\"' \n\\", min_size=1), min_size=1, max_size=4))
    rows = [[*row[:3], texts[n % len(texts)], row[4]] for n, row in enumerate(rows)]
    above = data.draw(st.sampled_from(["", "Report\n\n", "# a, b\n", "// exported\n\n", "Report, 2024\n"]))
    units = data.draw(st.sampled_from(["", "years,EUR,,,\n", "[a],[EUR],[date],[-],[class]\n"]))
    below = data.draw(
        st.sampled_from(
            ["", "\n\n", "Total,17.5,,,\n", "\nTotal: 17\n(80 rows)", "\x1a", "Source: the office"]
        )
    )
    table = csv_of([HEADER, *rows])
    header, _, body = table.partition("\n")
    found = seen(f"{above}{header}\n{units}{body}{below}")
    assert [found.columns, *found.rows] == [HEADER, *rows]
    assert bool(noted(found)) == bool(above or units or below.strip())


def csv_of(table: Table) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(table)
    return out.getvalue()


NO_HEADER: dict[str, Table] = {
    "all kinds": ROWS,
    "numbers": [[str(n * 7919 % 255), str(n * 31 % 97), str(n % 7)] for n in range(3, 40)],
    "fractions and a class": [[f"{n * 37 % 61 / 7:.1f}", f"{n % 9}.5", "uv"[n % 2]] for n in range(40)],
    "texts": [
        ["red", "Graz", "yes"],
        *([["red", "blue"][n % 2], row[3], row[4]] for n, row in enumerate(ROWS)),
    ],
    "texts that differ": [[f"name {n}", row[3], row[4]] for n, row in enumerate(ROWS)],
}


@pytest.mark.parametrize("above", ["", "Report\n\n", "# exported\n", "sep=,\n"])
@pytest.mark.parametrize("table", NO_HEADER)
def test_a_file_without_a_header_is_refused_by_the_row_that_stands_in_its_place(
    table: str, above: str
) -> None:
    with pytest.raises(UnreadableError) as refused:
        seen(above + csv_of(NO_HEADER[table]))
    row = above.count("\n") + 1
    assert str(refused.value).startswith(f"row {row} looks like data, not like the names of the columns (")
    assert str(refused.value).endswith("add a header row with their names above it.")


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        (
            ["country", "1990", "1991", "1992"],
            [[f"land {n}", f"{n}.5", f"{n}", f"{n % 3}"] for n in range(30)],
        ),
        (["0", "1", "2"], [[f"{n * 7 % 9}.25", f"{n}", "uv"[n % 2]] for n in range(30)]),
        (["2000", "2010", "2015", "y"], [[f"{n * 7 % 9}.25", f"{n}", "3", "uv"[n % 2]] for n in range(30)]),
        (["#", "name", "hp"], [[f"{n}", f"name {n}", f"{n % 7}"] for n in range(1, 30)]),
        (["#id", "name", "hp"], [[f"{n}", f"name {n}", f"{n % 7}"] for n in range(1, 30)]),
        (["# a", "b", "c"], [[f"{n * 7 % 9}.25", f"{n % 7}.5", f"{n}.125"] for n in range(1, 30)]),
        (["2B", "3B", "HR"], [[f"{n % 7}", f"{n % 5}", f"{n % 3}"] for n in range(30)]),
        (["other", "kind"], [["other", "u"], ["x", "v"], ["y", "u"], ["z", "v"], ["w", "u"]]),
        (["Total", "Sum"], [["Total", "1"], ["Part", "2"]] * 15),
    ],
)
def test_unusual_names_are_names(header: list[str], rows: Table) -> None:
    found = seen(csv_of([header, *rows]))
    assert [found.columns, *found.rows] == [header, *rows]


def test_names_that_are_all_numbers_are_noted() -> None:
    found = seen(csv_of([["0", "1"], *([f"{n * 7 % 9}.25", f"{n}"] for n in range(30))]))
    assert noted(found) == [
        'all names of columns are numbers ("0", "1"); if row 1 is data, add a header above it'
    ]


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ("56,5106", "row 82 has 2 cells where the header has 5 columns; complete the row or remove it."),
        ("56,1.5,2024-01-01,Graz,no,9", "row 82 has 6 cells where the header has 5 columns; correct the row"),
    ],
)
def test_a_last_row_that_may_be_data_is_never_left_out(last: str, said: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        seen(written([HEADER, *ROWS]) + last)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize("first", [["?", "-", "n.a.", "Graz", "no"], ["unknown", "1.5", "", "Bern", "no"]])
def test_a_first_row_with_gaps_is_no_row_of_units(first: list[str]) -> None:
    found = seen(written([HEADER, first, *ROWS]))
    assert found.rows[0] == first
    assert noted(found) == []


def test_a_last_row_of_a_class_that_is_called_total_is_data() -> None:
    rows = [[["Total", "Part"][n % 2], str(n % 7), "uv"[n % 2]] for n in range(31)]
    assert seen(csv_of([["scope", "x", "y"], *rows])).rows == rows


def test_a_header_without_the_name_of_a_column_is_refused_by_what_is_missing() -> None:
    with pytest.raises(UnreadableError, match="as every row has: add the name that is missing in the header"):
        seen(csv_of([HEADER, *([str(n), *row] for n, row in enumerate(ROWS))]))


@pytest.mark.parametrize("head", ["# nothing\n# but comments\n", "sep=;\n", "Report\n\n"])
def test_a_file_without_a_table_is_refused(head: str) -> None:
    with pytest.raises(UnreadableError, match="add"):
        seen(head)
