"""Texts and numbers that stand for a missing value in a column of numbers or dates.

The app and the trainer use this code; it uses the standard library alone.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping

FLAT = "." not in __name__
if FLAT:
    from dialect_numbers import tidy
else:
    from trainer.dialect_numbers import tidy

FEW_TEXTS = 3
"""Different texts, beside those of GAPS, that may stand for missing in a column of many different values."""
MANY_NUMBERS = 10
"""Different values that a column needs for that."""
OFTEN = 0.01
"""Share of a column's numbers that 999 needs to stand for missing."""
SEVERAL = 3
"""Cells that it needs."""
_GAPS = r"""
    . .. ... : - -- --- ? ?? ??? * ** / // \ \n null (null) [null] none (none) nil void n/a n.a n.a. na
    nan n/d nd n.d. n.v. s/o s.o. k.a k.a. tba tbd unk unknown undef undefined missing (missing) empty (empty)
    blank (blank) leer (leer) #n/a #na #null! #num! #name? #ref! #value! #div/0! not_available fehlt unbekannt
    inconnu desconocido sconosciuto onbekend"""
GAPS = frozenset(_GAPS.split()) | {
    *("not available", "not applicable", "not known", "no data", "no value", "keine angabe", "k. a.", "n. a.")
}
"""Texts that stand for a missing number, in lower case, whatever share of a column they are."""
FAR = 2
"""How many times farther than the others reach a number above all of them must lie."""
_GAP_NUMBER = re.compile(r"-?9{2,6}(?:[.,](?:0+|9+))?")


def stands_for_missing(text: str) -> bool:
    """Whether a text that is no number stands for a missing one in any column of numbers."""
    return tidy(text).lower() in GAPS


def gap_numbers(counts: Counter[str], known: Mapping[str, float]) -> tuple[float, ...]:
    """Numbers such as -999 and 9999 that stand for missing: they recur, and lie far from all others.

    counts: how many cells hold each text; known: the numbers among them.
    """
    found = {text: value for text, value in known.items() if _GAP_NUMBER.fullmatch(text)}
    often: Counter[float] = Counter()
    for text, value in found.items():
        often[value] += counts[text]
    enough = max(SEVERAL, OFTEN * sum(map(counts.__getitem__, known))) if found else 0
    gaps = {value for value, cells in often.items() if cells >= (2 if value < 0 else enough)}
    if not gaps:
        return ()
    others = [value for value in known.values() if value not in gaps and math.isfinite(value)]
    if len(others) < MANY_NUMBERS:
        return ()
    low, high = min(others), max(others)
    below = [gap for gap in gaps if gap < low and (low >= 0 or low - gap > high - low)]
    above = [gap for gap in gaps if gap > 0 and gap - high > FAR * max(high - low, high)]
    return tuple(sorted(below + above))
