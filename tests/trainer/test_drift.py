"""The Population Stability Index: properties that hold for every column, and cases worked by hand."""

import json
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer import drift

Column = tuple[str, list[Any]]

numbers = st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=60)
booleans = st.lists(st.sampled_from([0.0, 1.0, math.nan]), max_size=60)
categories = st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=60)
two_columns = st.one_of(
    st.tuples(st.sampled_from(["number", "date"]), numbers, numbers),
    st.tuples(st.just("boolean"), booleans, booleans),
    st.tuples(st.just("category"), categories, categories),
)


def array(kind: str, values: list[Any]) -> Any:
    return np.array(values, dtype=object if kind == "category" else np.float64)


def index(kind: str, then: list[Any], now: list[Any]) -> float:
    return drift.psi(drift.bins(kind, array(kind, then)), array(kind, now))


@settings(deadline=None)
@given(two_columns)
def test_the_index_is_finite_and_never_negative(columns: tuple[str, list[Any], list[Any]]) -> None:
    value = index(*columns)
    assert math.isfinite(value)
    assert value >= 0


@settings(deadline=None)
@given(two_columns)
def test_a_column_has_not_moved_from_itself(columns: tuple[str, list[Any], list[Any]]) -> None:
    kind, values, _ = columns
    assert index(kind, values, values) == pytest.approx(0, abs=1e-12)
    assert index(kind, values, values[::-1]) == pytest.approx(0, abs=1e-12)


@settings(deadline=None)
@given(two_columns)
def test_bins_survive_json_and_give_the_same_index(columns: tuple[str, list[Any], list[Any]]) -> None:
    kind, then, now = columns
    bins = drift.bins(kind, array(kind, then))
    again = json.loads(json.dumps(bins, allow_nan=False))
    assert drift.psi(again, array(kind, now)) == drift.psi(bins, array(kind, now))
    assert sum(bins["shares"]) == pytest.approx(1 if then else 0)
    assert len(bins["shares"]) <= drift.MAX_LEVELS + 2


@settings(deadline=None)
@given(categories, categories)
def test_texts_may_be_given_as_counts(then: list[Any], now: list[Any]) -> None:
    bins = drift.bins("category", array("category", then))
    assert drift.bins("category", Counter(then)) == bins
    assert drift.compare("x", bins, Counter(now)) == drift.compare("x", bins, array("category", now))


def test_texts_that_were_merged_count_with_the_rare_ones() -> None:
    bins = drift.bins("category", {"": 500, "a": 90, None: 10})
    assert bins["levels"] == ["a"]
    assert bins["shares"] == pytest.approx([0.15, 500 / 600, 10 / 600])
    assert drift.psi(bins, {"a": 90, "b": 300, "": 200, None: 10}) == pytest.approx(0, abs=1e-12)


def test_the_index_of_two_shares_is_the_formula() -> None:
    # 50 % and 50 % became 80 % and 20 %: 0.3 ln 1.6 + (-0.3) ln 0.4 = 0.41589.
    then = [0.0] * 50 + [1.0] * 50
    now = [0.0] * 80 + [1.0] * 20
    assert index("boolean", then, now) == pytest.approx(0.3 * math.log(1.6) - 0.3 * math.log(0.4))
    assert index("category", ["no"] * 50 + ["yes"] * 50, ["no"] * 80 + ["yes"] * 20) == pytest.approx(
        0.41589, abs=1e-5
    )


def test_the_index_grows_with_the_shift() -> None:
    values = np.random.default_rng(1).normal(size=5000)
    bins = drift.bins("number", values)
    found = [drift.psi(bins, values + shift) for shift in (0, 0.1, 0.3, 1, 3)]
    assert found == sorted(found)
    assert found[1] < drift.FLAGGED < found[3]


def test_another_sample_of_the_same_values_is_not_flagged() -> None:
    random = np.random.default_rng(2)
    for both in (random.normal(size=4000), random.exponential(size=4000), random.poisson(2, size=4000)):
        assert drift.psi(drift.bins("number", both[:2000]), both[2000:]) < 0.05


def test_then_and_now_may_be_exchanged() -> None:
    one = ["a"] * 70 + ["b"] * 20 + [None] * 10
    other = ["a"] * 30 + ["b"] * 60 + [None] * 10
    assert index("category", one, other) == pytest.approx(index("category", other, one))


def test_a_constant_column_that_changes_its_value_is_flagged() -> None:
    for later in (4.9, 5.1):
        assert index("number", [5.0] * 100, [5.0] * 50 + [later] * 50) > drift.FLAGGED


def test_a_value_that_many_rows_share_is_a_bin_of_its_own() -> None:
    # Zero-inflated: without its own bin, 0 and 0.5 would lie in the same one.
    then = [0.0] * 60 + [float(i) for i in range(1, 41)]
    now = [0.5] * 60 + [float(i) for i in range(1, 41)]
    assert index("number", then, now) > drift.FLAGGED


def test_values_that_go_missing_are_drift_of_every_kind() -> None:
    assert index("number", [1.0, 2.0] * 50, [math.nan] * 100) > drift.FLAGGED
    assert index("boolean", [0.0, 1.0] * 50, [0.0, math.nan] * 50) > drift.FLAGGED
    assert index("category", ["a", "b"] * 50, ["a", None] * 50) > drift.FLAGGED


def test_a_column_of_missing_values_stays_one() -> None:
    assert index("number", [math.nan] * 30, [math.nan] * 50) == 0
    assert index("category", [None] * 30, [None] * 50) == 0


def test_unseen_categories_count_with_the_rare_ones() -> None:
    then = ["a"] * 90 + [f"rare {i}" for i in range(30)]
    bins = drift.bins("category", array("category", then))
    assert len(bins["levels"]) == drift.MAX_LEVELS
    assert index("category", then, ["a"] * 90 + [f"new {i}" for i in range(30)]) > drift.FLAGGED
    others = [level for level in then if level not in bins["levels"]]
    assert (
        index("category", then, [level for level in then if level in bins["levels"]] + ["new"] * len(others))
        == 0
    )


def test_infinities_lie_in_the_outermost_bins() -> None:
    then = [float(i) for i in range(100)]
    assert index("number", then, [math.inf if i > 90 else i for i in then]) == pytest.approx(0, abs=1e-12)
    assert index("number", then, [math.inf] * 100) > drift.FLAGGED
    assert math.isfinite(index("number", [math.inf, -math.inf] * 10, [0.0] * 10))


def test_a_level_as_long_as_a_book_leaves_the_bins_small() -> None:
    bins = drift.bins("category", ["x" * 1_000_000] * 3)
    assert len(json.dumps(bins)) < 1000
    assert drift.psi(bins, ["x" * 1_000_000] * 9) == 0


def test_chance_alone_stays_below_its_limit_95_times_in_100() -> None:
    random = np.random.default_rng(3)
    found = []
    for _ in range(1000):
        bins = drift.bins("number", random.normal(size=400))
        found.append(drift.psi(bins, random.normal(size=300)) <= drift.chance_limit(bins, 300))
    assert 0.93 < sum(found) / 1000 < 0.97


def test_a_column_flagged_by_chance_says_so() -> None:
    random = np.random.default_rng(4)
    flagged = [
        line
        for _ in range(100)
        if (line := drift.compare("x", drift.bins("number", random.normal(size=60)), random.normal(size=60)))[
            "flagged"
        ]
    ]
    assert flagged
    assert "chance alone" in flagged[0]["why"]
    sure = drift.compare("x", drift.bins("number", random.normal(size=9000)), random.normal(size=9000) + 2)
    assert sure["flagged"]
    assert sure["why"] == ""


def test_drift_of_free_text_is_refused() -> None:
    with pytest.raises(ValueError, match="text"):
        drift.bins("text", ["a"])
