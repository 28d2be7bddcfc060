"""The bars of the report: their axis, and what cannot be drawn."""

import base64
import math
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from tests.trainer.flat import flat_module

bar_chart = flat_module("bar_chart")


@given(st.lists(st.floats(-1e149, 1e149), max_size=20))
def test_the_axis_goes_from_below_all_bars_to_above_in_few_steps(lengths: list[float]) -> None:
    ticks = bar_chart.ticks_of(lengths, [0.0] * len(lengths))
    span = ticks[-1] - ticks[0]
    assert 2 <= len(ticks) <= 10
    assert ticks[0] - 1e-9 * span <= min([0.0, *lengths]) or span == 1.0
    assert ticks[-1] + 1e-9 * span >= max([0.0, *lengths])
    assert ticks == sorted(set(ticks))


def test_names_are_text_and_what_is_no_number_leaves_a_gap() -> None:
    bars = [("<script>", 0.2), (" ", None), ("a", math.inf), ("b", -0.1)]
    image = bar_chart.bar_chart(bars, "rows & more", color="#000", deviations=[0.1, 0.0, math.nan, 0.0])
    svg = ElementTree.fromstring(base64.b64decode(image.partition(",")[2]))
    texts = {each.text for each in svg.iter("{http://www.w3.org/2000/svg}text")}
    assert {"<script>", '" "', "a", "b", "rows & more"} <= texts
    assert len(list(svg.iter("{http://www.w3.org/2000/svg}rect"))) == 2
