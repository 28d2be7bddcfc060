"""A verdict counts only if it follows from the document's numbers and the run's own champion."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runs.contracts import Json, RunSettings, from_json, to_json
from runs.findings import Baseline, ChampionComparison, Floor, Gate, OutOfFold
from runs.steps import Champion
from runs.verdict import (
    MAX_ENTRIES,
    MAX_SENTENCE,
    UnsoundVerdictError,
    count_entries,
    derive_gate,
    read_dropped_columns,
    read_metrics,
    read_notes,
)
from tests.unit.rehearsed import SETTINGS

CLASSES = replace(SETTINGS, min_accuracy=0.9, tolerance=0.01)
NUMBERS = replace(SETTINGS, task="regression", min_accuracy=0.0, max_rmse=2.5, tolerance=0.05)
CHAMPION = Champion("iris_classification:6", "runs/older/0/cd34/artifacts/model", "run-6")
NO_CHAMPION = Champion()
COMPARISON = {
    "model": "iris_classification:6",
    "rows": 30,
    "value": 0.95,
    "challenger": 0.97,
    "tolerance": 0.01,
    "interval": [-0.09, 0.05],
    "passed": True,
    "error": "",
}

TRIVIAL = {
    "accuracy": ("majority class", 0.34),
    "rmse": ("mean", 9.0),
    "average_precision": ("base rate", 0.05),
}


def baseline(metric: str, value: float) -> Json:
    """The baseline of a document whose model has that value of a metric, and passes."""
    name, trivial = TRIVIAL[metric]
    middle = {
        "accuracy": (trivial - value) * 30 / 32,
        "rmse": value / trivial - 1,
        "average_precision": trivial - value,
    }[metric]
    interval = [1.1 * middle, 0.9 * middle]
    return {"name": name, "value": trivial, "rows": 30, "interval": interval, "passed": True, "error": ""}


CHANCE = baseline("accuracy", 0.97) | {"value": 0.93, "interval": [-0.09, 0.02]}
TOLD = {"metric": "log_loss", "rows": 120, "value": 0.5, "baseline": 0.6, "interval": [-0.15, -0.05]}
FEW = {"value": 0.34, "rows": 5, "interval": None, "error": "5 hold-out rows are too few"}


def document(task: str = "classification", **gate: Any) -> Json:
    """A document as a trainer writes it; by default, its model passes every rule."""
    metric, usual = ("accuracy", 0.97) if task == "classification" else ("rmse", 2.0)
    value: Any = gate.get("value", usual)
    return {
        "schema_version": 2,
        "task": task,
        "gate": {
            "verdict": "deploy",
            "reasons": [],
            "metric": metric,
            "value": value,
            "floor": None,
            "baseline": baseline(metric, value if isinstance(value, float) else usual),
            "champion": None,
        }
        | gate,
    }


def judged(given: Json, settings: RunSettings = CLASSES) -> Gate:
    """The gate of a document, with the champion that it names, or without one if it names none."""
    value = given["gate"]["value"]
    metric = "rmse" if given.get("task") == "regression" else "accuracy"
    champion = CHAMPION if given["gate"]["champion"] is not None else NO_CHAMPION
    return derive_gate(given, {metric: value}, settings, champion)


def rejected(**gate: Any) -> Json:
    """A document as a trainer writes it for a rejected model."""
    return document(**{"verdict": "keep_champion", "reasons": ["why"]} | gate)


# --- What passes and what does not --------------------------------------------------------------------


def test_a_model_that_passes_everything_is_deployed() -> None:
    assert judged(document(champion=COMPARISON)) == Gate(
        "deploy",
        [],
        "accuracy",
        0.97,
        Floor("min_accuracy", 0.9, passed=True),
        Baseline("majority class", 0.34, 30, baseline("accuracy", 0.97)["interval"], passed=True),
        ChampionComparison("iris_classification:6", 30, 0.95, 0.97, 0.01, [-0.09, 0.05], passed=True),
    )


@pytest.mark.parametrize(
    ("gate", "part"),
    [
        ({"value": 0.89}, "floor"),
        ({"baseline": CHANCE}, "baseline"),
        ({"baseline": CHANCE | {"value": 0.99, "interval": [0.0, 0.05]}}, "baseline"),
        ({"baseline": FEW}, "baseline"),
        ({"champion": COMPARISON | {"challenger": 0.89, "interval": [0.02, 0.1]}}, "champion"),
    ],
    ids=[
        "below the floor",
        "better than the baseline by chance",
        "below the baseline",
        "too few rows",
        "worse than the champion",
    ],
)
def test_a_model_that_fails_one_part_is_rejected(gate: Json, part: str) -> None:
    found = judged(rejected(**gate))
    assert (found.verdict, found.reasons) == ("keep_champion", ["why"])
    assert not getattr(found, part).passed


def test_of_a_regression_lower_is_better() -> None:
    found = judged(document("regression"), NUMBERS)
    assert (found.metric, found.floor) == ("rmse", Floor("max_rmse", 2.5, passed=True))
    high = judged(document("regression", value=2.6, verdict="keep_champion"), NUMBERS)
    assert high.floor == Floor("max_rmse", 2.5, passed=False)
    even = {"name": "mean", "value": 2.0, "rows": 30, "interval": [-0.1, 0.1]}
    worse = document("regression", verdict="keep_champion", baseline=even)
    assert judged(worse, NUMBERS).baseline == Baseline("mean", 2.0, 30, [-0.1, 0.1], passed=False)


def test_of_rare_classes_average_precision_decides_and_the_floor_is_about_accuracy() -> None:
    given = document(metric="average_precision", value=0.46, baseline=baseline("average_precision", 0.46))
    metrics = {"average_precision": 0.46, "accuracy": 0.97}
    found = derive_gate(given, metrics, CLASSES, NO_CHAMPION)
    assert found.floor == Floor("min_accuracy", 0.9, passed=True)
    assert found.baseline == Baseline(
        "base rate", 0.05, 30, given["gate"]["baseline"]["interval"], passed=True
    )
    with pytest.raises(UnsoundVerdictError, match="holds no accuracy"):
        derive_gate(given, {"average_precision": 0.46}, CLASSES, NO_CHAMPION)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"interval": None}, "does not say why the model is not compared with the majority class"),
        ({"rows": 5}, "which takes 6 or more rows"),
        ({"rows": None}, "on how many rows"),
        ({"interval": [-0.3, -0.2]}, "does not fit the accuracy of the majority class, 0.34, and of the mod"),
        ({"value": 0.96}, "does not fit the accuracy of the majority class"),
    ],
    ids=str,
)
def test_a_baseline_that_contradicts_itself_is_refused(changes: Json, words: str) -> None:
    with pytest.raises(UnsoundVerdictError, match=words):
        judged(document(baseline=baseline("accuracy", 0.97) | changes))


def test_where_few_hold_out_rows_leave_it_open_the_training_rows_tell() -> None:
    found = judged(document(baseline=CHANCE | {"out_of_fold": TOLD})).baseline
    assert found.passed
    assert found.out_of_fold == OutOfFold("log_loss", 120, 0.5, 0.6, [-0.15, -0.05])
    by_chance = TOLD | {"value": 0.58, "interval": [-0.05, 0.01]}
    assert not judged(rejected(baseline=CHANCE | {"out_of_fold": by_chance})).baseline.passed
    worse = CHANCE | {"value": 0.98, "interval": [0.0, 0.03], "out_of_fold": TOLD}
    assert not judged(rejected(baseline=worse)).baseline.passed
    even = {"name": "mean", "value": 2.1, "rows": 30, "interval": [-0.1, 0.1]}
    told = {"metric": "rmse", "rows": 120, "value": 1.5, "baseline": 2.0, "interval": [-0.4, -0.1]}
    assert judged(document("regression", baseline=even | {"out_of_fold": told}), NUMBERS).baseline.passed


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("yes", "the out_of_fold of its gate is no object"),
        (TOLD | {"metric": "accuracy"}, "is not an interval of the log_loss of 6 or more rows"),
        (TOLD | {"rows": 5}, "is not an interval of the log_loss of 6 or more rows"),
        (TOLD | {"interval": None}, "is not an interval of the log_loss"),
        (TOLD | {"value": None}, "no finite value"),
        (TOLD | {"value": 0.7}, "does not fit the log_loss of the baseline, 0.6, and of the models"),
    ],
    ids=str,
)
def test_training_rows_that_contradict_themselves_are_refused(told: Any, words: str) -> None:
    with pytest.raises(UnsoundVerdictError, match=words):
        judged(document(baseline=CHANCE | {"out_of_fold": told}))


def test_without_a_setting_there_is_no_floor() -> None:
    assert judged(document(value=0.5), replace(CLASSES, min_accuracy=0.0)).floor is None
    assert judged(document("regression", value=8.0), replace(NUMBERS, max_rmse=0.0)).floor is None


@pytest.mark.parametrize(("low", "passed"), [(0.0099, True), (0.01, True), (0.0101, False)])
def test_only_an_interval_above_the_tolerance_rejects_a_model(low: float, passed: bool) -> None:
    champion = COMPARISON | {"interval": [low, 0.9], "challenger": 0.1}
    given = document(champion=champion) if passed else rejected(champion=champion)
    found = judged(given)
    assert found.champion is not None
    assert found.champion.passed is passed


def test_a_champion_that_could_not_be_compared_does_not_block() -> None:
    silent = {"value": None, "challenger": None, "interval": None, "error": "column petals is not there"}
    found = judged(document(champion=COMPARISON | silent))
    assert found.champion is not None
    assert (found.verdict, found.champion.passed) == ("deploy", True)
    assert found.champion.error == "column petals is not there"


def test_fewer_than_six_rows_are_no_comparison_and_six_are() -> None:
    too_few = {"rows": 5, "interval": None, "error": "only 5 rows could be compared"}
    comparison = judged(document(champion=COMPARISON | too_few)).champion
    assert comparison is not None
    assert (comparison.passed, comparison.interval) == (True, None)
    comparison = judged(document(champion=COMPARISON | {"rows": 6, "interval": [-0.4, 0.37]})).champion
    assert comparison is not None
    assert comparison.interval == [-0.4, 0.37]


def test_a_champion_whose_model_lies_outside_the_container_is_not_compared() -> None:
    elsewhere = Champion("iris_classification:6", "", "run-6")
    assert derive_gate(document(), {"accuracy": 0.97}, CLASSES, elsewhere).champion is None


# --- What a verdict must not come from ----------------------------------------------------------------


def unsound(given: Json, champion: Champion, **metrics: float) -> str:
    """The reason for which a document is refused."""
    with pytest.raises(UnsoundVerdictError) as caught:
        derive_gate(given, metrics or {"accuracy": 0.97}, CLASSES, champion)
    return str(caught.value)


@pytest.mark.parametrize("version", [None, 1, 3, "2", True, 2.5, [2]])
def test_a_document_of_another_version_is_refused_however_good_its_model(version: Any) -> None:
    given = document() | {"schema_version": version}
    assert "schema_version is" in unsound(given, NO_CHAMPION)


def test_a_document_without_a_version_or_a_gate_is_refused() -> None:
    bare = {"metrics": {"accuracy": 0.34}}
    assert unsound(bare, NO_CHAMPION, accuracy=0.34).startswith("its schema_version is null")


def test_a_gate_that_leaves_out_the_runs_champion_is_refused() -> None:
    assert "does not compare the model with the champion iris_classification:6" in unsound(
        document(), CHAMPION
    )


def test_a_gate_that_compares_with_another_model_than_the_runs_champion_is_refused() -> None:
    other = document(champion=COMPARISON | {"model": "iris_classification:5"})
    assert '"iris_classification:5", and the champion of this run is iris_cl' in unsound(other, CHAMPION)


@pytest.mark.parametrize("champion", [NO_CHAMPION, Champion("iris_classification:6", "", "run-6")])
def test_a_gate_with_a_champion_that_the_run_could_not_give_it_is_refused(champion: Champion) -> None:
    assert "this run has none" in unsound(document(champion=COMPARISON), champion)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"value": 0.99, "challenger": 0.40, "interval": None}, "no interval, although .* 30 rows"),
        ({"value": 0.99, "challenger": 0.40, "interval": None, "error": "why"}, "no interval, although"),
        ({"interval": None, "rows": 6, "error": "why"}, "no interval, although .* 6 rows"),
        ({"value": 0.99, "challenger": 0.40, "interval": None, "rows": 0}, "does not say why"),
        ({"value": None, "challenger": None, "interval": None, "error": ""}, "does not say why"),
        ({"value": None}, "an interval, which takes the values of both"),
        ({"challenger": None}, "an interval, which takes the values of both"),
        ({"rows": 5}, "on 6 or more rows"),
        ({"rows": None}, "does not say on how many rows"),
        ({"rows": -1}, "does not say on how many rows"),
        ({"rows": True}, "does not say on how many rows"),
        ({"value": 0.99, "challenger": 0.40, "interval": [-0.1, 0.009]}, "does not fit the accuracy"),
        ({"interval": [0.05, -0.09]}, "does not fit the accuracy"),
        ({"value": 10**400}, "no finite value"),
    ],
    ids=str,
)
def test_a_comparison_that_contradicts_itself_is_refused(changes: Json, words: str) -> None:
    with pytest.raises(UnsoundVerdictError, match=words):
        judged(document(champion=COMPARISON | changes))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (document(value=0.89), 'say "keep_champion"'),
        (rejected(), 'say "deploy"'),
        (document(verdict=None), "its verdict is null"),
        (document(baseline=CHANCE), 'say "keep_champion"'),
        (document(baseline=FEW), 'say "keep_champion"'),
        (
            document(champion=COMPARISON | {"challenger": 0.7, "interval": [0.2, 0.3]}),
            'say "keep_champion"',
        ),
        (document(baseline=None), "no baseline"),
        (document(baseline={"name": "mean", "value": "0.1"}), "no finite value"),
        (document(baseline={"name": "mean", "value": True}), "no finite value"),
        (document(metric="rmse"), "not about its accuracy or average_precision"),
        (document(metric=["accuracy"]), "not about its accuracy or average_precision"),
        (document(champion=[]), "does not compare"),
        (document(champion=COMPARISON | {"interval": [0.1]}), r"not \[low, high\]"),
        (document(champion=COMPARISON | {"interval": [None, 1]}), "no finite 0"),
        (document("regression"), "trained for regression, and this run is about classification"),
        (document() | {"task": "clustering"}, 'its task is "clustering"'),
        (document() | {"task": ["regression"]}, "its task is "),
        (document() | {"gate": None}, "no gate"),
        (document() | {"gate": "deploy"}, "no gate"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else str(value)[:30],
)
def test_a_verdict_that_does_not_follow_from_its_numbers_is_refused(given: Json, words: str) -> None:
    gate = given["gate"] if isinstance(given["gate"], dict) else {}
    champion = CHAMPION if gate.get("champion") is not None else NO_CHAMPION
    with pytest.raises(UnsoundVerdictError, match=words):
        derive_gate(given, {"accuracy": gate.get("value", 0.97)}, CLASSES, champion)


def test_a_gate_about_another_number_than_the_metrics_is_refused() -> None:
    assert "not about its accuracy of 0.5" in unsound(document(), NO_CHAMPION, accuracy=0.5)
    assert "holds no accuracy" in unsound(document(), NO_CHAMPION, rmse=0.5)


def test_only_finite_numbers_are_metrics() -> None:
    odd = {"accuracy": 0.5, "a": math.nan, "b": math.inf, "c": "0.5", "d": None, "e": True, "f": 10**400}
    assert read_metrics({"metrics": odd}) == {"accuracy": 0.5}
    assert read_metrics({"metrics": [0.5]}) == read_metrics({}) == {}


def test_a_setting_that_was_lost_on_the_way_to_the_trainer_deploys_nothing() -> None:
    """A pipeline that passes no min_accuracy has a trainer that knows of no floor."""
    with pytest.raises(UnsoundVerdictError, match=r'its verdict is "deploy", but .* say'):
        judged(document(value=0.8))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
PARTS = ("verdict", "reasons", "metric", "value", "floor", "baseline", "champion")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    gate=st.dictionaries(st.sampled_from(PARTS), JSON),
    champion=st.dictionaries(st.sampled_from([*COMPARISON]), JSON),
)
def test_whatever_a_trainer_writes_is_a_gate_or_refused(gate: Json, champion: Json) -> None:
    compared = document(champion=COMPARISON | champion)
    for written, given_champion in ((document(**gate), NO_CHAMPION), (compared, CHAMPION)):
        try:
            found = derive_gate(written, {"accuracy": 0.97}, CLASSES, given_champion)
        except UnsoundVerdictError:
            continue
        assert found.verdict in ("deploy", "keep_champion")
        assert from_json(Gate, json.loads(json.dumps(to_json(found), allow_nan=False))) == found


# --- What a run keeps of it ---------------------------------------------------------------------------


def test_what_a_run_keeps_is_bounded() -> None:
    found = judged(rejected(value=0.5, reasons=["x" * 10_000] * 1000))
    assert len(found.reasons) == MAX_ENTRIES
    assert max(map(len, found.reasons)) == MAX_SENTENCE
    columns = [{"column": "c" * 10_000, "why": "w" * 10_000}] * 3000
    dropped = read_dropped_columns({"dropped_columns": columns})
    assert len(dropped) == MAX_ENTRIES
    assert (len(dropped[0].column), len(dropped[0].why)) == (256, MAX_SENTENCE)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (20, None),
        (21, "1 further column was"),
        (22, "2 further columns were"),
        (25, "5 further columns were"),
    ],
)
def test_columns_that_are_left_out_of_the_record_are_counted(columns: int, words: str | None) -> None:
    dropped = [{"column": f"c{number}", "why": "constant"} for number in range(columns)]
    counted = [f"{words} dropped; the report and metrics.json name them all."] if words else []
    assert read_notes({"dropped_columns": dropped, "notes": ["one", 7, "two"]}) == ["one", "two", *counted]


def test_only_the_entries_of_a_list_are_counted() -> None:
    assert count_entries({"features": ["a", "b"]}, "features") == 2
    assert [count_entries({"features": each}, "features") for each in (None, 5, "ab", {"a": 1})] == [0] * 4
    assert count_entries({}, "features") == 0


@pytest.mark.parametrize("given", [None, "x", {}, 7, [None, 3, "x"]])
def test_what_is_not_a_list_of_columns_counts_as_empty(given: Any) -> None:
    assert read_dropped_columns({"dropped_columns": given}) == []
