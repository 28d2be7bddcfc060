"""What stands above the first row of data: `sep=;`, comments, titles, the header, and units below it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from string import ascii_uppercase

FLAT = "." not in __name__
"""See dialect.py."""
if FLAT:
    import dialect_cells as cells
    import dialect_rows
else:
    from trainer import dialect_cells as cells
    from trainer import dialect_rows

NAMES, DATA = "names", "data"
SEPARATORS = ",;\t|^~\x1f\x01"
"""What may separate cells, if the file does not say."""
MOST_TITLES = 100
"""Rows above a header that are looked at."""
MOST_BELOW = 3
"""Rows below a header that are no data: labels, units, types."""
FEWEST_UNDER_NAMES = 3
"""Rows that tell that the one above them holds names, where the row above that looks like names as well."""
FEWEST_YEARS = 5
"""Different years that may be names in any order."""
FEWEST_TIMES = 4
"""How often the texts of a column occur on average, for one above them that does not occur to be a name."""
FEWEST_WIDE = 4
"""Rows of most cells that may be a table below any number of shorter ones."""
FEWEST_BELOW = 5
"""Rows of data that must follow a row of units, and twice as many a row whose texts are no known units."""

_SEPARATOR_LINE = re.compile(
    r'\s*"?sep\s?=(?: ?"?(?P<mark>[!-/:-@\[-^`{-~]|\t|\\t)(?P=mark)*|(?P<blank> ))"*[ \t]*\r?\n?',
    re.IGNORECASE,
)
_COMMENT = re.compile(r'\s*"?(?:#|//|/\*|%|--\s|!|REM\s)')
_UNIT = re.compile(
    r"[\[({].*[\])}]|[%‰°€$£¥]|°?[CFK]|[kmcdµμnMGT]?(?:g|m|s|l|L|W|V|A|Hz|Pa|J|Wh|B|mol|cal|N|bar)(?:[²³23]|\^[23])?"
    r"|[A-Za-zµ²³^23]{1,5}\s?/\s?[A-Za-zµ²³^23]{1,5}"
    r"|(?:EUR|USD|GBP|CHF|JPY|CNY|PLN|SEK|euros?|dollars?|pounds?)"
    r"|(?:years?|months?|weeks?|days?|hours?|minutes?|min|seconds?|sec|hrs?|yrs?|ms|date|time|datetime|timestamp)"
    r"|(?:Jahre?|Monate?|Wochen?|Tage?|Stunden?|Std|Minuten?|Sekunden?|Datum|Zeit|Uhrzeit|Stück|Stk)"
    r"|(?:int|integer|float|double|number|numeric|decimal|real|bigint|smallint)(?:[0-9]+|\(.*\))?"
    r"|(?:text|string|str|varchar|char|bool|boolean|class|category|categorical|nominal|continuous|count|pcs?|ratio)(?:\([0-9]+\))?"
    r"|(?:percent|Prozent|tons?|kg|lbs?|oz|inch|inches|in|ft|feet|yd|miles?|mi|mph|km/h|degC|degF|persons?)",
    re.IGNORECASE,
)
_RULE = re.compile(r"[-=_+:]+")
"""A line drawn below a header, in each of its columns."""
_DRAWN = frozenset("-=_+|: \t")
"""What such a line is drawn with if it is a single cell."""
_WITH_UNIT = re.compile(r"[A-Za-z€$£¥%°µ]|\.$")


@dataclass(frozen=True)
class Above:
    """The lines before the first one that may be a header.

    skipped: line number and text of each; separator: the one that `sep=` names, or ""; start: the place in
    the text where the next line begins, and `line` its number. commented: the last of the lines if it is a
    comment directly above that next line, else "".
    """

    skipped: list[tuple[int, str]]
    separator: str
    start: int
    line: int
    commented: str


def above(text: str) -> Above:
    """Look for `sep=` in the first line that is not blank, and for comments below it."""
    skipped: list[tuple[int, str]] = []
    separator, commented, start, number = "", "", 0, 1
    for line in dialect_rows.physical_lines(text):
        blank = not line.strip()
        named = None if separator or skipped else _SEPARATOR_LINE.fullmatch(line)
        if named:
            separator = (named["mark"] or named["blank"]).replace("\\t", "\t")
        elif not blank and not _COMMENT.match(line):
            break
        if not blank:
            skipped.append((number, line.strip()))
        commented = "" if blank or named else line
        start += len(line)
        number += 1
    return Above(skipped, separator, start, number, commented)


def evidence(first: Sequence[str], looks: Sequence[cells.Look]) -> str:
    """Whether a row above rows of data holds NAMES or DATA; "" if nothing tells.

    A text above numbers or dates is a name. A row is data if at least two of its cells (or the only ones) are
    like their columns: a number above numbers, a date above dates, or a text that occurs again below. Whole
    numbers that count (0, 1, 2; 2019, 2020) are as likely names.
    """
    alike, known, numbers = 0, 0, []
    for cell, look in zip(first, looks, strict=False):
        text, kind = cell.strip(), cells.look_of(cell)
        if not look.kind:
            continue
        known += 1
        if look.is_value:
            if kind == look.kind:
                numbers.append(text)
            elif kind:
                return NAMES
        elif look.texts[text] and 2 * len(look.texts) <= look.texts.total():
            alike += 1
    alike += 0 if _may_be_names(numbers) else len(numbers)
    return DATA if alike >= 2 or alike == known == 1 else ""


def _may_be_names(numbers: list[str]) -> bool:
    """Whether numbers in a row may be the names of columns: they count, or are years in order or many."""
    if not all(re.fullmatch(r"[0-9]{1,9}", text) for text in numbers):
        return False
    whole = [int(text) for text in numbers]
    steps = {after - before for before, after in pairwise(whole)}
    years = all(1800 <= number <= 2100 for number in whole)
    if len(whole) < 2:
        return years or all(number in (0, 1) for number in whole)
    if years and (max(steps) < 0 or len(set(whole)) == len(whole) >= FEWEST_YEARS):
        return True
    return min(steps) > 0 and (years or steps == {1} or (len(steps) == 1 and len(whole) > 3))


def header_place(rows: Sequence[Sequence[str]]) -> int:
    """The place of the header among the first rows of a file: 0, unless there are titles above it."""
    width = table_width(rows)
    place = 0
    while place < MOST_TITLES and place + 2 < len(rows) and _is_title(rows[place], width):
        place += 1
    if not place:
        return _place_of_names(rows, width)
    header, filled = rows[place], _filled(rows[place])
    if len(header) != width or filled < 2 or filled <= max(_filled(row) for row in rows[:place]):
        return _place_of_names(rows, width)
    looks = cells.looks_of(rows[place + 1 :], width)
    found = evidence(header, looks)
    padded = [row for row in rows[:place] if len(row) >= width]
    if not padded:
        # A title of fewer cells cannot be the header, so data below it has none.
        return place if found != DATA or place + 3 < len(rows) else 0
    titles = width > 2 and all(_filled(row) <= 1 for row in padded)
    sure = found == NAMES or (not found and (titles or (_are_names(header) and _stand_out(header, looks))))
    return place if sure else _place_of_names(rows, width)


def _place_of_names(rows: Sequence[Sequence[str]], width: int) -> int:
    """The place of a row of names, if no row above it may be a header; else 0."""
    place = 0
    while (
        place < MOST_TITLES and place + 2 < len(rows) and _is_no_header(rows[place], rows[place + 1], width)
    ):
        place += 1
    names, below = rows[place], rows[place + 1 :]
    if not place or width < 2 or len(below) < FEWEST_UNDER_NAMES or not _are_names(names):
        return 0
    looks = cells.looks_of(below, width)
    return place if evidence(names, looks) == NAMES or _stand_out(names, looks) else 0


def _stand_out(row: Sequence[str], looks: Sequence[cells.Look]) -> bool:
    """Whether no text of a row occurs in the columns below it that hold texts which recur: two at least."""
    recur = [
        cell.strip() not in look.texts
        for cell, look in zip(row, looks, strict=False)
        if look.kind == cells.TEXT and FEWEST_TIMES * len(look.texts) <= look.texts.total()
    ]
    return len(recur) >= 2 and all(recur)


def _are_names(row: Sequence[str]) -> bool:
    """Whether each cell is another text with a letter in it."""
    return len({cell.strip() for cell in row}) == len(row) and all(
        cells.look_of(cell) == cells.TEXT and any(map(str.isalpha, cell)) for cell in row
    )


def _is_no_header(row: Sequence[str], below: Sequence[str], width: int) -> bool:
    """Whether a row cannot be the header if the first row that may be one holds names.

    It has another number of cells than the table; or it stands above an empty row; or two of its cells are
    empty or repeat others, as in names of groups of columns; or it counts the columns (A, B; V1, V2); or
    it is a sentence with commas.
    """
    names = [cell.strip() for cell in row if cell.strip()]
    if len(row) != width or len(set(names)) + 2 <= len(row) or not _filled(below):
        return True
    counted = [
        re.fullmatch(r"(?:column|field|var|[a-z]|_c)[ _.]?([0-9]{1,9})", name, re.IGNORECASE)
        for name in names
    ]
    numbers = [int(found[1]) for found in counted if found]
    if names == list(ascii_uppercase[: len(names)]) or numbers in (
        list(range(len(names))),
        list(range(1, len(names) + 1)),
    ):
        return True
    return all(cell[:1] == " " for cell in row[1:]) and not any(cell[:1] == " " for cell in below[1:])


def table_width(rows: Sequence[Sequence[str]]) -> int:
    """The number of cells of most first rows, or of those below many short ones, if names head them."""
    usual = typical_width(rows)
    widths = [len(row) for row in rows[: MOST_TITLES + dialect_rows.COMPARED_ROWS]]
    most = max(widths)
    first = widths.index(most)
    last = len(widths) - widths[::-1].index(most)
    if most == usual or not first or widths.count(most) < max(FEWEST_WIDE, 0.9 * (last - first)):
        return usual
    above = rows[1:first]
    if evidence(rows[0], cells.looks_of(above, len(rows[0]))) == NAMES:
        return usual  # a table above another one
    return most if evidence(rows[first], cells.looks_of(rows[first + 1 :], most)) == NAMES else usual


def typical_width(rows: Sequence[Sequence[str]]) -> int:
    """How many cells most of the first rows have; the larger number of two that are as frequent."""
    widths = Counter(len(row) for row in rows[: dialect_rows.COMPARED_ROWS])
    return max(widths, key=lambda width: (widths[width], width))


def _filled(row: Sequence[str]) -> int:
    return sum(1 for cell in row if cell.strip())


def _is_title(row: Sequence[str], width: int) -> bool:
    """Whether a row may stand above a header of `width` columns."""
    if width < 2 or len(row) > width:
        return False
    if len(row) < width and _COMMENT.match(row[0]):
        return True
    return len(row) == 1 or 2 * _filled(row) <= width


def header_in_comment(commented: str, rows: Sequence[Sequence[str]], separator: str) -> list[str]:
    """The names that a comment directly above the first row holds (#id,name), or [] if it holds none."""
    if not commented:
        return []
    names = next(iter(dialect_rows.csv_rows([commented], separator)), [])
    width = typical_width(rows)
    if len(names) != width or width < 2 or _filled(names) < width:
        return []
    found = evidence(rows[0], cells.looks_of(rows[1:], width)) if len(rows[0]) == width else ""
    prose = re.match(r"\W+\s", commented) is not None
    return names if found == DATA or (not found and not prose) else []


def is_rule(row: Sequence[str]) -> bool:
    """Whether a row is a line that is drawn below a header, in a piece or in each column."""
    filled = [cell.strip() for cell in row if cell.strip()]
    if len(row) == 1:
        return set(row[0]) <= _DRAWN and any(3 * mark in row[0] for mark in "-=_")
    return all(_RULE.fullmatch(cell) for cell in filled) and any(len(cell) > 1 for cell in filled)


def rows_below(rows: Sequence[Sequence[str]]) -> int:
    """How many rows directly below a header are no data: units, types, or a line of dashes."""
    below = 0
    # A column of dates has "date" in each of several such rows, so all of them are compared with data.
    data = max(1, min(MOST_BELOW, len(rows) - 2 * FEWEST_BELOW))
    while (
        below < MOST_BELOW and below + 1 < len(rows) and _is_below(rows[below], rows[max(data, below + 1) :])
    ):
        below += 1
    return below


def _is_below(row: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    if is_rule(row):
        return True
    if len(rest) < FEWEST_BELOW:
        return False
    looks = cells.looks_of(rest, len(row))
    if _counts_columns(row, looks):
        return True
    texts, values = [], 0
    for cell, look in zip(row, looks, strict=True):
        text = cell.strip()
        if look.is_value:
            values += 1
            if cells.look_of(text) == look.kind and text != "1" and not _is_written_apart(text, look):
                return False
            if text.lower() not in cells.GAPS and text != "1":
                texts.append(text)
        if text and look.texts[text]:
            return False
    if not texts and not values and all(_UNIT.fullmatch(cell.strip()) for cell in row):
        return _stand_out(row, looks)
    if not texts:
        return False
    if all(_UNIT.fullmatch(text) for text in texts):
        return True
    return len(rest) >= 2 * FEWEST_BELOW and len(texts) >= 2 and 2 * len(texts) >= values


def _is_written_apart(text: str, look: cells.Look) -> bool:
    """Whether a cell is a unit or format with a number (1000 EUR, 8.), as no number of its column has it."""
    return _WITH_UNIT.search(text) is not None and not any(_WITH_UNIT.search(each) for each in look.texts)


def _counts_columns(row: Sequence[str], looks: Sequence[cells.Look]) -> bool:
    """Whether a row holds the numbers of the columns, from 1, also where a column holds texts."""
    numbers = [cell.strip(" ()[].") for cell in row]
    if numbers != [str(place) for place in range(1, len(row) + 1)]:
        return False
    return any(
        look.kind == cells.TEXT and not look.texts[cell] for cell, look in zip(row, looks, strict=True)
    )
