"""The rules of the verdict: cases worked by hand, and properties of every comparison."""

import math
import sys

import numpy as np
import pytest

from tests.trainer.flat import flat_module
from trainer import verdict_rules as rules


def test_a_higher_accuracy_and_a_lower_rmse_are_better() -> None:
    assert rules.is_better("accuracy", 0.9, 0.8)
    assert not rules.is_better("accuracy", 0.8, 0.9)
    assert rules.is_better("average_precision", 0.9, 0.8)
    assert rules.is_better("rmse", 0.8, 0.9)
    assert not rules.is_better("rmse", 0.9, 0.8)


def test_the_floor_is_the_setting_of_the_metric_and_0_sets_none() -> None:
    assert rules.floor("accuracy", min_accuracy=0.9, max_rmse=2.5) == 0.9
    assert rules.floor("average_precision", min_accuracy=0.9, max_rmse=2.5) == 0.9
    assert rules.floor("rmse", min_accuracy=0.9, max_rmse=2.5) == 2.5
    assert rules.floor("accuracy", min_accuracy=0.0, max_rmse=2.5) is None
    assert rules.floor("rmse", min_accuracy=0.9, max_rmse=0.0) is None


@pytest.mark.parametrize("metric", ["accuracy", "rmse"])
def test_an_equal_value_reaches_the_floor_and_does_not_beat_the_baseline(metric: str) -> None:
    assert rules.reaches_floor(metric, 0.9, 0.9)
    assert not rules.is_better(metric, 0.9, 0.9)


@pytest.mark.parametrize(("low", "passed"), [(0.0099, True), (0.01, True), (0.0101, False)])
def test_only_an_interval_above_the_tolerance_rejects_a_challenger(low: float, passed: bool) -> None:
    assert rules.stands_up_to_champion((low, 0.5), 0.01) is passed


def test_every_rule_that_applies_has_to_be_passed() -> None:
    assert rules.verdict([]) == rules.verdict([True, True]) == "deploy"
    assert rules.verdict([True, False]) == rules.verdict([False]) == "keep_champion"


def test_a_deficit_is_in_points_of_accuracy_or_a_share_of_the_champions_rmse() -> None:
    assert rules.deficit("accuracy", 0.9, 0.8) == pytest.approx(0.1)
    assert rules.deficit("average_precision", 0.9, 0.8) == pytest.approx(0.1)
    assert rules.deficit("rmse", 2.0, 3.0) == 0.5
    assert rules.deficit("rmse", 0.0, 3.0) is None


@pytest.mark.parametrize(
    ("metric", "champion", "challenger", "interval"),
    [
        ("accuracy", 0.99, 0.40, (-0.1, 0.1)),
        ("accuracy", 0.99, 0.40, (0.7, 0.9)),
        ("accuracy", 0.99, 0.40, (0.6, 0.5)),
        ("average_precision", 0.9, 0.4, (0.1, 0.4)),
        ("average_precision", 0.9, 0.4, (0.6, 0.7)),
        ("rmse", 1.0, 3.0, (-0.5, -0.1)),
        ("rmse", 1.0, 3.0, (2.1, 2.5)),
        ("rmse", 3.0, 1.0, (0.1, 0.5)),
        ("rmse", 0.0, 1.0, (-0.2, -0.1)),
        ("rmse", 0.0, 1.0, (0.2, 0.1)),
    ],
)
def test_an_interval_beside_the_difference_does_not_fit(
    metric: str, champion: float, challenger: float, interval: tuple[float, float]
) -> None:
    assert not rules.interval_fits(metric, champion, challenger, 100, interval)


def test_the_interval_of_any_two_accuracies_fits_them() -> None:
    accuracy_deficit = flat_module("bootstrap").accuracy_deficit
    for rows in (6, 7, 12, 30):
        for only_champion in range(rows + 1):
            for only_challenger in range(rows - only_champion + 1):
                interval = accuracy_deficit(only_champion, only_challenger, rows)
                values = only_champion / rows, only_challenger / rows
                assert rules.interval_fits("accuracy", *values, rows, interval), (
                    rows,
                    only_champion,
                    only_challenger,
                    interval,
                )


@pytest.mark.parametrize("rmse", [5e-324, sys.float_info.max])
def test_an_interval_need_not_fit_values_beyond_a_floats_precision(rmse: float) -> None:
    assert rules.interval_fits("rmse", rmse, rmse, 100, (0.1, 0.2))
    assert not rules.interval_fits("rmse", rmse, rmse, 100, (0.2, 0.1))


@pytest.mark.parametrize("scale", [1e-320, 1e-12, 1.0, 1e12])
@pytest.mark.parametrize("outliers", [0, 1, 2])
def test_the_interval_of_two_rmses_fits_them(scale: float, outliers: int) -> None:
    """Also where one row makes most of an error, and where the errors are nothing beside the truth."""
    comparison = flat_module("comparison")
    random = np.random.default_rng(7)
    for rows in (6, 40):
        for _ in range(30):
            truth = random.normal(size=rows)
            champion, challenger = (
                truth + scale * random.choice([0.0, 1.0]) * random.normal(size=rows) for _ in "12"
            )
            champion[: random.integers(outliers + 1)] += 50 * scale
            challenger[: random.integers(outliers + 1)] += 50 * scale
            scored = comparison.compare(
                "rmse", comparison.PairedPredictions("m:1", truth, champion, challenger)
            )
            assert math.isfinite(scored.champion)
            assert rules.interval_fits("rmse", scored.champion, scored.challenger, rows, scored.interval)


@pytest.mark.parametrize("rare", [3, 4, 20])
def test_the_interval_of_two_average_precisions_fits_them(rare: int) -> None:
    comparison = flat_module("comparison")
    random = np.random.default_rng(8)
    truth = np.arange(100) < rare
    for _ in range(3):
        sides = np.round(random.random((2, 100)) + truth * random.random(), 1)
        scored = comparison.compare("average_precision", comparison.PairedPredictions("m:1", truth, *sides))
        assert rules.interval_fits(
            "average_precision", scored.champion, scored.challenger, 100, scored.interval
        )


@pytest.mark.parametrize(
    ("interval", "out_of_fold", "value", "beats"),
    [
        ((-0.2, -0.001), None, 0.6, True),
        ((-0.2, 0.0), None, 0.6, False),
        ((0.1, 0.2), None, 0.4, False),
        (None, None, 0.9, False),
        ((-0.2, 0.1), (-0.2, -0.001), 0.6, True),
        ((-0.2, 0.1), (-0.2, 0.0), 0.6, False),
        ((-0.2, 0.2), (-0.2, -0.1), 0.5, False),
        ((-0.2, -0.1), (0.1, 0.2), 0.6, True),
        (None, (-0.2, -0.1), 0.9, False),
    ],
)
def test_the_hold_out_alone_or_with_the_training_rows_shows_that_a_model_beats_the_baseline(
    interval: tuple[float, float] | None,
    out_of_fold: tuple[float, float] | None,
    value: float,
    beats: bool,
) -> None:
    assert rules.beats_baseline("accuracy", value, 0.5, interval, out_of_fold) == beats
    assert rules.beats_baseline("rmse", 1 / value, 2.0, interval, out_of_fold) == beats
