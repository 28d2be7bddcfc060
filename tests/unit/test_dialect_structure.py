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


TITLES = [
    "a padded title",
    "names and values",
    "titles with gaps",
    "a title of more cells",
    "names of groups",
]
TITLES += ["a longer padded title", "letters of columns", "types"]


@pytest.mark.parametrize("oddity", TITLES)
def test_titles_above_a_table_of_texts_alone_are_left_out(oddity: str) -> None:
    """As in the answers to a form: no column of numbers tells which row holds the names."""
    header = ["outlook", "temperature", "humidity", "windy", "play"]
    texts = ["sunny rainy cloudy", "hot mild cool", "high normal", "TRUE FALSE", "yes no"]
    rows = [
        [(words := each.split())[n * (7 + len(words)) % 11 % len(words)] for each in texts] for n in range(60)
    ]
    write, note = ODDITIES[oddity]
    found = seen(write([header, *rows]))
    assert [found.columns, *found.rows] == [header, *rows]
    assert any(note in each for each in noted(found)), noted(found)


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
        (["land", "2023", "2022", "2021"], [[f"land {n}", f"{n}.5", f"{n}", f"{n % 3}"] for n in range(30)]),
        (
            ["land", "2019", "2020", "2021", "2022", "2018"],
            [[f"land {n}", *(f"{n * year % 17}.5" for year in range(5))] for n in range(30)],
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


def test_a_last_row_of_a_thing_whose_name_is_longer_than_the_one_above_is_data() -> None:
    rows = [[f"phone {n // 2}{' Max' * (n % 2)}", f"{n * 37 % 61}.5", str(n % 5)] for n in range(40)]
    found = seen(csv_of([["model", "price", "stars"], *rows]))
    assert (found.rows, noted(found)) == (rows, [])


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


CASES: dict[str, tuple[Table, str, str]] = {
    "a short total": (
        ROWS,
        "Total,400\n",
        "row 82, at the end of the file, is no row of the table and was left out",
    ),
    "a full total of numbers": (
        [[*row[:4], f"{n * 37.5}"] for n, row in enumerate(ROWS)],
        "Total,1751275.36,,,1892324.02\n",
        'left out: "Total,1751275.36,,,1892324.02"',
    ),
    "the total of a group": (ROWS, ",171.5,,Graz Total,\n", 'left out: ",171.5,,Graz Total,"'),
    "Ctrl-Z": (ROWS, "\x1a", "the end-of-file mark (Ctrl-Z) at the end of the file was left out"),
}
"""Tables with what stands below them, and what is said of it."""


@pytest.mark.parametrize("case", CASES)
def test_what_stands_below_a_table_is_left_out_as_it_is_written_in_exports(case: str) -> None:
    rows, below, said = CASES[case]
    found = seen(csv_of([HEADER, *rows]) + below)
    assert found.rows == rows
    assert any(said in note for note in noted(found))


def test_a_separator_behind_a_quote_with_a_backslash_is_text() -> None:
    text = "age,remark,rate,churn\n" + "".join(
        f'{n},"said \\"hi, {n % 7}\\" twice",{n}.5,{"yes" if n % 3 else "no"}\n' for n in range(30)
    )
    assert [row[1] for row in seen(text).rows[:2]] == ['said "hi, 0" twice', 'said "hi, 1" twice']


def test_units_below_the_header_are_left_out_where_a_column_has_none() -> None:
    found = seen(csv_of([HEADER, ["years", "EUR", "date", "", "class"], *ROWS]))
    assert found.rows == ROWS
    assert noted(found) == [
        'row 2, below the header, is no row of the table and was left out: "years,EUR,date,,class"'
    ]


@pytest.mark.parametrize("separator", "^~\x1f\x01")
def test_signs_that_hardly_stand_in_texts_separate_as_well(separator: str) -> None:
    rows = [[cell.replace(".", ",") for cell in row] for row in ROWS]
    found = seen(written([HEADER, *rows], separator))
    assert (found.dialect.separator, found.rows) == (separator, rows)


SAID_NO: dict[str, tuple[str, str]] = {
    "blanks between quoted cells": (
        "".join(" ".join(f'"{cell}"' for cell in row[:3]) + "\n" for row in ROWS),
        "blanks separate its cells; export the data with commas, semicolons, tabs or pipes between them",
    ),
    "a single name above a quoted pair": (
        '"a"\n"1";"u"\n',
        'its rows have 2 cells, with ";" between them, where the header has 1 name; add',
    ),
    "blanks between columns": (
        "".join("  ".join(row[:3]) + "\n" for row in [HEADER, *ROWS]),
        "If blanks separate the columns, export the data with commas",
    ),
    "an unknown separator": (
        "".join("§".join(row[:3]) + "\n" for row in [HEADER, *ROWS]),
        'If "§" separate the columns, export the data with commas',
    ),
    "decimal commas": (
        ",".join(HEADER) + "\n" + "".join(",".join(row).replace(".", ",") + "\n" for row in ROWS[::5]),
        "row 2 has 6 cells where the header has 5 columns; if its numbers have decimal commas, separate",
    ),
    "other separators in the header": (
        ";".join(HEADER) + "\n" + written(ROWS),
        'row 1 has ";" between its cells, and the rows below it have ","; separate all of them',
    ),
    "a header of empty cells": (written([[" "] * 5, *ROWS]), "row 1 holds no names of columns; add them"),
    "ends of lines that are none": (
        written([HEADER, *ROWS]).replace("\n", "\u2028"),
        "a single line with U+2028 where its rows seem to end; end them with line feeds",
    ),
    "a table below another": (
        written([["a", "b"], *([str(n), "x"] for n in range(60))]) + written([HEADER, *ROWS]),
        "row 62 has 5 cells where the header has 2 columns; if the table begins there, remove the lines",
    ),
    "empty cells behind a row": (
        written([HEADER, *ROWS[:30], [*ROWS[30], ""], *ROWS[31:]]),
        "row 32 has 6 cells where the header has 5 columns, though the last are empty: remove the separators",
    ),
}


@pytest.mark.parametrize("case", SAID_NO)
def test_a_refusal_says_what_has_probably_happened(case: str) -> None:
    text, why = SAID_NO[case]
    with pytest.raises(UnreadableError) as refused:
        seen(text)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [
                *ROWS[:20],
                ["Subtotal", "1.5", "", "", ""],
                *ROWS[20:40],
                ["Subtotal", "2.5", "", "", ""],
                *ROWS[40:],
            ],
            '2 rows look like totals, the first is row 22: "Subtotal,1.5,,,"; only totals at the end of',
        ),
        (
            [
                *(row for row in ROWS if row[3] == "Graz"),
                ["1751", "17512.5", "2024-01-01", "Summe Graz", ""],
                *(row for row in ROWS if row[3] != "Graz"),
            ],
            'row 34 looks like a total: "1751,17512.5,2024-01-01,Summe Graz,"; only totals at the end of',
        ),
        (
            [
                [f"{n // 8}" * (n % 8 == 0), row[1], "x" * (n % 8 == 0), *row[3:]]
                for n, row in enumerate(ROWS)
            ],
            "column 1 has a value in 10 of 80 rows, each another one than the one before, as where cells are"
            ' merged ("0", then "1"); if a value holds for the empty cells below it, repeat it there',
        ),
        (
            [
                *ROWS[:20],
                ["18", "1.5", "2024-01-01", "Bern,no\n1,2,3,4,5\n6,7,8,9,0\n2,1.5,,Bern", "no"],
                *ROWS[20:],
            ],
            "row 22 has a cell of 4 lines that look like rows of the table; if a quote is missing or too",
        ),
    ],
    ids=["totals", "totals of groups", "merged cells", "rows in a cell"],
)
def test_what_may_be_no_data_within_a_table_is_kept_and_said(rows: Table, said: str) -> None:
    found = seen(csv_of([HEADER, *rows]))
    assert found.rows == rows
    assert [note for note in noted(found) if note.startswith(said)]


def test_a_last_row_with_gaps_in_a_table_with_gaps_is_data() -> None:
    rows = [
        [row[0], "" if n % 3 else row[1], "" if n % 2 else row[2], row[3], row[4]]
        for n, row in enumerate(ROWS)
    ]
    rows.append(["", "", "", "Graz", ""])
    found = seen(csv_of([HEADER, *rows]))
    assert (found.rows, noted(found)) == (rows, [])


def test_a_single_column_of_texts_in_single_quotes_keeps_them() -> None:
    rows = [[*row[:3], f"'{row[3]}'", row[4]] for row in ROWS]
    assert seen(csv_of([HEADER, *rows])).rows == rows
