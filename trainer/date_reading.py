"""Reads dates and times as days since 2000-01-01 UTC. This file is packaged inside the MLflow model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from date_formats import (
    COMPACT,
    COMPACT_MONTHS,
    COMPACT_YEARS,
    EPOCH_RANGE,
    EPOCHS,
    ISO,
    PARTS,
    SERIAL,
    SERIAL_RANGE,
    TIME,
    layout,
    shape,
)
from date_words import PIVOT

EPOCH = 10_957
"""Days from 1970-01-01 to 2000-01-01."""
SERIAL_EPOCH = 36_526
"""The day number of 2000-01-01 in a spreadsheet."""
DAY = 86_400_000_000_000
"""Nanoseconds."""
FARTHEST = 106_750
"""Days from 1970 on, in both directions, that a timestamp of pandas holds: from 1677 to 2262."""
LONGEST_TEXT = 200
"""Characters of a text that may be a date."""
AT_ONCE = 65_536
"""Texts that are read together, so that memory does not grow with the rows."""


@dataclass(frozen=True)
class Reading:
    """What some texts say in a pattern. Every array has the shape (texts,).

    values: days since 2000-01-01 UTC as float64, NaN where a text is no date in this pattern; for TIME, parts
    of a day. decisive: whether the text fits the pattern's order of day and month and not the other; either:
    whether the other one would give another day. short: whether the year has two digits.
    """

    values: np.ndarray
    decisive: np.ndarray
    either: np.ndarray
    short: np.ndarray

    @classmethod
    def empty(cls, count: int) -> Reading:
        return cls(np.full(count, np.nan), *(np.zeros(count, dtype=bool) for _ in range(3)))


def days(cells: Any, pattern: str) -> np.ndarray:
    """Dates and times as days since 2000-01-01 UTC, float64 of shape (n,); NaN for every other cell.

    Offsets from UTC are applied. For TIME, the values are parts of a day.
    """
    if pattern == ISO:
        return _iso_days(cells)
    cells = cells if isinstance(cells, list) else pd.Series(cells).astype(object)
    return read([cell.strip() if isinstance(cell, str) else str(cell) for cell in cells], pattern).values


def _iso_days(cells: Any) -> np.ndarray:
    # pandas would read "now" and "today" as the moment at which it reads them.
    texts = [
        (text if (text := cell.strip())[:1].isdigit() else None) if isinstance(cell, str) else cell
        for cell in (cells if isinstance(cells, list) else pd.Series(cells).astype(object))
    ]
    moments = pd.to_datetime(pd.Series(texts, dtype=object), format=ISO, errors="coerce", utc=True)
    # Subtracting timestamps would overflow for dates before 1708, which a timestamp can hold.
    since_1970 = moments.to_numpy(dtype="datetime64[ns]")
    return np.where(np.isnat(since_1970), np.nan, since_1970.astype(np.int64) / DAY - EPOCH)


def read(texts: Sequence[str | None], pattern: str) -> Reading:
    """What texts say in a pattern. None, as every text that is no date, has no value."""
    reading = Reading.empty(len(texts))
    if pattern == ISO:
        reading.values[:] = _iso_days(list(texts))
        return reading
    for start in range(0, len(texts), AT_ONCE):
        part = texts[start : start + AT_ONCE]
        if pattern in EPOCHS or pattern == SERIAL:
            reading.values[start : start + len(part)] = _counted(part, pattern)
        else:
            _read_part(part, pattern, reading, start)
    return reading


def _read_part(texts: Sequence[str | None], pattern: str, reading: Reading, start: int) -> None:
    """Write what some texts say into a reading, from place `start` on."""
    shapes: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        if text and len(text) <= LONGEST_TEXT:
            shapes.setdefault(shape(text), []).append(place)
    laid_out = {each: found for each in shapes if (found := layout(pattern, each)) is not None}
    if not laid_out:
        return
    parts = np.zeros((len(PARTS), len(texts)), dtype=np.int64)
    for each, found in laid_out.items():
        places = shapes[each]
        parts[:, places] = np.array(found.start)[:, np.newaxis]
        characters = "".join([texts[place] or "" for place in places]).encode("utf-32-le", "surrogatepass")
        digits = np.frombuffer(characters, dtype=np.uint32).reshape(len(places), len(each)) - ord("0")
        for row, begin, end, factor in found.digits:
            parts[row, places] += digits[:, begin:end] @ (factor * 10 ** np.arange(end - begin)[::-1])
    _write(dict(zip(PARTS, parts, strict=True)), pattern, reading, slice(start, start + len(texts)))


def _write(parts: dict[str, np.ndarray], pattern: str, reading: Reading, part: slice) -> None:
    """Write the days that the parts of dates stand for, as far as they exist, to a part of a reading."""
    year, month, day, hour, half = (parts[name] for name in ("year", "month", "day", "hour", "half"))
    year = np.where(parts["short"], year + np.where(year >= PIVOT, 1900, 2000), year)
    # A text without a layout has the month 0.
    exists = (month >= 1) & (month <= 12) & (parts["rest"] == 0) & ~((half == 0) & (hour > 12))
    months = (year - 1970) * 12 + month.clip(1, 12) - 1
    first, after = (
        (months + more).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) for more in (0, 1)
    )
    number = first + day - 1
    exists &= (day >= 1) & (number < after)
    number, known = _in_weeks(number, first, year, parts["week"], parts["weekday"])
    exists &= known & (np.abs(number) <= FARTHEST)
    hour = np.where((half >= 0) & (hour <= 12), hour % 12 + half, hour)
    # 24:00 is the end of the day.
    ends = (hour == 24) & (half < 0) & (parts["minute"] + parts["second"] + parts["nanosecond"] == 0)
    exists &= ((hour < 24) | ends) & (parts["minute"] < 60) & (parts["second"] < 60)
    exists &= np.abs(parts["east"]) < 86_400
    if pattern in (COMPACT, COMPACT_MONTHS):
        exists &= (year >= COMPACT_YEARS[0]) & (year <= COMPACT_YEARS[1])
    seconds = ((np.where(exists, number, 0) * 24 + hour) * 60 + parts["minute"]) * 60 + parts["second"]
    moments = (seconds - parts["east"]) * 1_000_000_000 + parts["nanosecond"]
    values = moments % DAY / DAY if pattern == TIME else moments / DAY - EPOCH
    reading.values[part] = np.where(exists, values, np.nan)
    reading.short[part] = exists & (parts["short"] == 1)
    ordered = exists & (parts["order"] == 1)
    reading.decisive[part] = ordered & (day > 12)
    reading.either[part] = ordered & (day <= 12) & (day != month)


def _in_weeks(
    number: np.ndarray, first: np.ndarray, year: np.ndarray, week: np.ndarray, weekday: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Days since 1970 where weeks of ISO 8601 are given, the given number elsewhere; and whether they exist.

    first: the first of January where weeks are given. The first week is that of the fourth of January.
    """
    fourth = first + 3
    monday = fourth - (fourth + 3) % 7 + (week - 1) * 7  # 1970-01-01 was a Thursday
    own_year = (monday + 3).astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    exists = (week >= 1) & (own_year == year) & (weekday >= 1) & (weekday <= 7)
    return np.where(week < 0, number, monday + weekday - 1), (week < 0) | exists


def _counted(texts: Sequence[str | None], pattern: str) -> np.ndarray:
    """Numbers that count from a day on as days since 2000; NaN for what is no number or not plausible."""
    numbers = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").to_numpy(dtype=np.float64)
    if pattern == SERIAL:
        first, end = SERIAL_RANGE
        return np.where((numbers >= first) & (numbers < end), numbers - SERIAL_EPOCH, np.nan)
    unit = EPOCHS[pattern]
    low, high = (second * (1_000_000_000 / unit) for second in EPOCH_RANGE)
    plausible = np.where((numbers >= low) & (numbers < high), numbers, low)
    whole = np.floor(plausible)
    moments = whole.astype(np.int64) * unit + np.round((plausible - whole) * unit).astype(np.int64)
    return np.where(plausible == numbers, moments / DAY - EPOCH, np.nan)
