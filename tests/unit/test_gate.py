"""The gate as the app reads it: a verdict counts only when it follows from its own numbers."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runs.contracts import Baseline, Comparison, Floor, Gate, Json, RunSettings, from_json, to_json
from runs.gate import LONGEST, MOST, Unsound, brief, dropped_of, gate_of, notes_of
from tests.unit.rehearsed import SETTINGS

CLASSES = replace(SETTINGS, min_accuracy=0.9, tolerance=0.01)
NUMBERS = replace(SETTINGS, task="regression", min_accuracy=0.0, max_rmse=2.5, tolerance=0.05)
CHAMPION = {
    "model": "iris_classification:6",
    "rows": 30,
    "value": 0.95,
    "challenger": 0.97,
    "tolerance": 0.01,
    "interval": [-0.09, 0.05],
    "passed": True,
    "error": "",
}


def document(task: str = "classification", **gate: Any) -> Json:
    """What a trainer writes; by default of a model that passes everything."""
    metric, value, trivial = ("accuracy", 0.97, 0.34) if task == "classification" else ("rmse", 2.0, 9.0)
    return {
        "schema_version": 2,
        "task": task,
        "gate": {
            "verdict": "deploy",
            "reasons": [],
            "metric": metric,
            "value": value,
            "floor": None,
            "baseline": {"name": "mean", "value": trivial, "passed": True},
            "champion": None,
        }
        | gate,
    }


def judged(given: Json, settings: RunSettings = CLASSES, **metrics: float) -> Gate:
    value = (given.get("gate") or {}).get("value", 0.97)
    metric = "rmse" if given.get("task") == "regression" else "accuracy"
    return gate_of(given, metrics or {metric: value}, settings)


def kept(**gate: Any) -> Json:
    return document(**{"verdict": "keep_champion", "reasons": ["why"]} | gate)


# --- What passes and what does not --------------------------------------------------------------------


def test_a_model_that_passes_everything_is_deployed() -> None:
    assert judged(document(champion=CHAMPION)) == Gate(
        "deploy",
        [],
        "accuracy",
        0.97,
        Floor("min_accuracy", 0.9, passed=True),
        Baseline("mean", 0.34, passed=True),
        Comparison("iris_classification:6", 30, 0.95, 0.97, 0.01, [-0.09, 0.05], passed=True),
    )


@pytest.mark.parametrize(
    ("gate", "part"),
    [
        ({"value": 0.89}, "floor"),
        ({"baseline": {"name": "majority class", "value": 0.97}}, "baseline"),
        ({"baseline": {"name": "majority class", "value": 0.99}}, "baseline"),
        ({"champion": CHAMPION | {"interval": [0.02, 0.1]}}, "champion"),
    ],
    ids=["below the floor", "as good as the baseline", "below the baseline", "worse than the champion"],
)
def test_a_model_that_fails_one_part_is_kept_out(gate: Json, part: str) -> None:
    found = judged(kept(**gate))
    assert (found.verdict, found.reasons) == ("keep_champion", ["why"])
    assert not getattr(found, part).passed


def test_of_a_regression_lower_is_better() -> None:
    found = judged(document("regression"), NUMBERS)
    assert (found.metric, found.floor) == ("rmse", Floor("max_rmse", 2.5, passed=True))
    high = judged(document("regression", value=2.6, verdict="keep_champion"), NUMBERS)
    assert high.floor == Floor("max_rmse", 2.5, passed=False)
    worse = document("regression", verdict="keep_champion", baseline={"name": "mean", "value": 2.0})
    assert judged(worse, NUMBERS).baseline == Baseline("mean", 2.0, passed=False)


def test_without_a_setting_there_is_no_floor() -> None:
    assert judged(document(value=0.5), replace(CLASSES, min_accuracy=0.0)).floor is None
    assert judged(document("regression", value=8.0), replace(NUMBERS, max_rmse=0.0)).floor is None


@pytest.mark.parametrize(("low", "passed"), [(0.0099, True), (0.01, True), (0.0101, False)])
def test_only_an_interval_above_the_tolerance_keeps_a_model_out(low: float, passed: bool) -> None:
    champion = CHAMPION | {"interval": [low, 0.5], "challenger": 0.1}
    given = document(champion=champion) if passed else kept(champion=champion)
    found = judged(given)
    assert found.champion is not None
    assert found.champion.passed is passed


def test_a_champion_that_could_not_be_compared_does_not_block() -> None:
    silent = {"value": None, "challenger": None, "interval": None, "error": "column petals is not there"}
    found = judged(document(champion=CHAMPION | silent))
    assert found.champion is not None
    assert (found.verdict, found.champion.passed) == ("deploy", True)
    assert found.champion.error == "column petals is not there"


def test_a_trainer_that_knew_no_gate_is_held_to_the_floor() -> None:
    for older in ({"schema_version": 1}, {}):
        assert gate_of(older, {"accuracy": 0.97}, CLASSES).verdict == "deploy"
        low = gate_of(older, {"accuracy": 0.5}, CLASSES)
        assert low.verdict == "keep_champion"
        assert low.reasons == ["accuracy 0.5 is below min_accuracy 0.9"]


# --- What is no verdict -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (document(value=0.89), 'say "keep_champion"'),
        (kept(), 'say "deploy"'),
        (document(verdict=None), "its verdict is None"),
        (document(baseline={"name": "mean", "value": 0.97}), 'say "keep_champion"'),
        (document(champion=CHAMPION | {"interval": [0.2, 0.3]}), 'say "keep_champion"'),
        (document(baseline=None), "no baseline"),
        (document(baseline={"name": "mean", "value": "0.1"}), "no finite value"),
        (document(baseline={"name": "mean", "value": True}), "no finite value"),
        (document(metric="rmse"), "is not about its accuracy"),
        (document(champion=[]), "no object"),
        (document(champion=CHAMPION | {"interval": [0.1]}), r"not \[low, high\]"),
        (document(champion=CHAMPION | {"interval": [None, 1]}), "no finite 0"),
        (document("regression"), "trained for regression, and this run is about classification"),
        (document() | {"task": "clustering"}, "its task is 'clustering'"),
        (document() | {"task": ["regression"]}, "its task is "),
        (document() | {"gate": None}, "no gate"),
        (document() | {"gate": "deploy"}, "no gate"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else str(value)[:30],
)
def test_a_verdict_that_does_not_follow_from_its_numbers_is_none(given: Json, words: str) -> None:
    value = given["gate"]["value"] if isinstance(given["gate"], dict) else 0.97
    with pytest.raises(Unsound, match=words):
        gate_of(given, {"accuracy": value}, CLASSES)


def test_a_gate_about_another_number_than_the_metrics_is_none() -> None:
    with pytest.raises(Unsound, match=r"not about its accuracy of 0\.5"):
        gate_of(document(), {"accuracy": 0.5}, CLASSES)
    with pytest.raises(Unsound, match="holds no accuracy"):
        gate_of(document(), {"rmse": 0.5}, CLASSES)


def test_a_setting_that_was_lost_on_the_way_to_the_trainer_deploys_nothing() -> None:
    """An older pipeline passes no min_accuracy, so that its trainer knows of no floor."""
    with pytest.raises(Unsound, match=r"its verdict is 'deploy', but .* say"):
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
    champion=st.dictionaries(st.sampled_from([*CHAMPION]), JSON),
)
def test_whatever_a_trainer_writes_is_a_gate_or_unsound(gate: Json, champion: Json) -> None:
    for written in (document(**gate), document(champion=CHAMPION | champion)):
        try:
            found = gate_of(written, {"accuracy": 0.97}, CLASSES)
        except Unsound:
            continue
        assert found.verdict in ("deploy", "keep_champion")
        assert from_json(Gate, json.loads(json.dumps(to_json(found), allow_nan=False))) == found


# --- What a run keeps of it ---------------------------------------------------------------------------


def test_what_a_run_keeps_is_bounded() -> None:
    found = judged(kept(value=0.5, reasons=["x" * 10_000] * 1000))
    assert len(found.reasons) == MOST
    assert max(map(len, found.reasons)) == LONGEST
    columns = [{"column": "c" * 10_000, "why": "w" * 10_000}] * 3000
    dropped = dropped_of({"dropped_columns": columns})
    assert len(dropped) == MOST
    assert (len(dropped[0].column), len(dropped[0].why)) == (256, LONGEST)


def test_columns_that_are_left_out_of_the_record_are_counted() -> None:
    columns = [{"column": f"c{number}", "why": "constant"} for number in range(25)]
    assert notes_of({"dropped_columns": columns, "notes": ["one", 7, "two"]}) == [
        "one",
        "two",
        "5 further columns were dropped; the report and metrics.json name them all.",
    ]
    assert notes_of({"dropped_columns": columns[:20]}) == []


@pytest.mark.parametrize("given", [None, "x", {}, 7, [None, 3, "x"]])
def test_lists_that_are_none_are_empty(given: Any) -> None:
    assert dropped_of({"dropped_columns": given}) == []


def test_a_sentence_is_one_line() -> None:
    assert brief("a\nb\t c ", 10) == "a b c"
    assert brief("abcdef", 4) == "abc…"
