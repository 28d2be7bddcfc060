"""The gate: cases worked by hand, and properties that hold for any two models."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.flat import flat_module
from trainer import verdict_rules

gate: Any = flat_module("gate")
bootstrap: Any = flat_module("bootstrap")
baselines: Any = flat_module("baseline")
out_of_fold: Any = flat_module("out_of_fold")
ranking: Any = flat_module("ranking")
PairedPredictions, Trivial = flat_module("comparison").PairedPredictions, baselines.Trivial

CHAMPION = "iris_classification:3"


def classes(truth: str, champion: str, challenger: str) -> Any:
    return PairedPredictions(CHAMPION, list(truth), list(champion), list(challenger))


def values(truth: Any, champion: Any, challenger: Any) -> Any:
    return PairedPredictions("prices_regression:1", truth, champion, challenger)


def judge(task: str, value: float, trivial: float, **given: Any) -> Any:
    """The gate of a model whose interval against the baseline is a tenth of the difference on both sides."""
    regression = task == "regression"
    metric, deficit = ("rmse", value / trivial - 1) if regression else ("accuracy", trivial - value)
    interval = (deficit - abs(deficit) / 10, deficit + abs(deficit) / 10)
    return gate.judge(metric, {metric: value}, Trivial(trivial, 40, interval), **given)


# --- Floor and baseline -------------------------------------------------------------------------------------


def test_the_first_model_needs_only_to_beat_the_majority_class() -> None:
    assert judge("classification", 0.97, 0.34) == {
        "verdict": "deploy",
        "reasons": [],
        "metric": "accuracy",
        "value": 0.97,
        "floor": None,
        "baseline": {
            "name": "majority class",
            "value": 0.34,
            "rows": 40,
            "interval": pytest.approx([-0.693, -0.567]),
            "out_of_fold": None,
            "passed": True,
            "error": "",
        },
        "champion": None,
    }


def test_a_model_no_better_than_the_majority_class_is_not_deployed() -> None:
    judged = judge("classification", 0.6, 0.6)
    assert judged["verdict"] == "keep_champion"
    assert judged["baseline"]["passed"] is False
    assert judged["reasons"] == [
        "accuracy 0.6 is not better than that of always predicting the most frequent class (0.6) on 40 "
        "hold-out rows (95 % interval of the difference: 0 to 0, below 0 is better); check that the columns "
        "say something about the label, or add rows"
    ]


def test_a_model_that_chance_may_have_made_better_is_not_deployed() -> None:
    judged = gate.judge("accuracy", {"accuracy": 0.65}, Trivial(0.6, 40, (-0.2, 0.1)), advice="ask Ada")
    assert judged["verdict"] == "keep_champion"
    assert judged["reasons"][0].endswith("difference: -0.2 to 0.1, below 0 is better); ask Ada")


def test_a_model_no_better_than_the_mean_is_not_deployed() -> None:
    judged = judge("regression", 2.0, 1.9)
    assert judged["baseline"]["name"] == "mean"
    assert not judged["baseline"]["passed"]
    assert "the mean of the label (1.9)" in judged["reasons"][0]
    assert "extreme" not in judged["reasons"][0]
    assert judge("regression", 1.8, 1.9)["verdict"] == "deploy"


def test_an_error_far_above_that_of_the_mean_points_to_extreme_values() -> None:
    assert "look for extreme values" in judge("regression", 1.8e13, 2900.0)["reasons"][0]


def test_rows_that_are_too_few_to_tell_deploy_nothing_and_the_reason_says_so() -> None:
    few = baselines.against_mean(np.zeros(1), np.ones(1), 1)
    judged = gate.judge("rmse", {"rmse": 0.0}, few)
    assert judged["verdict"] == "keep_champion"
    assert judged["baseline"]["interval"] is None
    assert judged["reasons"] == [
        "one hold-out row is too few to tell whether the model is better than always predicting the mean of "
        "the label; add rows"
    ]
    five = baselines.against_majority(np.array([[3, 0], [0, 2]]), 0)
    assert gate.judge("accuracy", {"accuracy": 1.0}, five)["reasons"][0].startswith("5 hold-out rows are too")
    two = baselines.against_random_order(scores([0.9, 0.8]), scores(np.linspace(0, 0.5, 98)))
    judged = gate.judge("average_precision", {"average_precision": two[0], "accuracy": 1.0}, two[1])
    assert judged["reasons"][0].startswith("2 hold-out rows of rare classes are too few to tell")


# --- Noise and signals --------------------------------------------------------------------------------------


def scores(values: Any) -> Any:
    found = ranking.Scores()
    found.add(np.asarray(values, dtype=np.float64))
    return found


def verdicts_on(kind: str, rows: int, skill: float, seed: int) -> str:
    """The verdict on a model whose predictions follow the truth by `skill`, from 0 for noise to 1."""
    random = np.random.default_rng(seed)
    known = random.random(rows) < skill
    if kind == "regression":
        truth = random.normal(size=rows)
        error = truth - np.where(known, truth, 0.3 * random.normal(size=rows))
        trivial = baselines.against_mean(error**2, truth**2, rows)
        value = float(np.sqrt((error**2).mean()))
        return str(gate.judge("rmse", {"rmse": value}, trivial)["verdict"])
    if kind == "rare":
        rare = np.arange(rows) < rows // 10
        ranked = np.where(known, rare, random.random(rows))
        value, trivial = baselines.against_random_order(scores(ranked[rare]), scores(ranked[~rare]))
        metrics = {"average_precision": value, "accuracy": 0.9}
        return str(gate.judge("average_precision", metrics, trivial)["verdict"])
    right = random.integers(2, size=rows)
    predicted = np.where(known, right, random.integers(2, size=rows))
    confusion = np.bincount(right * 2 + predicted, minlength=4).reshape(2, 2)
    trivial = baselines.against_majority(confusion, int(random.integers(2)))
    return str(gate.judge("accuracy", {"accuracy": float((right == predicted).mean())}, trivial)["verdict"])


# --- What all rows say --------------------------------------------------------------------------------------


def unseen(label: Any, probabilities: Any) -> Any:
    """Rows of classes, and the probability that each one's own class got."""
    return out_of_fold.Unseen(label, probabilities[np.arange(len(label)), label])


def told(kind: str, rows: int, skill: float, seed: int, **more: Any) -> Any:
    """What rows say that are predicted by models which know a share of the truth, from 0 to 1.

    Noise is answered as models answer it whose penalty was chosen: close to the mean, or to the shares.
    """
    random = np.random.default_rng([seed, rows])
    if kind == "regression":
        truth = random.normal(size=rows)
        answers = skill * truth + 0.1 * random.normal(size=rows)
        return out_of_fold.of_numbers([out_of_fold.Unseen(truth, answers)], 7.0, **more)
    label = random.integers(3, size=rows)
    logits = 3 * skill * np.eye(3)[label] + 0.1 * random.normal(size=(rows, 3))
    odds = np.exp(logits)
    return out_of_fold.of_classes([unseen(label, odds / odds.sum(axis=1, keepdims=True))], **more)


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_training_rows_tell_a_signal_from_noise(kind: str) -> None:
    assert all(told(kind, 32, 0.5, seed).interval[1] < 0 for seed in range(20))
    noise = [told(kind, rows, 0.0, seed).interval[1] < 0 for rows in (6, 32, 300) for seed in range(60)]
    assert sum(noise) <= 9


def test_the_training_rows_are_compared_by_hand() -> None:
    probabilities = np.array([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7]] * 2)
    found = out_of_fold.of_classes([unseen(np.array([0, 0, 1] * 2), probabilities)])
    ours, its = np.log([0.8, 0.6, 0.7] * 2), np.log([2 / 3, 2 / 3, 1 / 3] * 2)
    assert (found.metric, found.rows) == ("log_loss", 6)
    assert (found.value, found.baseline) == (pytest.approx(-ours.mean()), pytest.approx(-its.mean()))
    reach = 2.5706 * np.std(its - ours, ddof=1) / np.sqrt(6)  # Student's distribution, 5 degrees of freedom
    middle = (its - ours).mean()
    assert found.interval == (
        pytest.approx(middle - reach, rel=0.01),
        pytest.approx(middle + reach, rel=0.01),
    )
    parts = [out_of_fold.Unseen(part, part + 1) for part in (np.arange(7.0), np.arange(7.0, 10.0))]
    numbers = out_of_fold.of_numbers(parts, 5.0)
    assert (numbers.metric, numbers.value) == ("rmse", 5.0)
    assert numbers.baseline == pytest.approx(5 * np.arange(10.0).std())
    low, high = numbers.interval
    assert low < 1 / np.arange(10.0).std() - 1 < high < 0
    assert verdict_rules.interval_fits("rmse", numbers.baseline, numbers.value, 10, numbers.interval)
    assert verdict_rules.interval_fits("log_loss", found.baseline, found.value, 6, found.interval)


def test_training_rows_that_are_few_or_all_alike_tell_nothing() -> None:
    assert told("classification", 5, 0.9, 1) is None
    assert told("regression", 20, 0.9, 1, copies=4.0) is None
    assert out_of_fold.of_numbers([out_of_fold.Unseen(np.ones(30), np.ones(30))], 1.0) is None
    alone, four_times = (told("classification", 100, 0.2, 1, copies=copies) for copies in (1.0, 4.0))
    assert four_times.rows == 25
    assert four_times.interval[1] > alone.interval[1]


def test_classes_that_count_alike_are_compared_with_even_shares() -> None:
    """With such weights, probabilities that are even say as much as nothing, however rare a class is."""
    target = np.repeat([0, 1], [90, 10])
    weights = np.array([1 / 90, 1 / 10])
    even = out_of_fold.of_classes([unseen(target, np.full((100, 2), 0.5))], 1.0, weights)
    assert even.value == pytest.approx(even.baseline) == pytest.approx(np.log(2))
    knows = np.where(target[:, np.newaxis] == [0, 1], 0.7, 0.3)
    assert out_of_fold.of_classes([unseen(target, knows)], 1.0, weights).interval[1] < 0


def test_a_certain_error_does_not_make_a_log_loss_infinite() -> None:
    found = out_of_fold.of_classes([unseen(np.array([0, 1] * 5), np.array([[1.0, 0.0]] * 10))])
    assert math.isfinite(found.interval[0] + found.interval[1])


def few_rows(accuracy: float, share: float, out: Any) -> Any:
    """The gate of a model on eight hold-out rows, too few for their interval to say anything."""
    trivial = Trivial(share, 8, (-0.5, 0.1))
    return gate.judge("accuracy", {"accuracy": accuracy}, trivial, out_of_fold=out)


def test_a_model_better_on_few_hold_out_rows_is_deployed_if_the_training_rows_tell() -> None:
    judged = few_rows(0.75, 0.5, told("classification", 32, 0.5, 1))
    assert judged["verdict"] == "deploy"
    assert judged["baseline"]["out_of_fold"]["rows"] == 32
    json.dumps(judged, allow_nan=False)


def test_a_model_no_better_on_the_hold_out_is_not_deployed_whatever_the_training_rows_tell() -> None:
    judged = few_rows(0.5, 0.5, told("classification", 32, 0.5, 1))
    assert judged["verdict"] == "keep_champion"
    assert judged["reasons"] == [
        "accuracy 0.5 is not better than that of always predicting the most frequent class (0.5) on 8 "
        "hold-out rows (95 % interval of the difference: -0.5 to 0.1, below 0 is better), although the 32 "
        "rows in all show that the columns say something about the label; add rows or columns"
    ]


def test_if_neither_hold_out_nor_training_rows_tell_both_intervals_are_given() -> None:
    judged = few_rows(0.75, 0.5, told("regression", 32, 0.0, 1))
    assert judged["verdict"] == "keep_champion"
    (reason,) = judged["reasons"]
    assert "by more than chance explains on 8 hold-out rows (95 % interval" in reason
    assert "), nor on 32 rows in all, each predicted by a model that was not trained on it (rmse: " in reason


KINDS = ("classification", "rare", "regression")


def test_pure_noise_is_deployed_at_most_10_times_in_180() -> None:
    noise = [
        verdicts_on(kind, rows, 0.0, seed) for kind in KINDS for rows in (40, 200, 1000) for seed in range(20)
    ]
    assert len(noise) == 180
    assert noise.count("deploy") <= 10


@pytest.mark.parametrize("kind", KINDS)
def test_a_signal_is_deployed_with_a_hundred_hold_out_rows(kind: str) -> None:
    assert [verdicts_on(kind, 100, 0.6, seed) for seed in range(10)].count("deploy") >= 9


def test_a_perfect_model_is_deployed_with_ten_hold_out_rows() -> None:
    half = baselines.against_majority(np.array([[5, 0], [0, 5]]), 0)
    assert gate.judge("accuracy", {"accuracy": 1.0}, half)["verdict"] == "deploy"
    truth = np.random.default_rng(1).normal(size=10)
    assert baselines.against_mean(np.full(10, 1e-4), truth**2, 10).interval[1] < 0


@pytest.mark.parametrize("ties", [False, True])
def test_average_precision_is_the_mean_precision_at_the_score_of_each_rare_row(ties: bool) -> None:
    random = np.random.default_rng(3)
    rare, others = random.random(30) + 0.2, random.random(300)
    if ties:
        rare, others = rare.round(1), others.round(1)
    expected = np.mean(
        [(rare >= each).sum() / ((rare >= each).sum() + (others >= each).sum()) for each in rare]
    )
    assert ranking.Ranking.of(rare, others).average_precision() == pytest.approx(expected)
    assert baselines.against_random_order(scores(rare), scores(others))[0] == pytest.approx(expected)


def test_of_many_scores_every_second_is_dropped_and_the_others_count_twice() -> None:
    many = ranking.MOST_SCORES + 1
    found = ranking.Scores()
    for start in range(0, many, 777):
        found.add(np.arange(start, min(start + 777, many), dtype=np.float64))
    assert found.count == many
    assert found.values().tolist() == list(range(0, many, 2))
    others = scores(np.linspace(0, 1, 4 * ranking.MOST_SCORES))
    value, _ = baselines.against_random_order(scores([1.1, 0.5]), others)
    assert value == pytest.approx((1 + 2 / (2 + 2 * ranking.MOST_SCORES)) / 2, rel=1e-4)


@pytest.mark.parametrize(
    ("task", "limits", "value", "passed"),
    [
        ("classification", {"min_accuracy": 0.9}, 0.9, True),
        ("classification", {"min_accuracy": 0.9}, 0.89, False),
        ("classification", {"max_rmse": 0.1}, 0.89, None),
        ("regression", {"max_rmse": 2.0}, 2.0, True),
        ("regression", {"max_rmse": 2.0}, 2.1, False),
        ("regression", {"min_accuracy": 0.9}, 2.1, None),
    ],
)
def test_a_limit_counts_for_its_own_task_and_includes_itself(
    task: str, limits: dict[str, Any], value: float, passed: bool | None
) -> None:
    judged = judge(task, value, 0.1 if task == "classification" else 10.0, **limits)
    assert (judged["floor"] and judged["floor"]["passed"]) == passed
    assert judged["verdict"] == ("keep_champion" if passed is False else "deploy")


def test_every_reason_is_given_not_only_the_first() -> None:
    judged = judge(
        "classification",
        0.5,
        0.5,
        min_accuracy=0.8,
        predictions=classes("a" * 40, "a" * 40, "a" * 20 + "b" * 20),
    )
    assert [reason.split(" ", 4)[3] for reason in judged["reasons"]] == ["below", "not", "worse"]
    assert judged["reasons"][0].startswith("accuracy 0.5 is below min_accuracy 0.8; train on more")


def test_two_numbers_that_differ_are_shown_with_the_digits_that_differ() -> None:
    reason = judge("classification", 0.899999, 0.1, min_accuracy=0.9)["reasons"][0]
    assert "accuracy 0.899999 is below min_accuracy 0.9;" in reason


def test_a_model_without_a_metric_is_not_judged() -> None:
    for value in (math.nan, math.inf):
        with pytest.raises(ValueError, match="finite"):
            judge("regression", value, 1.0)


# --- The champion -------------------------------------------------------------------------------------------


def test_a_challenger_that_is_clearly_worse_is_rejected_with_both_numbers() -> None:
    judged = judge(
        "classification", 0.8, 0.34, predictions=classes("a" * 30, "a" * 29 + "b", "a" * 20 + "b" * 10)
    )
    champion = judged["champion"]
    assert judged["verdict"] == "keep_champion"
    assert (champion["value"], champion["challenger"]) == (pytest.approx(29 / 30), pytest.approx(20 / 30))
    assert (champion["rows"], champion["passed"], champion["error"]) == (30, False, "")
    low, high = champion["interval"]
    assert 0.01 < low < 0.3 < high < 0.5
    (reason,) = judged["reasons"]
    assert reason.startswith(
        "accuracy 0.6667 is worse than that of iris_classification:3 (0.9667) on the same 30 hold-out rows "
        "by more than the tolerance 0.01 (95 % interval of the difference: "
    )
    assert reason.endswith("); set a higher tolerance to deploy it")


def test_two_rows_of_thirty_are_noise() -> None:
    judged = judge("classification", 0.9, 0.34, predictions=classes("a" * 30, "a" * 30, "a" * 28 + "bb"))
    assert judged["verdict"] == "deploy"
    assert judged["champion"]["interval"][0] <= 0 < judged["champion"]["interval"][1]


def test_the_same_share_of_many_rows_is_no_noise() -> None:
    many = classes("a" * 3000, "a" * 3000, "a" * 2800 + "b" * 200)
    assert judge("classification", 0.9, 0.34, predictions=many)["verdict"] == "keep_champion"
    assert judge("classification", 0.9, 0.34, tolerance=0.1, predictions=many)["verdict"] == "deploy"


def test_errors_on_other_rows_are_no_deficit() -> None:
    swapped = classes("a" * 1000, "b" * 100 + "a" * 900, "a" * 900 + "b" * 100)
    champion = judge("classification", 0.9, 0.34, predictions=swapped)["champion"]
    assert champion["passed"]
    assert champion["interval"] == pytest.approx([-0.028, 0.028], abs=0.006)  # 1.96 sqrt(0.2 / 1000)


def test_regression_is_judged_by_the_share_of_the_champions_rmse() -> None:
    random = np.random.default_rng(5)
    truth, error = random.normal(size=2000) * 1000, random.normal(size=2000)
    same = judge("regression", 1.0, 1000.0, predictions=values(truth, truth + error, truth - 1.005 * error))
    worse = judge("regression", 1.0, 1000.0, predictions=values(truth, truth + error, truth - 1.2 * error))
    # The same errors with another factor: every resample has that very deficit.
    assert same["champion"]["interval"] == pytest.approx([0.005, 0.005])
    assert same["verdict"] == "deploy"
    assert worse["champion"]["interval"] == pytest.approx([0.2, 0.2])
    assert worse["verdict"] == "keep_champion"
    assert "as a share of it" in worse["reasons"][0]


def test_a_champion_without_any_error_can_be_compared() -> None:
    truth = [float(i) for i in range(20)]
    as_good = values(truth, truth, [x + 1e-13 for x in truth])
    worse = values(truth, truth, [x + 0.5 for x in truth])
    assert judge("regression", 0.1, 5.0, predictions=as_good)["verdict"] == "deploy"
    assert judge("regression", 0.5, 5.0, predictions=worse)["verdict"] == "keep_champion"
    zeros = values([0.0] * 20, [0.0] * 20, [0.0] * 20)
    assert judge("regression", 0.0, 1.0, predictions=zeros)["champion"]["interval"] == [0, 0]


def test_errors_as_large_as_a_float_can_be_have_an_interval_of_numbers() -> None:
    """Also if a resample misses the only row in which the champion errs, so that its RMSE there is zero."""
    truth = [1.0] * 30
    champion = [1e308, *truth[1:]]
    judged = judge("regression", 1.0, 2.0, predictions=values(truth, champion, [1e308] * 30))
    check(judged)
    assert judged["verdict"] == "keep_champion"


@pytest.mark.parametrize("rows", [1, 5])
def test_so_few_rows_decide_nothing(rows: int) -> None:
    for task, predictions in (
        ("classification", classes("a" * rows, "a" * rows, "b" * rows)),
        ("regression", values([1.0] * rows, [1.0] * rows, [9.0] * rows)),
    ):
        champion = judge(task, 0.5, 0.4 if task == "classification" else 9.0, predictions=predictions)[
            "champion"
        ]
        assert champion["passed"]
        assert champion["interval"] is None
        assert "too few" in champion["error"]
        assert champion["value"] != champion["challenger"]


def test_a_champion_that_cannot_score_the_columns_does_not_block() -> None:
    why = "it needs the column petal length, which is no longer there"
    judged = judge("classification", 0.8, 0.34, predictions=PairedPredictions(CHAMPION, error=why))
    assert judged["verdict"] == "deploy"
    assert judged["champion"] == {
        "model": CHAMPION,
        "rows": 0,
        "value": None,
        "challenger": None,
        "tolerance": 0.01,
        "interval": None,
        "passed": True,
        "error": why,
    }


def test_a_champion_that_answers_no_number_does_not_block() -> None:
    truth = [float(i) for i in range(20)]
    for bad in (math.nan, math.inf):
        champion = judge("regression", 1, 5.0, predictions=values(truth, [bad, *truth[1:]], truth))[
            "champion"
        ]
        assert (champion["passed"], champion["value"], champion["challenger"]) == (True, None, 0.0)
        assert "no usable prediction" in champion["error"]
    nameless = PairedPredictions(CHAMPION, ["a"] * 9, [None, *"aaaaaaaa"], ["a"] * 9)
    assert (
        "no usable prediction" in judge("classification", 1, 0.5, predictions=nameless)["champion"]["error"]
    )


def test_predictions_of_other_rows_are_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="same rows"):
        judge("classification", 0.8, 0.3, predictions=classes("ab", "ab", "a"))


@pytest.mark.parametrize("rows", [15, 30, 200])
def test_two_equal_models_differ_no_more_often_than_the_interval_promises(rows: int) -> None:
    random = np.random.default_rng(6)
    alarms = 0
    for _ in range(1000):
        champion, challenger = random.random((2, rows)) < 0.85
        only_champion, only_challenger = (champion & ~challenger).sum(), (challenger & ~champion).sum()
        alarms += bootstrap.accuracy_deficit(only_champion, only_challenger, rows)[0] > 0
    assert alarms / 1000 <= 0.035  # 2.5 % on that side, and three standard deviations of 1000 trials


# --- Rare classes: the champion's probabilities -------------------------------------------------------------


def rankings(champion: float, challenger: float, rare: int = 40, rows: int = 800) -> Any:
    """Both models' probabilities of a rare class, which follow the truth by their skill."""
    random = np.random.default_rng(4)
    truth = np.arange(rows) < rare
    sides = [
        np.where(random.random(rows) < skill, truth, random.random(rows)) for skill in (champion, challenger)
    ]
    return PairedPredictions(CHAMPION, truth, *sides)


def judge_rare(predictions: Any) -> Any:
    metrics = {"average_precision": 0.5, "accuracy": 0.95}
    return gate.judge(
        "average_precision", metrics, Trivial(0.05, 800, (-0.47, -0.4)), predictions=predictions
    )


def test_a_challenger_that_ranks_worse_is_rejected_though_both_answer_the_same_class() -> None:
    judged = judge_rare(rankings(0.9, 0.3))
    assert judged["verdict"] == "keep_champion"
    assert judged["champion"]["interval"][0] > 0.01
    assert judged["reasons"][0].startswith("average precision 0.")
    assert judge_rare(rankings(0.3, 0.9))["verdict"] == "deploy"
    assert judge_rare(rankings(0.5, 0.5))["verdict"] == "deploy"


def test_too_few_rare_rows_tell_nothing_of_a_champion() -> None:
    champion = judge_rare(rankings(1.0, 0.0, rare=2))["champion"]
    assert (champion["interval"], champion["passed"]) == ([-1, 1], True)
    none = judge_rare(rankings(1.0, 0.0, rare=0))["champion"]
    assert none["passed"]


# --- Properties ---------------------------------------------------------------------------------------------

predictions = st.lists(st.tuples(*[st.sampled_from("abc")] * 3), min_size=1, max_size=50)
finite = st.floats(allow_nan=False, allow_infinity=False)
numbers = st.lists(st.tuples(finite, st.floats(), finite), min_size=1, max_size=30)


def check(judged: dict[str, Any]) -> None:
    json.dumps(judged, allow_nan=False)
    champion = judged["champion"]
    passed = [part["passed"] for part in (judged["floor"], judged["baseline"], champion) if part]
    assert judged["verdict"] == ("deploy" if all(passed) else "keep_champion")
    assert len(judged["reasons"]) == passed.count(False)
    if champion["interval"]:
        low, high = champion["interval"]
        assert low <= high
        assert champion["passed"] == (low <= champion["tolerance"])
        compared = champion["value"], champion["challenger"], champion["rows"]
        assert verdict_rules.interval_fits(judged["metric"], *compared, (low, high))
    else:
        assert champion["passed"]
        assert champion["error"]


@settings(deadline=None)
@given(predictions, st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_any_classes_give_a_verdict_that_follows_from_its_numbers(
    rows: list[tuple[str, ...]], baseline: float, floor: float, tolerance: float
) -> None:
    truth, champion, challenger = (np.array(side, dtype=object) for side in zip(*rows, strict=True))
    accuracy = float((truth == challenger).mean())
    judged = judge(
        "classification",
        accuracy,
        baseline,
        min_accuracy=floor,
        tolerance=tolerance,
        predictions=PairedPredictions(CHAMPION, truth, champion, challenger),
    )
    check(judged)
    assert judged["champion"]["challenger"] == accuracy


@settings(deadline=None)
@given(numbers, st.floats(0, 1e9), st.floats(0, 1))
def test_any_numbers_give_a_verdict_that_follows_from_its_numbers(
    rows: list[tuple[float, ...]], limit: float, tolerance: float
) -> None:
    predictions = values(*zip(*rows, strict=True))
    check(judge("regression", 1.0, 2.0, max_rmse=limit, tolerance=tolerance, predictions=predictions))


@settings(deadline=None)
@given(predictions)
def test_a_model_that_repeats_the_champion_is_never_rejected(rows: list[tuple[str, ...]]) -> None:
    truth, champion, _ = zip(*rows, strict=True)
    again = PairedPredictions(CHAMPION, list(truth), list(champion), list(champion))
    assert judge("classification", 0.9, 0.1, predictions=again)["verdict"] == "deploy"


@settings(deadline=None)
@given(st.lists(st.tuples(finite, finite), min_size=1, max_size=30))
def test_numbers_that_repeat_the_champion_are_never_rejected(rows: list[tuple[float, float]]) -> None:
    truth, champion = zip(*rows, strict=True)
    assert judge("regression", 1, 2, predictions=values(truth, champion, champion))["verdict"] == "deploy"
