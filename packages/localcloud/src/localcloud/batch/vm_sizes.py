"""How many cores a VM size has, by its name.

Sources: "Azure VM sizes naming conventions"; "Dv2 and DSv2 series".
"""

import re

NAME = re.compile(
    r"(?:standard|basic)_(?P<family>[a-z]+)(?P<number>\d+)(?:-(?P<used>\d+))?(?P<rest>[a-z]*(?:_.+)?)", re.I
)
OLD_D = {1: 1, 2: 2, 3: 4, 4: 8, 5: 16, 11: 2, 12: 4, 13: 8, 14: 16, 15: 20}
"""Cores of the series D and DS up to version 2, whose names number the sizes."""
OLD_A = {0: 1, 1: 1, 2: 2, 3: 4, 4: 8, 5: 2, 6: 4, 7: 8, 8: 8, 9: 16, 10: 8, 11: 16}


def cores(size: str) -> int | None:
    """The cores of a size such as `Standard_D2s_v5`; None for a name that does not follow the conventions."""
    found = NAME.fullmatch(size)
    if found is None:
        return None
    number, rest = int(found["number"]), found["rest"].lower()
    numbered = {"d": OLD_D, "ds": OLD_D, "a": OLD_A}.get(found["family"].lower())
    if numbered is not None and rest in ("", "_v2", "_v2_promo") and not (rest and numbered is OLD_A):
        return numbered.get(number)
    return int(found["used"] or number)
