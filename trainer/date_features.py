"""The features of dates and times of day. This file is packaged inside the MLflow model."""

from __future__ import annotations

import numpy as np

DATE_PARTS, TREE_DATE_PARTS = 7, 6
"""Features of a date, of a linear model and of trees; see date_parts and tree_date_parts."""
TIME_PARTS = 3
"""Features of a time of day without a date, of a linear model; see time_parts. Trees take the value."""


def date_parts(values: np.ndarray) -> np.ndarray:
    """Days since 2000-01-01 as seven features, of shape (7, n).

    The day number, for trends; then sine and cosine of month, weekday and time of day, so that December lies
    beside January.
    """
    known = np.isfinite(values)
    moments = values if known.all() else np.where(known, values, 0.0)
    day = np.floor(moments)
    whole = day.astype(np.int64)
    month = (np.datetime64("2000-01-01") + whole).astype("datetime64[M]").astype(np.int64) % 12
    weekday = (whole + 5) % 7  # 2000-01-01 was a Saturday
    found = np.empty((DATE_PARTS, len(values)))
    found[0] = values
    for place, (step, steps) in enumerate(((month, 12), (weekday, 7))):
        turns = 2 * np.pi * np.arange(steps) / steps
        found[1 + 2 * place] = np.sin(turns)[step]
        found[2 + 2 * place] = np.cos(turns)[step]
    time = moments - day
    if time.any():
        np.sin(2 * np.pi * time, out=found[5])
        np.cos(2 * np.pi * time, out=found[6])
    else:
        found[5], found[6] = 0.0, 1.0
    if not known.all():
        found[:, ~known] = np.nan
    return found


def tree_date_parts(values: np.ndarray) -> np.ndarray:
    """Days since 2000-01-01 as six features, of shape (6, n): that number, then calendar and clock.

    Year, month, day of the month, weekday (Monday is 0) and hour are whole numbers. Trees cut their range
    anywhere, so a single cut finds a season or a weekend, for which sine and cosine would need several.
    """
    known = np.isfinite(values)
    moments = np.where(known, values, 0.0)
    whole = np.floor(moments).astype(np.int64)
    dates = np.datetime64("2000-01-01") + whole
    months = dates.astype("datetime64[M]")
    found = np.empty((TREE_DATE_PARTS, len(values)))
    found[0] = values
    found[1] = months.astype("datetime64[Y]").astype(np.int64) + 1970
    found[2] = months.astype(np.int64) % 12 + 1
    found[3] = (dates - months.astype("datetime64[D]")).astype(np.int64) + 1
    found[4] = (whole + 5) % 7
    # A time of day is a sum of floats, which may lie a little below the full hour that it stands for.
    found[5] = np.floor((moments - whole) * 24 + 1e-6)
    found[:, ~known] = np.nan
    return found


def time_parts(values: np.ndarray) -> np.ndarray:
    """Times of day, as parts of a day, as three features, of shape (3, n).

    The time itself, for what changes at midnight; then its sine and cosine, so that 23:59 lies beside 0:00.
    The other parts of a date would be the same in every row.
    """
    turns = 2 * np.pi * values
    return np.stack([values, np.sin(turns), np.cos(turns)])
