"""How the numbers of a column are written, and which texts stand for a missing one among them.

`1.234` is 1234 in a column with `1.234,56`, and 1.234 in one with `0.5`; what the column leaves open is
decided by the file's decimal mark. A column whose cells contradict each other stays text. The app and the
trainer use this code; it uses the standard library alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

FLAT = "." not in __name__
if FLAT:
    from dialect_doubts import are_thousands, code_of, contradiction, doubt_of, unread
    from dialect_durations import seconds
    from dialect_gaps import FEW_TEXTS, MANY_NUMBERS, gap_numbers, stands_for_missing
    from dialect_numbers import Notation, Written, is_plain, number, parts_of, unquoted, value_of
    from dialect_units import are_multiplied, is_currency, negative, power, sense
else:
    from trainer.dialect_doubts import are_thousands, code_of, contradiction, doubt_of, unread
    from trainer.dialect_durations import seconds
    from trainer.dialect_gaps import FEW_TEXTS, MANY_NUMBERS, gap_numbers, stands_for_missing
    from trainer.dialect_numbers import Notation, Written, is_plain, number, parts_of, unquoted, value_of
    from trainer.dialect_units import are_multiplied, is_currency, negative, power, sense

MOSTLY = 0.95
"""Share of a column's known cells that must be numbers."""
COMMON_UNITS = frozenset(
    {"kg", "mg", "lb", "oz", "km", "cm", "mm", "ml", "ft", "mi", "°C", "°F", "km/h", "mph", "m²", "m³", "min"}
) | {"ms", "kW", "kWh", "Hz", "MHz", "GHz", "MB", "GB", "TB"}
"""Units that stand for themselves although most of a column's numbers have none."""
MANY_CLASSES = 20
"""Different texts up to which "<5" and "5" in a label are rather two classes than one number."""
_BELOW, _ABOVE = frozenset("<≤"), frozenset(">≥+")


@dataclass(frozen=True)
class Found:
    """What a column's cells show.

    notation: the one that suits most of them. numeric: whether they are numbers in it. why: if they look like
    numbers but are taken as texts, the reason; if the column leaves its decimal mark open, a note on that.
    unread: if they are texts and nothing else, what makes them look like numbers or dates.
    """

    notation: Notation
    numeric: bool = True
    why: str = ""
    unread: str = ""


def find(cells: Iterable[str], decimal: str) -> Found:
    """Decide how a column's numbers are written, from its cells that are not missing.

    decimal: the file's decimal mark, which decides what the column leaves open.
    """
    counts: Counter[str] = Counter()
    for cell, count in Counter(cells).items():  # most columns have far fewer different cells than cells
        counts[unquoted(cell)] += count
    if all(is_plain(text, decimal) for text in counts):
        digits = {text: text.lstrip("+-") for text in counts}
        if not are_thousands(_often(counts, digits), decimal):
            plain: dict[str, float | None] = {text: float(text.replace(",", ".")) for text in counts}
            return _judged(counts, plain, Notation(decimal), digits)
    parts = {text: parts_of(text) for text in counts}
    style = _style(counts, parts)
    digits = {
        text: _digits_of(written, style.multiplied) for text, written in parts.items() if written is not None
    }
    if are_thousands(_often(counts, digits), decimal):
        decimal = _other(decimal)
    notations = [replace(style, decimal=mark) for mark in (decimal, _other(decimal))]
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
    found = _judged(counts, readings[best], notations[best], digits)
    if found.numeric or found.why:
        return found
    numbers = {text for text, value in readings[best].items() if value is not None}
    durations = _judged(
        counts, {text: seconds(text) for text in counts}, Notation(decimal, duration=True), {}
    )
    if counts and durations.numeric:
        return durations
    return replace(
        found,
        why=contradiction(counts, parts, MOSTLY) if numbers else "",
        unread=unread(counts, numbers, MOSTLY),
    )


def notation_of(cells: Iterable[str], decimal: str) -> Notation:
    """How the numbers in a label are written; plainly where its texts are no numbers.

    cells: those that are not missing. decimal: the file's decimal mark.
    """
    different = list(cells)
    found = find(different, decimal)
    if not found.numeric:
        return Notation(decimal)
    return replace(found.notation, about=False) if len(set(different)) <= MANY_CLASSES else found.notation


def _digits_of(written: Written, multiplied: bool) -> str:
    """The digits of a number, and "e" if it has an exponent or a multiplier, before which are no thousands.

    multiplied: whether k or Mio. beside a number multiplies it.
    """
    tens = written.power or (multiplied and power(written.unit)[0])
    return f"{written.digits}e" if tens else written.digits


def _other(decimal: str) -> str:
    return "." if decimal == "," else ","


def _often(counts: Counter[str], digits: Mapping[str, str]) -> Counter[str]:
    """How often the digits of each number occur. digits: those of each text."""
    found: Counter[str] = Counter()
    for text, each in digits.items():
        found[each] += counts[text]
    return found


def _style(counts: Counter[str], parts: Mapping[str, Written | None]) -> Notation:
    """What stands around the digits of a column's numbers."""
    units: Counter[str] = Counter()
    for text, written in parts.items():
        if written is not None:
            units[written.unit] += counts[text]
    multiplied = are_multiplied(units)
    if multiplied:
        rest: Counter[str] = Counter()
        for unit, often in units.items():
            rest[power(unit)[2]] += often
        units = rest
    minus = negative(units) if len(units) > 1 else ""
    if minus:
        del units[minus]
    return Notation(unit=_unit_of(units), minus=minus, multiplied=multiplied, about=_are_about(parts))


def _unit_of(units: Counter[str]) -> str:
    """The unit that most of a column's numbers have, or the only well-known one that any has; or ""."""
    bare = units.pop("", 0)
    if not units:
        return ""
    alike: Counter[str] = Counter()
    for unit, often in units.items():
        alike[sense(unit)] += often
    meant, often = alike.most_common(1)[0]
    unit = next(unit for unit, _ in units.most_common() if sense(unit) == meant)
    sure = len(alike) == 1 and (is_currency(unit) or unit in COMMON_UNITS)
    return unit if often >= bare or sure else ""


def _are_about(parts: Mapping[str, Written | None]) -> bool:
    """Whether "<5" stands for 5 in a column: one of many numbers, and not a class beside ">5"."""
    found = [written for written in parts.values() if written is not None]
    if not any(written.about for written in found):
        return False
    below = {written.digits for written in found if _BELOW & set(written.about)}
    above = {written.digits for written in found if _ABOVE & set(written.about)}
    return not below & above and len({written.digits for written in found}) >= MANY_NUMBERS


def _judged(
    counts: Counter[str],
    values: Mapping[str, float | None],
    notation: Notation,
    digits: Mapping[str, str],
) -> Found:
    """Whether cells are numbers, given what each text is in this notation, and the digits of each."""
    texts = [text for text, value in values.items() if value is None and not stands_for_missing(text)]
    others = sum(map(counts.__getitem__, texts))
    known = {text: value for text, value in values.items() if value is not None}
    numbers = sum(map(counts.__getitem__, known))
    few = len(texts) <= FEW_TEXTS and len(known) >= MANY_NUMBERS * max(1, len(texts))
    if counts and not (numbers and (numbers >= MOSTLY * (numbers + others) or (few and numbers >= others))):
        return Found(notation, numeric=False)
    if why := code_of(counts, known):
        return Found(notation, numeric=False, why=why)
    notation = replace(notation, gaps=gap_numbers(counts, known))
    doubt = doubt_of({text: digits[text] for text in known if text in digits}, notation.decimal)
    return Found(notation, why=doubt)
