"""Why the numbers of a column are codes, in doubt, or taken as texts: sentences for the notes on it.

The app and the trainer use this code; it uses the standard library alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping

FLAT = "." not in __name__
if FLAT:
    from dialect_gaps import MANY_NUMBERS, stands_for_missing
    from dialect_numbers import Written, tidy
    from dialect_units import SHARES, sense
else:
    from trainer.dialect_gaps import MANY_NUMBERS, stands_for_missing
    from trainer.dialect_numbers import Written, tidy
    from trainer.dialect_units import SHARES, sense

MANY_UNITS = 5
"""More different ones are rather the letters of codes such as 12A."""
CODES = 0.01
"""Share of a column's numbers that begin with zeros, or are too long, in a column of codes."""
LONGEST = 2**53
"""The largest whole number up to which float64 holds every one."""
CODE_DIGITS = 16
"""Digits that all of a column's numbers have if they are card numbers or the like."""
MICROSECONDS = range(10**15, 3 * 10**15)
"""Numbers of so many digits that are rather moments, counted since 1970: from 2001 to 2065."""
MANY_TEXTS = 20
"""Different texts from which on those that look like numbers are told; fewer are rather names of classes."""
FEWEST_THOUSANDS = 10
"""Numbers that must have a mark before three digits for it to separate thousands."""
_AMBIGUOUS = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")
_DIGITS_ALONE = re.compile(r"[0-9]+")
_BEGINS_WITH_DIGITS = re.compile(r"[^\w\s]{0,3} ?[^\w\s]?\d", re.ASCII)


def are_thousands(counts: Mapping[str, int], mark: str) -> bool:
    """Whether a mark before three digits separates thousands: the numbers without it are below 1000.

    Decimals that are cut to whole numbers now and then would be cut to one or two digits more often.
    counts: how often the digits of each number occur, with the marks among them.
    """
    marked, whole = 0, set()
    for digits, count in counts.items():
        if mark in digits:
            if not _AMBIGUOUS.fullmatch(digits):
                return False
            marked += count
        elif not digits.isdecimal() or len(digits) > 3:
            return False
        elif int(digits):
            whole.add(digits)
    return marked >= FEWEST_THOUSANDS and len(whole) > 1


def doubt_of(known: Mapping[str, str], decimal: str) -> str:
    """What no cell of a column decides about its decimal mark; "" if any does or has none.

    known: the digits of each number, with the marks among them.
    """
    marked = [(text, digits) for text, digits in known.items() if "." in digits or "," in digits]
    if len(marked) < 2 or not all(_AMBIGUOUS.fullmatch(digits) for _, digits in marked):
        return ""
    text, digits = marked[0]
    if decimal not in digits:
        return ""
    value, mark = float(digits.replace(",", ".")), "point" if decimal == "." else "comma"
    return (
        f'"{text[:40]}" is read as {value:.15g}, with a decimal {mark}; no cell of the column tells that it'
        f" is not {value * 1000:.15g}"
    )


def code_of(counts: Counter[str], known: Mapping[str, float]) -> str:
    """Why a column's numbers are codes, or "" if they are not. counts: how many cells hold each text."""
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
    if alike and len(digits[0]) == CODE_DIGITS and any(int(text) not in MICROSECONDS for text in digits):
        return f'"{digits[0]}" has 16 digits, as all values have, so they are taken as codes, not as numbers'
    return ""


def contradiction(counts: Counter[str], parts: Mapping[str, Written | None], mostly: float) -> str:
    """Why a column whose numbers are written in several ways is taken as texts; "" if they are no numbers.

    mostly: the share of the cells that must be numbers in some writing.
    """
    written = {text: each for text, each in parts.items() if each is not None and _fits(each)}
    if sum(counts[text] for text in written) < mostly * sum(counts.values()):
        return ""
    units: dict[str, str] = {}
    senses: set[str] = set()
    for text, each in written.items():
        if sense(each.unit) not in senses:
            senses.add(sense(each.unit))
            units[each.unit] = text
    if any(unit[:1] == "/" and unit.lstrip("/ ").isdigit() for unit in units):
        return ""  # as in 120/80, which has two numbers
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


def unread(counts: Counter[str], numbers: Collection[str], mostly: float) -> str:
    """What makes a column text that looks like one of numbers, or "" if it does not look so.

    numbers: the texts that are numbers. mostly: the share of cells that must begin with digits.
    """
    known = {text: count for text, count in counts.items() if not stands_for_missing(text)}
    rows = sum(known.values())
    others = [text for text in known if text not in numbers]
    if len(known) <= MANY_TEXTS or not others:
        return ""
    quoted = " and ".join(f'"{text[:40]}"' for text in others[:2])
    read = sum(known[text] for text in known if text in numbers)
    if 2 * read >= rows and len(known) - len(others) >= MANY_NUMBERS:
        return (
            f"{100 * read / rows:.3g} % of its values are numbers, but others are not, such as {quoted}, so"
            " all are taken as texts"
        )
    begin = sum(count for text, count in known.items() if _BEGINS_WITH_DIGITS.match(tidy(text)))
    if begin >= mostly * rows:
        return (
            f"its values begin with digits, such as {quoted}, but are not all numbers, dates or durations in"
            " a known writing, so they are taken as texts"
        )
    return ""
