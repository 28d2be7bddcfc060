"""Durations as people and programs write them, as seconds: `30:15`, `123:45:10`, `2h 15m`, `1 day 02:30:00`.

The app, the trainer and the deployed model, in whose folder `code` this file lies too, use this code.
Therefore it uses the standard library alone, and nothing of the others.
"""

from __future__ import annotations

import re

_NUMBER = r"([0-9]{1,9}(?:[.,][0-9]{1,9})?)"
_CLOCK = r"(?:([0-9]{1,6}):)?([0-9]{1,6}):([0-5][0-9](?:[.,][0-9]{1,9})?)"
_CLOCKED = re.compile(rf"(-)?(?:{_NUMBER} ?(?:days?|d),? )?{_CLOCK}")
_WORDED = re.compile(
    rf"(-)?(?:{_NUMBER} ?(?:yrs?|years?|Jahre?)\.?,? ?)?(?:{_NUMBER} ?(?:mons?|mos?|months?|Monate?)\.?,? ?)?"
    rf"(?:{_NUMBER} ?(?:d|days?|Tage?)\.?,? ?)?(?:{_NUMBER} ?(?:h|hrs?|hours?|Std|Stunden?)\.?,? ?)?"
    rf"(?:{_NUMBER} ?(?:m|mins?|minutes?|Minuten?)\.?,? ?)?"
    rf"(?:{_NUMBER} ?(?:s|secs?|seconds?|Sek|Sekunden?)\.?)?"
)
_ISO = re.compile(rf"(-)?P(?:{_NUMBER}D)?(?:T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?")
"""ISO 8601, without years and months, whose lengths vary."""
LONGEST_TEXT = 60
_SECONDS = (31_557_600, 2_629_800, 86_400, 3600, 60, 1)
"""In a year and a month on the average of four years, a day, an hour, a minute and a second."""


def seconds(text: str) -> float | None:
    """The seconds that a duration lasts; None for any other text.

    Of two numbers with a colon, the second one counts single units: 90:30 is 5430, be it minutes or seconds.
    """
    text = text.strip()
    if len(text) > LONGEST_TEXT or not any(mark in text for mark in ":hmdsHMDS"):
        return None
    found = _CLOCKED.fullmatch(text) or _ISO.fullmatch(text) or _WORDED.fullmatch(text)
    if found is None:
        return None
    sign, *parts = found.groups()
    if not any(parts):
        return None
    pairs = zip(parts, _SECONDS[-len(parts) :], strict=True)
    value = sum(float(part.replace(",", ".")) * length for part, length in pairs if part)
    return -value if sign else value
