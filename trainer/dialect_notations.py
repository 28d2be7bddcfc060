"""How the numbers of a column are written, and which texts stand for a missing one among them.

`1.234` is 1234 in a column with `1.234,56`, and 1.234 in one with `0.5`; what the column leaves open is
decided by the file's decimal mark. A column whose cells contradict each other stays text. The app and the
trainer use this code; it uses the standard library alone.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

FLAT = "." not in __name__
if FLAT:
    from dialect_numbers import (
        SHARES,
        Notation,
        Written,
        is_currency,
        is_plain,
        number,
        parts_of,
        tidy,
        value_of,
    )
else:
    from trainer.dialect_numbers import (
        SHARES,
        Notation,
        Written,
        is_currency,
        is_plain,
        number,
        parts_of,
        tidy,
        value_of,
    )

MOSTLY = 0.95
"""Share of a column's known cells that must be numbers."""
FEW_TEXTS = 3
"""Different texts, beside those of GAPS, that may stand for missing in a column of many different numbers."""
MANY_NUMBERS = 10
"""Different numbers that a column needs for that."""
COMMON_UNITS = frozenset(
    {"kg", "mg", "lb", "oz", "km", "cm", "mm", "ml", "ft", "mi", "°C", "°F", "km/h", "mph", "m²", "m³", "min"}
) | {"ms", "kW", "kWh", "Hz", "MHz", "GHz", "MB", "GB", "TB"}
"""Units that stand for themselves although most of a column's numbers have none."""
MANY_UNITS = 5
"""More different ones are rather the letters of codes such as 12A."""
CODES = 0.01
"""Share of a column's numbers that begin with zeros, or are too long, in a column of codes."""
LONGEST = 2**53
"""The largest whole number up to which float64 holds every one."""
_GAPS = r"""
    . .. ... - -- --- ? ?? ??? * ** / // \ \n null (null) [null] none (none) nil void n/a n.a n.a. na
    nan n/d nd n.d. n.v. s/o s.o. k.a k.a. tba tbd unk unknown undef undefined missing (missing) empty (empty)
    blank (blank) leer (leer) #n/a #na #null! #num! #name? #ref! #value! #div/0! not_available fehlt unbekannt
    inconnu desconocido sconosciuto onbekend"""
GAPS = frozenset(_GAPS.split()) | {
    *("not available", "not applicable", "not known", "no data", "no value", "keine angabe", "k. a.", "n. a.")
}
"""Texts that stand for a missing number, in lower case, whatever share of a column they are."""
_GAP_NUMBER = re.compile(r"-9{2,6}(?:[.,]0+)?")
_AMBIGUOUS = re.compile(r"[-+]?[1-9][0-9]{0,2}[.,][0-9]{3}")
_DIGITS_ALONE = re.compile(r"[0-9]+")


@dataclass(frozen=True)
class Found:
    """What a column's cells show.

    notation: the one that suits most of them. numeric: whether they are numbers in it. why: if they look like
    numbers but are taken as texts, the reason; if the column leaves its decimal mark open, a note on that.
    """

    notation: Notation
    numeric: bool = True
    why: str = ""


def stands_for_missing(text: str) -> bool:
    """Whether a text that is no number stands for a missing one in any column of numbers."""
    return tidy(text).lower() in GAPS


def find(cells: Iterable[str], decimal: str) -> Found:
    """Decide how a column's numbers are written, from its cells that are not missing.

    decimal: the file's decimal mark, which decides what the column leaves open.
    """
    counts = Counter(cell.strip() for cell in cells)
    if all(is_plain(text, decimal) for text in counts):
        plain: dict[str, float | None] = {text: float(text.replace(",", ".")) for text in counts}
        return _judged(counts, plain, Notation(decimal))
    parts = {text: parts_of(text) for text in counts}
    unit = _unit_of(counts, parts)
    notations = [Notation(mark, unit) for mark in (decimal, "." if decimal == "," else ",")]
    readings = [
        {
            text: number(text, notation) if written is None else value_of(written, notation)
            for text, written in parts.items()
        }
        for notation in notations
    ]
    fitting = [
        sum(counts[text] for text, value in reading.items() if value is not None) for reading in readings
    ]
    best = 1 if fitting[1] > fitting[0] else 0
    found = _judged(counts, readings[best], notations[best])
    if found.numeric or found.why or not fitting[best]:
        return found
    return Found(found.notation, numeric=False, why=_contradiction(counts, parts))


def notation_of(cells: Iterable[str], decimal: str) -> Notation:
    """How the numbers in a label are written; plainly where its texts are no numbers.

    cells: those that are not missing. decimal: the file's decimal mark.
    """
    found = find(cells, decimal)
    return found.notation if found.numeric else Notation(decimal)


def _unit_of(counts: Counter[str], parts: dict[str, Written | None]) -> str:
    """The unit that most of a column's numbers have, or the only well-known one that any has; or ""."""
    units: Counter[str] = Counter()
    for text, written in parts.items():
        if written is not None:
            units[written.unit] += counts[text]
    if not units:
        return ""
    bare = units.pop("", 0)
    if not units:
        return ""
    unit, often = units.most_common(1)[0]
    sure = len(units) == 1 and (is_currency(unit) or unit in COMMON_UNITS)
    return unit if often >= bare or sure else ""


def _judged(counts: Counter[str], values: dict[str, float | None], notation: Notation) -> Found:
    """Whether cells are numbers, given what each text is in this notation."""
    texts = [text for text, value in values.items() if value is None and not stands_for_missing(text)]
    others = sum(map(counts.__getitem__, texts))
    known = {text: value for text, value in values.items() if value is not None}
    numbers = sum(map(counts.__getitem__, known))
    few = len(texts) <= FEW_TEXTS and len(known) >= MANY_NUMBERS * max(1, len(texts))
    if counts and not (numbers and (numbers >= MOSTLY * (numbers + others) or (few and numbers >= others))):
        return Found(notation, numeric=False)
    if why := _code(counts, known):
        return Found(notation, numeric=False, why=why)
    notation = Notation(notation.decimal, notation.unit, _gap_numbers(counts, known))
    return Found(notation, why=_doubt(known, notation.decimal))


def _doubt(known: Iterable[str], decimal: str) -> str:
    """What no cell of a column decides about its decimal mark; "" if any does or has none."""
    marked = [text for text in known if "." in text or "," in text]
    if len(marked) < 2 or not all(_AMBIGUOUS.fullmatch(text) for text in marked) or decimal not in marked[0]:
        return ""
    value, mark = float(marked[0].replace(",", ".")), "point" if decimal == "." else "comma"
    return (
        f'"{marked[0]}" is read as {value:.15g}, with a decimal {mark}; no cell of the column tells that it'
        f" is not {value * 1000:.15g}"
    )


def _code(counts: Counter[str], known: dict[str, float]) -> str:
    """Why a column's numbers are codes, or "" if they are not."""
    if not any(len(text) > 1 and (text[0] == "0" or len(text) > 15) for text in known):
        return ""
    digits = [text for text in known if _DIGITS_ALONE.fullmatch(text)]
    rows = sum(map(counts.__getitem__, known))
    padded = [text for text in digits if text[0] == "0" and len(text) > 1]
    alike = len(digits) == len(known) > 0 and len({len(text) for text in digits}) == 1
    if padded and (alike or sum(counts[text] for text in padded) >= CODES * rows):
        return f'"{padded[0][:40]}" begins with a zero, so the values are taken as codes, not as numbers'
    long = [text for text in digits if len(text) > 15 and int(text[:20]) > LONGEST]
    if long and len(digits) == len(known) and sum(counts[text] for text in long) >= CODES * rows:
        return (
            f'"{long[0][:40]}" has more digits than a number keeps, so the values are taken as codes, not as'
            " numbers"
        )
    return ""


def _gap_numbers(counts: Counter[str], known: dict[str, float]) -> tuple[float, ...]:
    """Numbers such as -999 that stand for missing: they recur, and lie far below all others."""
    gaps = {
        value
        for text, value in known.items()
        if text.startswith("-9") and counts[text] > 1 and _GAP_NUMBER.fullmatch(text)
    }
    if not gaps:
        return ()
    others = [value for value in known.values() if value not in gaps and math.isfinite(value)]
    if len(others) < MANY_NUMBERS:
        return ()
    low, high = min(others), max(others)
    return tuple(sorted(gap for gap in gaps if gap < low and (low >= 0 or low - gap > high - low)))


def _contradiction(counts: Counter[str], parts: dict[str, Written | None]) -> str:
    """Why a column whose numbers are written in several ways is taken as texts; "" if they are no numbers."""
    written = {text: each for text, each in parts.items() if each is not None and _fits(each)}
    if sum(counts[text] for text in written) < MOSTLY * sum(counts.values()):
        return ""
    units: dict[str, str] = {}
    for text, each in written.items():
        units.setdefault(each.unit, text)
    marks = [next((text for text, each in written.items() if each.value(mark) is None), "") for mark in ",."]
    if not SHARES & units.keys():
        units.pop("", "")
    examples = list(units.values())[:2] if len(units) > 1 else marks
    if not all(examples) or len(units) > MANY_UNITS:
        return ""
    what = "units" if len(units) > 1 else "decimal marks"
    return (
        f'its numbers have different {what} ("{examples[0][:40]}", "{examples[1][:40]}"), so its values are'
        " taken as texts; write all of them in one way"
    )


def _fits(written: Written) -> bool:
    return written.value(".") is not None or written.value(",") is not None
