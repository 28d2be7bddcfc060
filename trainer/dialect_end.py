"""What stands below the last row of data: totals, numbers of rows, remarks, the end-of-file mark of DOS."""

from __future__ import annotations

import re
from collections.abc import Sequence

FLAT = "." not in __name__
"""See dialect.py."""
if FLAT:
    import dialect_cells as cells
    from dialect_rows import quoted
else:
    from trainer import dialect_cells as cells
    from trainer.dialect_rows import quoted

MOST_ROWS = 20
"""Rows at the end of a file that may be no data."""
MOST_NOTES, SHOWN = 5, 3
"""Rows of which each has a note of its own, and those that a note on all of them shows."""
ZERO = "\0"
WHITE = f" \t\r\n{ZERO}"
END_OF_FILE = "\x1a"
"""Ctrl-Z, with which DOS ended a text."""

_TOTAL = (
    r"(?:(?:grand|column|over-?all)\s+|sub[- ]?)?(?:totals?|totale|totaal|totalt|total\s+(?:général|general)"
    r"|sum(?:me|ma|s)?|suma|somme|somma|(?:gesamt|zwischen|end|teil)(?:summe|ergebnis)"
    r"|gesamt|insgesamt"
    r"|(?:genel\s+)?toplam|i alt|sammanlagt|yhteensä|razem|ogółem|celkem|spolu|összesen|ukupno|skupaj|σύνολο"
    r"|итого|всего|الإجمالي|المجموع|סה\"כ|סה״כ|tổng|รวม|合計|小計|総計|总计|合计|小计|總計|합계|총계|소계|[Σ∑])"
)
_STATISTIC = (
    r"average|avg\.?|mean|median|mittelwert|durchschnitt|moyenne|media|promedio|gemiddelde|medel|平均|평균"
    r"|min(?:imum)?\.?|max(?:imum)?\.?|std\.?(?:\s?dev\.?)?|stdev|standard deviation|variance"
    r"|standardabweichung|среднее|count|anzahl|all|overall|(?:overall )?results?|ergebnis"
)
LONGEST = 200
"""Characters of a cell that may say that its row is no data; patterns would take long with longer ones."""
_IS_TOTAL = re.compile(rf"{_TOTAL}\s*[:=]?(?:\s*\(.*\))?", re.IGNORECASE)
_IS_STATISTIC = re.compile(rf"(?:{_STATISTIC})\s*[:=]?(?:\s*\(.*\))?", re.IGNORECASE)
_BEGINS_TOTAL = re.compile(rf"(?:{_TOTAL}|{_STATISTIC})\b.*", re.IGNORECASE | re.DOTALL)
_ENDS_TOTAL = re.compile(rf"(?:.*\s)?{_TOTAL}", re.IGNORECASE)
_FIGURE = "average|mean|mittelwert|durchschnitt|moyenne|promedio|count|anzahl|ergebnis"
_OF_GROUP = re.compile(
    rf"(?:{_TOTAL}|{_FIGURE})\W+(?P<before>\w.*)|(?P<behind>.*\w)\W+(?:{_TOTAL}|{_FIGURE})",
    re.IGNORECASE | re.DOTALL,
)
"""The total of a group of rows, and the group that it names: "Wien Total", "Summe Wien"."""
FIRST_COLUMNS = 20
"""Columns that may name the groups of which there are totals."""
_AROUND = " \t*_=-:#"
"""Signs with which people set a total off."""
_ROWS = re.compile(
    r"\W*[0-9][0-9.,' ]*\s*(?:rows?|records?|lines?|entries|observations|results?|items|cases|zeilen?"
    r"|datensätze?|einträge|lignes?|filas?|righe|строк\w*|行|件)\b.*",
    re.IGNORECASE | re.DOTALL,
)
_REMARK = re.compile(
    r"\s*(?:#|//|%|--|\*\*|==|[^\W\d_][\w .-]{1,30}:(?:\s|$)|end of |eof\b|ende\b)", re.IGNORECASE
)
_SAYS_NOTHING = re.compile(r"\W{0,3}")
"""A cell such as `==` or `--`, rather than a remark, in a row of as many cells as there are columns."""


def rows_at_end(rows: Sequence[Sequence[str]], looks: Sequence[cells.Look], before: int | None = None) -> int:
    """How many of the last rows of a file are no data.

    looks: of its columns. before: how many lines stand between the header and the first of `rows`.
    A row without any value is no data if the row below it is none either.
    """
    found = 0
    for number, row in enumerate(reversed(rows), 1):
        if number > MOST_ROWS:
            break
        rows_above = None if before is None else before + len(rows) - number
        empty = not any(cell.strip() for cell in row)
        above = rows[-number - 1] if number < len(rows) else []
        if not empty and not is_no_data(row, looks, rows_above) and not is_subtotal(row, above, looks):
            break
        if not empty or found == number - 1 > 0:
            found = number
    return found


def is_no_data(row: Sequence[str], looks: Sequence[cells.Look], rows_above: int | None = None) -> bool:
    """Whether a row at the end of a file is no row of its table.

    It is none if it names a total. It is none either if it has another number of cells than the table has
    columns, or hardly any value where the table is full, and is a remark, a number of rows, begins with a
    text where the column holds numbers or dates, or holds numbers alone behind empty cells.
    """
    filled = [(place, cell.strip()) for place, cell in enumerate(row) if cell.strip()]
    place, first = filled[0]
    # In a full row, only the first cell may name a total.
    named = filled if len(filled) < len(row) or len(row) != len(looks) else filled[:1]
    if any(_is_total(row, each, text, looks) for each, text in named):
        return True
    alone, other_width = len(filled) == 1, len(row) != len(looks)
    if alone and rows_above and len(first) <= LONGEST and first.isdecimal() and int(first) == rows_above:
        return True
    if (alone or other_width) and (
        END_OF_FILE in first
        or (_REMARK.match(first[:LONGEST]) and (other_width or not _SAYS_NOTHING.fullmatch(first)))
        or _ROWS.fullmatch(first[:LONGEST]) is not None
    ):
        return True
    if len(row) > len(looks):
        return False
    if len(row) < len(looks):
        return cells.look_of(first) == cells.TEXT and (looks[place].is_value or (alone and len(looks) > 2))
    hollow = _is_hollow(row, looks)
    if cells.look_of(first) == cells.TEXT and not looks[place].texts[first]:
        return (alone or hollow) and (looks[place].is_value or (alone and hollow and len(looks) > 2))
    if not hollow or not all(cells.look_of(text) == cells.NUMBER for _, text in filled):
        return False
    return place > 0 or all(_is_beyond(text, looks[each]) for each, text in filled)


def _is_beyond(text: str, look: cells.Look) -> bool:
    """Whether a plain number is larger than all numbers of a column, as their sum is."""
    try:
        return float(text) > max(float(each) for each in look.texts)
    except ValueError:
        return False


def _is_hollow(row: Sequence[str], looks: Sequence[cells.Look]) -> bool:
    """Whether at least half of a row's cells are empty, and the table has a value wherever it has none."""
    empty = [look for cell, look in zip(row, looks, strict=True) if not cell.strip() and look.kind]
    return 2 * len(empty) >= len(row) and all(look.is_complete for look in empty)


def _is_total(row: Sequence[str], place: int, text: str, looks: Sequence[cells.Look]) -> bool:
    """Whether a cell names a total, and is no value that its column has elsewhere.

    Words that may be names of people or things as well (Max, All) stand beside empty cells and no other
    texts.
    """
    word = text.strip(_AROUND) or text
    if place < len(looks):
        look = looks[place]
        if look.texts[text]:
            return False
        if look.is_value and _BEGINS_TOTAL.fullmatch(word[:LONGEST]):
            return True
    if len(word) > LONGEST:
        return False
    if _IS_STATISTIC.fullmatch(word):
        alone = all(cells.look_of(cell) != cells.TEXT for at, cell in enumerate(row) if at != place)
        return alone and (len(row) != len(looks) or not all(cell.strip() for cell in row))
    return _IS_TOTAL.fullmatch(word) is not None


def is_total_within(row: Sequence[str], looks: Sequence[cells.Look]) -> bool:
    """Whether one of the first values of a row names a total, wherever the row stands."""
    filled = [(look, cell.strip(_AROUND)) for cell, look in zip(row, looks, strict=False) if cell.strip()]
    if len(filled) < 2:
        return False
    return any(
        (_BEGINS_TOTAL if look.is_value else _ENDS_TOTAL).fullmatch(text) is not None
        for look, text in filled[:2]
        if len(text) <= LONGEST
    )


def is_subtotal(row: Sequence[str], above: Sequence[str], looks: Sequence[cells.Look]) -> bool:
    """Whether a row is the total of a group: its one text names it with the group of the row above."""
    if len(row) != len(above) or len(row) != len(looks):
        return False
    for place, look in enumerate(looks[:FIRST_COLUMNS]):
        group, text = above[place].strip(), row[place].strip()
        if look.kind == cells.TEXT and group and group != text and group in text and len(text) <= LONGEST:
            found = _OF_GROUP.fullmatch(text.strip(_AROUND))
            if found is not None and group in (found["before"], found["behind"]):
                return _holds_values_alone(row, place, looks)
    return False


def _holds_values_alone(row: Sequence[str], named: int, looks: Sequence[cells.Look]) -> bool:
    """Whether a row has values in columns of numbers or dates, and no text but the one at a place."""
    texts = [place for place, cell in enumerate(row) if cells.look_of(cell) == cells.TEXT]
    return texts == [named] and any(look.is_value and row[at].strip() for at, look in enumerate(looks))


def last_value(text: str, separator: str) -> int:
    """Where the last value of a text ends, which may be in the middle of its last row."""
    return len(text.rstrip(WHITE + END_OF_FILE + separator))


def trimmed(tail: str, separator: str) -> tuple[str, list[str]]:
    """What of a text behind its last value belongs to its last row, and notes on what does not.

    tail: lines that are blank, or hold nothing but separators, zeros or the end-of-file mark of DOS, which
    may stand at the end of the last row as well.
    """
    line_end = re.search(r"\r\n|\r|\n", tail)
    cut = line_end.end() if line_end else len(tail)
    notes = []
    if END_OF_FILE in tail:
        notes.append("the end-of-file mark (Ctrl-Z) at the end of the file was left out")
    mark = re.escape(separator)
    # One by one, as a list of all these lines would take much more memory than the file.
    empty = sum(1 for _ in re.finditer(rf"{mark}[^\r\n]*+", tail[cut:]))
    if empty:
        some = f"{empty} rows without any value were" if empty > 1 else "a row without any value was"
        notes.append(f"{some} left out at the end of the file")
    if ZERO in tail:
        notes.append("zero bytes at the end of the file were left out")
    return tail[:cut].replace(END_OF_FILE, "").replace(ZERO, ""), notes


def left_out(rows: Sequence[tuple[int, Sequence[str]]], separator: str) -> list[str]:
    """Notes on rows at the end of a file that are no data, each with its line; one note on many of them."""
    found = [
        (line, quoted(separator.join(each))) for line, each in rows if any(cell.strip() for cell in each)
    ]
    if len(found) > MOST_NOTES:
        texts = ", ".join(text for _, text in found[:SHOWN])
        return [
            f"{len(found)} rows from row {found[0][0]} on, at the end of the file, are no rows of the table"
            f" and were left out: {texts} and {len(found) - SHOWN} more"
        ]
    return [
        f"row {line}, at the end of the file, is no row of the table and was left out: {text}"
        for line, text in found
    ]
