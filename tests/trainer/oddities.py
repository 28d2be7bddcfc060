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
    "a number of rows": (_below("", "80 rows"), 'left out: "80 rows"'),
    "a number of rows in brackets": (_below("(80 rows affected)", ""), 'left out: "(80 rows affected)"'),
    "a bare number of rows": (_below("80"), 'left out: "80"'),
    "a remark": (_below("Source: Office of Statistics, Bern"), 'left out: "Source: Office'),
    "Ctrl-Z": (_below("\x1a"), "the end-of-file mark (Ctrl-Z)"),
    "Ctrl-Z in the last row": (lambda table: written(table)[:-1] + "\x1a", "the end-of-file mark (Ctrl-Z)"),
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
    "backslashes and blanks": (lambda table: written(table, escaped='\\"', before=" "), "a backslash"),
}
"""By name, how a table is written, and what a note says of it."""
