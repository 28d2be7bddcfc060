"""What stands before or behind a number: currencies, units, multipliers such as k, and marks such as CR.

The app, the trainer and the deployed model, in whose folder `code` this file lies too, use this code.
Therefore it uses the standard library alone, and nothing of the others.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

_SIGN = r"(?:US|AU|CA|HK|NZ|NT|MX|[ACRST])?\$|[¢£¤¥৳฿₠-⃀]"
_CODE = (
    "AED|ARS|AUD|BGN|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EGP|EUR|GBP|HKD|HRK|HUF|IDR|ILS|INR|ISK|JPY|KES|KRW|KZT|MAD"
    "|MXN|MYR|NGN|NOK|NZD|PEN|PHP|PKR|PLN|QAR|RMB|RON|RSD|RUB|SAR|SEK|SGD|THB|TRY|TWD|UAH|USD|VND|ZAR"
)
CURRENCY = rf"(?:{_SIGN}|{_CODE}|Rs\.?|[Kk]r\.?|Kč|zł|Ft|S?Fr\.?|[元円圆원])"
"""Signs of currencies, the common ones of ISO 4217's codes, and common abbreviations."""
LETTER = r"[^\W\d_¼-¾⅐-ⅿ①-⓿]"
_POWERS = (
    {"k": 3, "K": 3, "M": 6, "m": 6, "B": 9, "b": 9, "T": 12}
    | dict.fromkeys(["tsd", "thsd", "thousand", "mille"], 3)
    | dict.fromkeys(["mm", "mn", "mio", "mln", "mill", "million"], 6)
    | dict.fromkeys(["bn", "bln", "mrd", "billion", "milliard"], 9)
    | dict.fromkeys(["trn", "trillion"], 12)
    | {"lakh": 5, "lac": 5, "crore": 7}
    | dict.fromkeys("万萬만", 4)
    | dict.fromkeys("億亿억", 8)
)
"""Words that multiply a number by a power of ten: single letters as they are, others in lower case."""
_DOUBTFUL_POWERS = frozenset({"m", "b", "B", "T", "mm"})
"""Those that are more often units, unless others of a column's numbers have a word that is none."""
_MULTIPLIER = "(?:[A-Za-z]{1,8}|[万萬만億亿억])"
UNIT = (
    rf"(?:{CURRENCY}(?:/{LETTER}+)?"
    rf"|(?:{LETTER}|[%‰°]|/(?={LETTER}))"
    rf"(?:{LETTER}|(?<=[^\W\d])[23](?!\w)|[%°/.·*^]|[ -](?={LETTER})){{0,23}}"
    rf"|{_MULTIPLIER}\.? ?{CURRENCY}|(?:/|out of|of|von|sur) ?[0-9]{{1,4}}(?: {LETTER}{{1,12}})?|''|[\"'])"
)
"""A currency, or up to 24 characters that begin with a letter: `kg`, `km/h`, `m2`, `US dollars`, `Mio. €`;
or the best of all marks: `/5`, `out of 5 stars`."""
SHARES = frozenset({"%", "‰", "pct", "percent"})
"""Units without which the same number means something else."""
_SAME = {"€": "eur", "£": "gbp", "$": "usd", "US$": "usd", "₹": "inr", "Rs": "inr", "R$": "brl", "TL": "try"}
_SAME |= {
    "₽": "rub",
    "\u0440\u0443\u0431": "rub",
    "zł": "pln",
    "Kč": "czk",
    "Ft": "huf",
    "₺": "try",
    "Fr": "chf",
    "SFr": "chf",
}
"""Currencies by their codes."""
_CASE_MATTERS = re.compile(r".|[mMpP].*|.*[bB]", re.DOTALL)
"""Units that mean others in another case, as mW and MW or Mb and MB do."""
OPPOSITES = (("dr", "cr"), ("S", "H"), ("S", "N"), ("W", "E"))
"""Marks of a sign, that of negative numbers first: debit and credit (also in German), south, west."""
LONE = frozenset({"dr", "cr"})
"""Those that mark a number as the opposite of one without any."""
_MARKED = re.compile(rf"(?:({CURRENCY}|°) ?)?(DR|CR|Dr|Cr|dr|cr|[SNWEH])\.?")
_MULTIPLIED = re.compile(rf"({CURRENCY} ?)?({_MULTIPLIER})\.?( ?{CURRENCY})?")
_IS_CURRENCY = re.compile(CURRENCY)


def is_currency(unit: str) -> bool:
    return _IS_CURRENCY.fullmatch(unit) is not None


def one_of(unit: str) -> str:
    """A unit in the singular, so that "1 day" and "2 days" have the same one."""
    unit = unit.strip()
    return unit[:-1] if len(unit) > 3 and unit.endswith("s") and unit.isalpha() else unit


@lru_cache(4096)
def sense(unit: str) -> str:
    """What all writings of a unit have in common: `kg`, `KG` and `kgs`; `€` and `EUR`; `µg` and `μg`."""
    unit = unit.strip().rstrip(".").replace("\u00b5", "\u03bc")
    if unit in _SAME:
        return _SAME[unit]
    if is_currency(unit):
        return unit.lower()
    if not unit.isalpha() or _CASE_MATTERS.fullmatch(unit):
        return unit
    unit = unit.lower()
    return unit[:-1] if unit in ("kgs", "lbs", "hrs", "yrs", "gms") else unit


@lru_cache(4096)
def power(unit: str) -> tuple[int, str, str]:
    """By which power of ten a unit multiplies, by which word, and the rest: (6, "Mio", "€") of "Mio. €"."""
    found = _MULTIPLIED.fullmatch(unit)
    if found is None or (found[1] and found[3]):
        return 0, "", unit
    word = found[2] if len(found[2]) == 1 else found[2].lower()
    word = word if word in _POWERS else word.removesuffix("s")
    rest = (found[1] or found[3] or "").strip()
    return (_POWERS[word], word, rest) if word in _POWERS else (0, "", unit)


def are_multiplied(units: Collection[str]) -> bool:
    """Whether the units of a column's numbers multiply them: some do, and not all by the same number."""
    found = {power(unit)[:2] for unit in units}
    return len({tens for tens, _ in found}) > 1 and any(
        word not in _DOUBTFUL_POWERS for tens, word in found if tens
    )


@lru_cache(4096)
def mark(unit: str) -> tuple[str, str]:
    """The mark of a sign in a unit, and what stands before it: ("dr", "$") of "$ DR"."""
    found = _MARKED.fullmatch(unit)
    if found is None:
        return "", unit
    return found[2] if len(found[2]) == 1 else found[2].lower(), found[1] or ""


def negative(units: Collection[str]) -> str:
    """Of the units of a column's numbers, the one that marks negative ones; "" if none does."""
    marks = {unit: mark(unit) for unit in units}
    if len({sense(before) for _, before in marks.values() if before}) > 1:
        return ""
    found = {sign for sign, _ in marks.values()}
    signs = found - {""}
    lone = signs if len(signs) == 1 and signs < LONE and "" in found else set[str]()
    minus = next((minus for minus, plus in OPPOSITES if signs == {minus, plus}), next(iter(lone), ""))
    return next((unit for unit, (sign, _) in marks.items() if sign == minus), "") if minus else ""
