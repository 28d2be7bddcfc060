"""Bars with names, as an SVG image that lies inside the page.

They are written by hand: matplotlib takes 20 ms for them, and a report has two such images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import figures

MOST_STEPS = 8
"""Steps between the numbers of an axis, at most."""
SMALLEST = 1e-300
"""The smallest length of an axis."""
BAR, PITCH, FONT = 12.0, 17.0, 9
"""Points of a bar, from one bar to the next, and of a letter."""
TOP, RIGHT, BELOW = 10.0, 14.0, 36.0
"""Points around the bars."""


def bar_chart(
    bars: Sequence[tuple[str, Any]], xlabel: str, *, color: str, deviations: Sequence[float] | None = None
) -> str:
    """Horizontal bars, the first on top, as a data URI. deviations: half the lengths of their error bars.

    A length that is no number, not finite, or huge, leaves a gap.
    """
    names = [text if text.strip() else f'"{text}"' for text, _ in bars]
    lengths = figures.drawable(length for _, length in bars)
    reaches = figures.drawable(deviations or [0.0] * len(bars))
    left = 72 * (0.25 + max(map(figures.text_width, names), default=0.0))
    width, height = 72 * figures.FULL_WIDTH, TOP + PITCH * len(bars) + BELOW
    ticks = ticks_of(lengths, reaches)
    span = max(120.0, width - left - RIGHT)

    def across(value: float) -> float:
        return left + span * (value - ticks[0]) / (ticks[-1] - ticks[0])

    bottom = height - BELOW
    parts = [
        f'<path d="M{across(tick):.1f} {TOP}V{bottom}" style="stroke:var(--grid);stroke-width:.6"/>'
        f'<text x="{across(tick):.1f}" y="{bottom + 13}" text-anchor="middle">{tick:g}</text>'
        for tick in ticks
    ]
    for place, (name, length, reach) in enumerate(zip(names, lengths, reaches, strict=True)):
        middle = TOP + PITCH * (place + 0.5)
        parts.append(f'<text x="{left - 6:.1f}" y="{middle + 3}" text-anchor="end">{escape(name)}</text>')
        if math.isnan(length):
            continue
        start, end = sorted((across(0.0), across(length)))
        parts.append(
            f'<rect x="{start:.1f}" y="{middle - BAR / 2}" width="{end - start:.1f}" height="{BAR}"'
            f' style="fill:{color};opacity:.85"/>'
        )
        if deviations and not math.isnan(reach):
            low, high = across(length - reach), across(length + reach)
            parts.append(f'<path d="M{low:.1f} {middle}H{high:.1f}" style="stroke:var(--ink)"/>')
    parts.append(
        f'<path d="M{left:.1f} {bottom}H{left + span:.1f}" style="stroke:var(--ink);stroke-width:.8"/>'
    )
    parts.append(
        f'<text x="{left + span / 2:.1f}" y="{bottom + 28}" text-anchor="middle">{escape(xlabel)}</text>'
    )
    return figures.data_uri(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}pt" height="{height:g}pt" '
        f'viewBox="0 0 {width:g} {height:g}">{figures.SCHEME}<g style="font:{FONT}px '
        f"'DejaVu Sans', Verdana, sans-serif;fill:var(--ink)\">{''.join(parts)}</g></svg>"
    )


def ticks_of(lengths: Sequence[float], reaches: Sequence[float]) -> list[float]:
    """The numbers of an axis: multiples of 1, 2 or 5 times a power of ten, from below all bars to above."""
    known = [length for length in lengths if not math.isnan(length)]
    for length, reach in zip(lengths, reaches, strict=True):
        if math.isfinite(length + reach):
            known += [length - reach, length + reach]
    low, high = min([0.0, *known]), max([0.0, *known])
    if high - low < SMALLEST:
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10((high - low) / MOST_STEPS))
    step = next(each * power for each in (1, 2, 5, 10, 20) if (high - low) / (each * power) <= MOST_STEPS - 1)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [number * step for number in range(first, last + 1)]
