"""A table as programs and people write it: with lines around it, and quotes, that are no part of it."""

from collections.abc import Callable

HEADER = ["age", "income", "joined", "city", "churn"]
ROWS = [
    [
        str(18 + n * 37 % 61),
        f"{1000 + n * 7919 % 8999 + n % 7 / 8:.2f}",
        f"2024-{1 + n % 12:02}-{1 + n * 5 % 28:02}",
        ["Graz", "Wien, AT", 'the "old" town'][n * 7 % 5 % 3],
        "yes" if n * 37 % 61 > 30 else "no",
    ]
    for n in range(80)
]
UNITS = {
    "units": ["years", "EUR", "", "", ""],
    "units in brackets": ["[a]", "[EUR/month]", "[date]", "[-]", "[class]"],
    "formats of SAS": ["8.", "COMMA10.2", "DATE9.", "$40.", "$3."],
    "numbers of the columns": ["1", "2", "3", "4", "5"],
    "types": ["int64", "float64", "date", "varchar(40)", "string"],
    "labels of the columns": ["Age in years", "Income per month", "Customer since", "Place", "Has left"],
    "a line of dashes": ["---", "------", "------", "----", "-----"],
}
Table = list[list[str]]


def written(table: Table, separator: str = ",", escaped: str = '""', before: str = "") -> str:
    """escaped: how a quote inside a cell is written; before: what is written between separator and cell."""

    def cell(text: str) -> str:
        if any(mark in text for mark in f'"{separator}'):
            return '"' + text.replace('"', escaped) + '"'
        return text

    return "".join(f"{separator}{before}".join(map(cell, row)) + "\n" for row in table)


def _above(*lines: str, separator: str = ",") -> Callable[[Table], str]:
    return lambda table: "".join(f"{line}\n" for line in lines) + written(table, separator)


def _below(*lines: str, separator: str = ",") -> Callable[[Table], str]:
    return lambda table: written(table, separator) + "\n".join(lines)


def _wider(cells: int, *, header: bool = True) -> Callable[[Table], str]:
    def write(table: Table) -> str:
        names, *rows = table
        return written([names + [""] * cells * header, *(row + [""] * cells for row in rows)])

    return write


def _quoted(opening: str, closing: str) -> Callable[[Table], str]:
    """Cells of rows in the quotes of another language; the header has none."""
    return lambda table: (
        written(table[:1])
        + "".join(",".join(f"{opening}{cell}{closing}" for cell in row) + "\n" for row in table[1:])
    )


def _whole_lines(table: Table) -> str:
    lines = written(table).splitlines()
    return "".join('"' + line.replace('"', '""') + '"\n' for line in lines)


def _escaped(table: Table) -> str:
    """Separators inside cells behind a backslash, and no quotes."""
    return "".join(",".join(cell.replace(",", "\\,") for cell in row) + "\n" for row in table)


def _drawn(line: str, below: str, edge: str = "") -> Callable[[Table], str]:
    """A table of which a client of a database draws the lines. line: the one below the header."""

    def write(table: Table) -> str:
        rows = [f"{edge} " + " | ".join(f"{cell:16}" for cell in row) + f" {edge}\n" for row in table]
        return "".join([line * bool(edge) * ("+" in line), rows[0], line, *rows[1:]]) + below

    return write


def _joined(table: Table) -> str:
    """Three exports in one file."""
    header, *rows = table
    return (
        written([header, *rows[:30]])
        + written([header, *rows[30:50]])
        + "\ufeff"
        + written([header, *rows[50:]])
    )


def _second(row: list[str]) -> Callable[[Table], str]:
    return lambda table: written([table[0], row, *table[1:]])


ODDITIES: dict[str, tuple[Callable[[Table], str], str]] = {
    "sep=;": (_above("sep=;", separator=";"), 'row 1 names the separator and is no data: "sep=;"'),
    "Sep= in capitals": (_above('"SEP=|"', separator="|"), "row 1 names the separator"),
    "sep= of an unusual mark": (_above("sep=^", separator="^"), "row 1 names the separator"),
    "comments": (_above("# exported, today", '# source: "crm'), "2 rows above the header were left out"),
    "comments of slashes": (_above("// exported", "", "// crm"), "2 rows above the header were left out"),
    "comments of percents": (_above("% exported"), 'row above the header was left out: "% exported"'),
    "a title": (_above("Customer report", ""), 'a row above the header was left out: "Customer report"'),
    "titles with separators": (_above("Report", "All regions, 2024", "", ""), "2 rows above the header"),
    "a padded title": (_above("Report,,,,", ",,,,"), "2 rows above the header were left out"),
    "names and values": (_above("Report:,Sales,,,", "Date:,2024-01-01,,,"), "2 rows above the header"),
    "sep= and a title": (_above("sep=;", "Report", "", separator=";"), 'left out: "Report"'),
    "sep= and another one": (_above("sep=;"), "no row has the separator that is named in row 1"),
    "sep= of a blank": (_above("sep= ", separator=" "), "row 1 names the separator"),
    "titles with gaps": (_above("Report,2024,May,,", ",,,,"), "2 rows above the header were left out"),
    "a title of more cells": (
        _above("On age, income, joining, city, and churn, by region"),
        'left out: "On age',
    ),
    "a longer padded title": (_above("Report,,,,,,,"), 'left out: "Report,,,,,,,"'),
    "names of groups": (_above("Person,Person,Contract,Contract,Target"), 'left out: "Person,Person'),
    "letters of columns": (_above("A,B,C,D,E"), 'left out: "A,B,C,D,E"'),
    "many names and values": (
        _above(*(f"Key {number},value {number}" for number in range(60)), ""),
        "60 rows above the header were left out",
    ),
    "units and types": (
        lambda table: written([table[0], UNITS["units"], UNITS["types"], *table[1:]]),
        "row 3, below the header, is no row of the table",
    ),
    "a title before tabs": (_above("Report, 2024", separator="\t"), 'left out: "Report, 2024"'),
    **{
        name: (_second(row), "row 2, below the header, is no row of the table") for name, row in UNITS.items()
    },
    "a short total": (_below("Total,80"), 'left out: "Total,80"'),
    "a total without a line": (_below("Total 80"), 'left out: "Total 80"'),
    "a full total": (_below("Total,1751275.36,,,"), 'left out: "Total,1751275.36,,,"'),
    "a total of every cell": (_below("Gesamt,1751275.36,2024-01-01,3,80"), 'left out: "Gesamt,1751275.36'),
    "a total in the middle": (_below(",1751275.36,,Total,"), 'left out: ",1751275.36,,Total,"'),
    "totals and means": (_below("Mean,125.5,,,", "Grand total:,17512,,,"), 'left out: "Mean,125.5,,,"'),
    "a total below a gap": (_below(",,,,", "Sum,1751275.36,,,"), 'left out: "Sum,1751275.36,,,"'),
    "a total without a name": (_below(",1751275.36,,,"), 'left out: ",1751275.36,,,"'),
    "statistics": (_below("Min,1.5,,,", "Max,99.5,,,", "StdDev,3.5,,,"), 'left out: "Max,99.5,,,"'),
    "a padded number of rows": (_below("(80 rows),,,,"), 'left out: "(80 rows),,,,"'),
    "a padded remark": (_below(",,,,", '"Source: Office, Bern",,,,'), 'left out: "Source: Office, Bern,,,,"'),
    "many remarks": (
        _below("", *(f"* {number}" for number in range(8))),
        "8 rows from row 83 on, at the end of the file, are no rows of the table",
    ),
    "a number of rows": (_below("", "80 rows"), 'left out: "80 rows"'),
    "a number of rows in brackets": (_below("(80 rows affected)", ""), 'left out: "(80 rows affected)"'),
    "a bare number of rows": (_below("80"), 'left out: "80"'),
    "a remark": (_below("Source: Office of Statistics, Bern"), 'left out: "Source: Office'),
    "Ctrl-Z": (_below("\x1a"), "the end-of-file mark (Ctrl-Z)"),
    "Ctrl-Z in the last row": (lambda table: written(table)[:-1] + "\x1a", "the end-of-file mark (Ctrl-Z)"),
    "zeros at the end": (_below("\0" * 40), "zero bytes at the end of the file were left out"),
    "joined exports": (_joined, "the header stands again in 2 rows, first in row 32; they were left out"),
    "rows of separators": (_below(*[",,,,"] * 300), "300 rows without any value were left out"),
    "a trailing separator": (_wider(1), "a column without a name and without values was left out"),
    "trailing separators": (_wider(3), "3 columns without a name and without values were left out"),
    "a trailing separator in the rows": (_wider(1, header=False), "a column without a name"),
    "an empty column": (
        lambda table: written([[*row[:2], "", *row[2:]] for row in table]),
        "a column without a name and without values was left out",
    ),
    "backslashes": (lambda table: written(table, escaped='\\"'), "written with a backslash"),
    "blanks before quotes": (lambda table: written(table, before=" "), "some stand before a quote"),
    "blanks around quotes": (
        lambda table: "".join(
            " , ".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) + "\n" for row in table
        ),
        "some stand around quotes",
    ),
    "single quotes": (_quoted("'", "'"), "cells are quoted with ' and '"),
    "typographic quotes": (_quoted("„", "“"), "cells are quoted with “ and ”"),
    "quotes in quotes": (
        lambda table: written([table[0], *([f'"{cell}"' for cell in row] for row in table[1:])]),
        "cells are quoted twice or written as formulas",
    ),
    "formulas": (
        lambda table: written([table[0], *([f'="{cell}"' for cell in row] for row in table[1:])]),
        "cells are quoted twice or written as formulas",
    ),
    "lines in quotes": (_whole_lines, "lines are quoted as a whole"),
    "backslashes before separators": (_escaped, "separators inside cells are written with a backslash"),
    "psql": (
        _drawn("---+-------+-----\n", "(80 rows)\n"),
        "blanks around cells were left out, because lines",
    ),
    "mysql": (
        _drawn("+----+------+----+\n", "+----+------+----+\n80 rows in set (0.00 sec)\n", "|"),
        "blanks around cells were left out, because lines",
    ),
    "markdown": (_drawn("|---|---:|:--:|---|---|\n", "", "|"), "because lines are drawn around them"),
    "backslashes and blanks": (lambda table: written(table, escaped='\\"', before=" "), "a backslash"),
}
"""By name, how a table is written, and what a note says of it."""
