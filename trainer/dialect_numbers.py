"""Numbers as people and programs write them, one cell at a time.

`1.234,56`, `1 234,56`, `1'234.56`, `12,34,567`, `$1,234.50`, `6.350,88 €`, `USD 12`, `12.5 kg`, `11,1 %`,
`(1,234)`, `5-`, `5,--`, `<5` and `5.3 ± 0.1` are numbers. What a cell alone leaves open (`1.234`) is decided
over its column, by dialect_notations.find. The app, the trainer and the deployed model, in whose folder
`code` this file lies too, read cells with this code, so that a cell has the same value in all of them.
Therefore it uses the standard library, dialect_durations and dialect_units alone, and nothing of the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

FLAT = "." not in __name__
if FLAT:
    from dialect_durations import seconds
    from dialect_units import CURRENCY, SHARES, UNIT, one_of, power, sense
else:
    from trainer.dialect_durations import seconds
    from trainer.dialect_units import CURRENCY, SHARES, UNIT, one_of, power, sense

_DIGITS_OF_SCRIPTS = (0x660, 0x6F0, 0x966, 0x9E6, 0xE50, 0xFF10)
"""Where the digits of other scripts begin: Arabic, Persian, Devanagari, Bengali, Thai, and wide ones."""
_ALIKE = str.maketrans(
    {chr(first + digit): str(digit) for first in _DIGITS_OF_SCRIPTS for digit in range(10)}
    | dict(zip("\u066b\u066c\u066a\uff0e\uff0c\uff05\uffe5\u00b7", ".,%.,%¥.", strict=True))
    | dict.fromkeys(map(chr, [0x09, 0xA0, *range(0x2000, 0x200B), 0x202F, 0x3000]), " ")
    | dict.fromkeys("\u2018\u2019\u02bc\u00b4`\u2032", "'")
    | dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\u2014\ufe63\uff0d", "-")
    | dict.fromkeys("\u200e\u200f\u202a\u202c\ufeff", "")
)
"""Signs that stand for a digit, a mark, a space, an apostrophe or a minus; marks of direction, unseen."""

_SPLIT = re.compile(
    r"([^0-9]{0,12})([0-9](?:[0-9.,' ]*[0-9])?[.,]?)"
    r"(?:(?:[eE]|[dD](?=[-+])| ?[xX\u00d7*] ?10(?:\^|\*\*)?)([-+]?[0-9]{1,9}))?([^0-9].*|)",
    re.DOTALL,
)
"""What stands before the digits, these, their exponent, and what stands behind."""
_BEFORE = re.compile(rf"([-+(])? ?({CURRENCY}|%)? ?([-+(])? ?")
_AFTER = re.compile(rf" ?([-)])? ?({UNIT})? ?([-)])?")
_ABOUT = re.compile(r"([<>]=?|[≤≥~≈\u223c])? ?(.*?) ?([+*]?)", re.DOTALL)
"""What says that a value lies below, above or near a number, and a footnote's star."""
_TOLERANCE = re.compile(r"(.*[0-9.,]) ?(?:\u00b1|\+/-) ?[0-9][0-9.,]* ?([^0-9()]{0,12})", re.DOTALL)
"""A number with what it may be off by, and the unit of both."""
_NOTHING = re.compile(rf"({CURRENCY})? ?-(?: ?({CURRENCY}))?")
"""What accounting formats write for 0, with a currency."""
_AS_TEXT = re.compile(r"""=?"([^"]*)"|'([^']*)|=([-+]?[0-9.,]+)""", re.DOTALL)
"""How spreadsheets write a text that they must not take for a number."""
LONGEST_TEXT = 100
"""Characters of a text that may be a number, unless it is a plain one."""
_DIGITS = {
    ".": re.compile(
        r"(?:[1-9][0-9]{0,2}(?:([,' ])[0-9]{3})(?:\1[0-9]{3})*|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}|[0-9]*)"
        r"(?:\.[0-9]*)?"
    ),
    ",": re.compile(r"(?:[1-9][0-9]{0,2}(?:([.' ])[0-9]{3})(?:\1[0-9]{3})*|[0-9]*)(?:,[0-9]*)?"),
}
"""The digits of a number, by its decimal mark. Groups of two before the last three are Indian."""
_GROUPS = {".": str.maketrans("", "", ",' "), ",": str.maketrans("", "", ".' ")}
_PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)


@dataclass(frozen=True)
class Notation:
    """How the numbers of one column are written.

    decimal: the decimal mark, "." or ",". unit: what stands before or after each number, for example a
    currency, "kg" or "%"; "" if nothing does. gaps: numbers that stand for a missing value. minus: what
    stands beside negative numbers instead of the unit, such as "DR". multiplied: whether k or Mio. beside a
    number multiplies it. about: whether "<5" and "~5" are 5. duration: whether they are seconds.
    """

    decimal: str = "."
    unit: str = ""
    gaps: tuple[float, ...] = ()
    minus: str = ""
    multiplied: bool = False
    about: bool = False
    duration: bool = False


PLAIN = Notation()


class Written(NamedTuple):
    """The parts of a number's text.

    digits: with the marks in and around them. power: of ten, by which they are multiplied. about: what says
    that the value is below, above or near the number, or may be off; "" if nothing does.
    """

    negative: bool
    digits: str
    power: int
    unit: str
    about: str

    def value(self, decimal: str, tens: int = 0) -> float | None:
        """The number, or None if the marks among its digits do not fit this decimal mark.

        tens: by which power of ten it is multiplied besides.
        """
        if not _DIGITS[decimal].fullmatch(self.digits):
            return None
        digits = self.digits.translate(_GROUPS[decimal])
        if self.power and digits != self.digits:
            return None  # nobody writes thousands before an exponent
        digits = digits.replace(",", ".")
        value = float(f"{digits}e{self.power + tens}")
        return -value if self.negative else value


def tidy(text: str) -> str:
    """A text with usual signs for its digits, spaces, apostrophes and minus signs, and none around it."""
    text = text.strip()
    return text if text.isascii() else text.translate(_ALIKE).strip()


def unquoted(text: str) -> str:
    """A text without spaces around it, and without what marks it as text in a spreadsheet: `="5"`, `'5`."""
    text = text.strip()
    if text[:1] not in ("=", "'", '"'):
        return text
    found = _AS_TEXT.fullmatch(text)
    return text if found is None else "".join(filter(None, found.groups())).strip()


def parts_of(text: str) -> Written | None:
    """The parts of a text that is a number in some notation; None for any other text."""
    text = tidy(unquoted(text))
    if not text or len(text) > LONGEST_TEXT:
        return None
    about = ""
    if text[0] in "<>≤≥~≈\u223c" or text[-1] in "+*":
        found = _ABOUT.fullmatch(text)
        if found is not None:
            text, about = found[2], (found[1] or "") + found[3]
    if ("\u00b1" in text or "+/-" in text) and (found := _TOLERANCE.fullmatch(text)):
        text, about = f"{found[1]} {found[2]}".rstrip(), about or "\u00b1"
    split = _SPLIT.fullmatch(text)
    if split is None:
        return _nothing(text)
    before, digits, power, after = split.groups()
    if after[:2] == "/-":
        after = after[2:]  # as in Rs. 500/-
    elif digits[-1] in ".," and after[:1] == "-":
        after = after[2:] if after[:2] == "--" else after[1:]  # as in 5,-- and 12.-
    around = _around(before, after)
    if around is None and before[-1:] in (".", ","):
        digits, around = before[-1] + digits, _around(before[:-1], after)
    return None if around is None else Written(around[0], digits, int(power or 0), around[1], about)


def _nothing(text: str) -> Written | None:
    """The 0 of an accounting format, "$ -"; None for any other text."""
    found = _NOTHING.fullmatch(text)
    unit = found and (found[1] or found[2])
    return Written(False, "0", 0, unit, "") if unit else None


@lru_cache(4096)
def _around(before: str, after: str) -> tuple[bool, str] | None:
    """Whether a number is negative, and its unit, by what stands before and behind its digits."""
    first, last = _BEFORE.fullmatch(before), _AFTER.fullmatch(after)
    if first is None or last is None:
        return None
    signs = [sign for sign in (first[1], first[3], last[1], last[3]) if sign]
    opened, closed = signs.count("("), signs.count(")")
    if opened != closed or len(signs) - closed > 1:
        return None
    units = [one_of(unit) for unit in (first[2], last[2]) if unit]
    return bool(opened) or "-" in signs, " ".join(units)


def is_plain(text: str, decimal: str) -> bool:
    """Whether a text is a number of digits and a decimal mark alone, as a CSV reader takes it."""
    if decimal == ",":
        if "." in text:
            return False
        text = text.replace(",", ".")
    return _PLAIN.fullmatch(text) is not None


def number(text: str, notation: Notation = PLAIN) -> float | None:
    """The number in a cell, which may be infinite; None if it holds none in this notation.

    A number without its unit is one too, unless the unit is a share: 12 among percentages may mean 12 or
    1200 %.
    """
    text = text.strip()
    if notation.unit not in SHARES and not notation.duration and is_plain(text, notation.decimal):
        return float(text.replace(",", "."))
    if _INFINITE.fullmatch(text):
        return float(text)
    if notation.duration:
        return seconds(text)
    written = parts_of(text)
    return None if written is None else value_of(written, notation)


def value_of(written: Written, notation: Notation) -> float | None:
    """The number that has these parts, as `number` gives it."""
    if written.about and not notation.about:
        return None
    tens, _, unit = power(written.unit) if notation.multiplied else (0, "", written.unit)
    value = written.value(notation.decimal, tens)
    if value is None or unit == notation.unit:
        return value
    if notation.minus and sense(unit) == sense(notation.minus):
        return -value
    if unit and sense(unit) == sense(notation.unit):
        return value
    return value if not unit and (notation.unit not in SHARES or value == 0) else None


def shape(text: str) -> str:
    """How a number is written, whatever its digits are."""
    return re.sub(r"[0-9]+", "0", tidy(text))
