"""Numbers as people and programs write them, one cell at a time.

`1.234,56`, `1 234,56`, `1'234.56`, `12,34,567`, `$1,234.50`, `6.350,88 €`, `USD 12`, `12.5 kg`, `11,1 %`,
`(1,234)`, `5-` and `5,--` are numbers. What a cell alone leaves open (`1.234`) is decided over its column,
by dialect_notations.find. The app, the trainer and the deployed model, in whose folder `code` this file lies
too, read cells with this code, so that a cell has the same value in all of them. Therefore it uses the
standard library alone, and nothing of the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

_ALIKE = str.maketrans(
    dict.fromkeys(map(chr, [0x09, 0xA0, *range(0x2000, 0x200B), 0x202F, 0x3000]), " ")
    | dict.fromkeys("\u2018\u2019\u02bc\u00b4`\u2032", "'")
    | dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\u2014\ufe63\uff0d", "-")
    | dict.fromkeys("\u200e\u200f\u202a\u202c\ufeff", "")
)
"""Signs that stand for a space, an apostrophe or a minus; marks of direction, which nobody sees."""

_SIGN = r"(?:US|AU|CA|HK|NZ|NT|MX|[ACRST])?\$|[¢£¤¥৳฿₠-⃀]"
_CODE = (
    "AED|ARS|AUD|BGN|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EGP|EUR|GBP|HKD|HRK|HUF|IDR|ILS|INR|ISK|JPY|KES|KRW|KZT|MAD"
    "|MXN|MYR|NGN|NOK|NZD|PEN|PHP|PKR|PLN|QAR|RMB|RON|RSD|RUB|SAR|SEK|SGD|THB|TRY|TWD|UAH|USD|VND|ZAR"
)
_CURRENCY = rf"(?:{_SIGN}|{_CODE}|Rs\.?|[Kk]r\.?|Kč|zł|Ft|S?Fr\.?)"
"""Signs of currencies, the common ones of ISO 4217's codes, and common abbreviations."""
_LETTER = r"[^\W\d_¼-¾⅐-ⅿ①-⓿]"
_UNIT = (
    rf"(?:{_CURRENCY}(?:/{_LETTER}+)?"
    rf"|(?:{_LETTER}|[%‰°])(?:{_LETTER}|(?<=[^\W\d])[23](?!\w)|[%°/.·*^]|[ -](?={_LETTER})){{0,23}}"
    r"|''|[\"'])"
)
"""A currency, or up to 24 characters that begin with a letter: `kg`, `km/h`, `°C`, `m2`, `US dollars`."""
_SPLIT = re.compile(r"([^0-9]{0,12})([0-9](?:[0-9.,' ]*[0-9])?[.,]?)([eE][-+]?[0-9]+)?([^0-9].*|)", re.DOTALL)
"""What stands before the digits, these, their exponent, and what stands behind."""
_BEFORE = re.compile(rf"([-+(])? ?({_CURRENCY}|%)? ?([-+(])? ?")
_AFTER = re.compile(rf" ?([-)])? ?({_UNIT})? ?([-)])?")
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
_IS_CURRENCY = re.compile(_CURRENCY)
SHARES = frozenset({"%", "‰", "pct", "percent"})
"""Units without which the same number means something else."""


@dataclass(frozen=True)
class Notation:
    """How the numbers of one column are written.

    decimal: the decimal mark, "." or ",". unit: what stands before or after each number, for example a
    currency, "kg" or "%"; "" if nothing does. gaps: numbers that stand for a missing value.
    """

    decimal: str = "."
    unit: str = ""
    gaps: tuple[float, ...] = ()


PLAIN = Notation()


class Written(NamedTuple):
    """The parts of a number's text. digits: with the marks in and around them; power: "" or "e5"."""

    negative: bool
    digits: str
    power: str
    unit: str

    def value(self, decimal: str) -> float | None:
        """The number, or None if the marks among its digits do not fit this decimal mark."""
        if not _DIGITS[decimal].fullmatch(self.digits):
            return None
        digits = self.digits.translate(_GROUPS[decimal]).replace(",", ".")
        value = float(digits + self.power)
        return -value if self.negative else value


def tidy(text: str) -> str:
    """A text with usual signs for its spaces, apostrophes and minus signs, and none around it."""
    text = text.strip()
    return text if text.isascii() else text.translate(_ALIKE).strip()


def parts_of(text: str) -> Written | None:
    """The parts of a text that is a number in some notation; None for any other text."""
    text = tidy(text)
    found = _SPLIT.fullmatch(text) if len(text) <= LONGEST_TEXT else None
    if found is None:
        return None
    before, digits, power, after = found.groups()
    if digits[-1] in ".," and after[:1] == "-":
        after = after[2:] if after[:2] == "--" else after[1:]  # as in 5,-- and 12.-
    around = _around(before, after)
    if around is None and before[-1:] in (".", ","):
        digits, around = before[-1] + digits, _around(before[:-1], after)
    return None if around is None else Written(around[0], digits, power or "", around[1])


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
    units = [_one_of(unit) for unit in (first[2], last[2]) if unit]
    return bool(opened) or "-" in signs, " ".join(units)


def _one_of(unit: str) -> str:
    """A unit in the singular, so that "1 day" and "2 days" have the same one."""
    unit = unit.strip()
    return unit[:-1] if len(unit) > 3 and unit.endswith("s") and unit.isalpha() else unit


def is_currency(unit: str) -> bool:
    return _IS_CURRENCY.fullmatch(unit) is not None


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
    if notation.unit not in SHARES and is_plain(text, notation.decimal):
        return float(text.replace(",", "."))
    if _INFINITE.fullmatch(text):
        return float(text)
    written = parts_of(text)
    return None if written is None else value_of(written, notation)


def value_of(written: Written, notation: Notation) -> float | None:
    """The number that has these parts, as `number` gives it."""
    value = written.value(notation.decimal)
    if value is None or written.unit == notation.unit:
        return value
    return value if not written.unit and (notation.unit not in SHARES or value == 0) else None


def shape(text: str) -> str:
    """How a number is written, whatever its digits are."""
    return re.sub(r"[0-9]+", "0", tidy(text))
