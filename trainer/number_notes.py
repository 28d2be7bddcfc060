"""What is told of the cells of a column of numbers, booleans or dates that are not simply that."""

from __future__ import annotations

import dialect_numbers
import touchdown_model as model
from column_statistics import NumberStatistics
from text import quoted

NOUNS = {model.NUMBER: "numbers", model.DATE: "dates", model.BOOLEAN: "yes or no"}
TEXTS_NAMED = 5
"""Different texts that a note names."""


def number_notes(name: str, numbers: NumberStatistics, place: int) -> list[str]:
    """Notes on the cells of a column that are written in an unusual way, or whose values cannot be used."""
    column, form, notes = f"column {quoted(name)}", numbers.forms[place], []
    if numbers.written[place]:
        read = [_read(text, form.notation) for text in numbers.examples[place].values()]
        notes.append(f"{column}: {_cells(numbers.written[place])} read as numbers, such as {_joined(read)}")
    if numbers.bad[place]:
        often = numbers.odd[place].most_common(TEXTS_NAMED)
        texts = ", ".join(f"{quoted(text)} ({count})" for text, count in often)
        more = "" if numbers.bad[place] == sum(count for _, count in often) else ", ..."
        notes.append(
            f"{column}: {_cells(numbers.bad[place], f'not {NOUNS[form.kind]} and')} treated as missing:"
            f" {texts}{more}"
        )
    if numbers.gaps[place]:
        gaps = " or ".join(f"{gap:g}" for gap in form.notation.gaps)
        sides = {"below" if gap < 0 else "above" for gap in form.notation.gaps}
        where = sides.pop() if len(sides) == 1 else "from"
        notes.append(
            f"{column}: {numbers.gaps[place]} cells hold {gaps}, far {where} all other values, and are"
            " treated as missing"
        )
    if numbers.infinite[place]:
        notes.append(
            f"{column}: {_cells(numbers.infinite[place], f'infinite or beyond {model.LARGEST:g} and')}"
            " treated as missing"
        )
    return notes


def _read(text: str, notation: dialect_numbers.Notation) -> str:
    value = dialect_numbers.number(text, notation)
    return f"{quoted(text)} as {value:.15g}"


def _joined(texts: list[str]) -> str:
    *others, last = texts
    return f"{', '.join(others)} and {last}" if others else last


def _cells(count: int, what: str = "") -> str:
    """How many cells are something. what: what they are as well, before the verb is said again."""
    cells, verb = ("cell", "is") if count == 1 else ("cells", "are")
    return f"{count} {cells} {verb} {what} {verb}" if what else f"{count} {cells} {verb}"
