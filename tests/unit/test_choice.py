"""What a run keeps of the choice in metrics.json, whatever stands there."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runs.choice import read_choice
from runs.contracts import Json, from_json, to_json
from runs.findings import Choice
from runs.verdict import MAX_ENTRIES, MAX_NAME, MAX_SENTENCE
from tests.unit.rehearsed import CHOICE

STATED: Json = to_json(CHOICE)
CANDIDATE: Json = STATED["candidates"][1]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def read(stated: Any, algorithm: Any = "blend") -> Choice | None:
    return read_choice({"algorithm": algorithm, "choice": stated})


def with_candidate(**changes: Any) -> Choice:
    """The choice when the second of its candidates is changed."""
    first, second, last = STATED["candidates"]
    found = read(STATED | {"candidates": [first, second | changes, last]})
    assert found is not None
    return found


def test_what_the_trainer_states_is_kept() -> None:
    assert read(STATED) == CHOICE


@pytest.mark.parametrize("stated", [None, [], "blend", 3, {}, True, [STATED]], ids=str)
def test_what_is_no_choice_is_none(stated: Any) -> None:
    assert read(stated) is None
    assert read_choice({}) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"metric": ""},
        {"metric": 7},
        {"rows": -1},
        {"rows": 1.5},
        {"rows": "120"},
        {"folds": None},
        {"selected": "boosting"},
        {"selected": None},
        {"candidates": None},
        {"candidates": {}},
        {"candidates": [CANDIDATE]},
    ],
    ids=str,
)
def test_a_choice_that_its_parts_do_not_bear_out_is_none(changes: Json) -> None:
    assert read(STATED | changes) is None


def test_a_choice_of_another_model_is_none() -> None:
    assert read(STATED, algorithm="boosting") is None
    assert read(STATED, algorithm=None) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": ["boosting"]},
        {"score": "0.1"},
        {"score": float("nan")},
        {"score": float("inf")},
        {"score": True},
        {"seconds": -0.1},
        {"seconds": None},
        {"seconds": 10**400},
        {"weight": 1.01},
        {"weight": -0.5},
        {"weight": None},
        {"rows": -3},
        {"rows": "many"},
    ],
    ids=str,
)
def test_a_candidate_with_a_value_that_cannot_be_one_is_left_out(changes: Json) -> None:
    first, _, last = CHOICE.candidates
    assert with_candidate(**changes).candidates == [first, last]


def test_a_candidate_that_was_not_compared_has_no_score() -> None:
    assert with_candidate(score=None).candidates[1].score is None


def test_what_a_run_keeps_of_a_choice_is_short_and_printable() -> None:
    long = CANDIDATE | {"name": "\x1b[31m" + "n" * 10_000, "settings": "s\n" * 10_000}
    found = read(STATED | {"candidates": [STATED["candidates"][2], *[long] * 3000], "metric": "m" * 10_000})
    assert found is not None
    assert len(found.candidates) == MAX_ENTRIES
    assert len(found.metric) == MAX_NAME
    assert len(found.candidates[1].name) == MAX_NAME
    assert found.candidates[1].name.startswith(r"\x1b[31mnnn")
    assert len(found.candidates[1].settings) <= MAX_SENTENCE
    assert "\n" not in found.candidates[1].settings


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from(list(STATED)), ANYTHING),
    st.dictionaries(st.sampled_from(list(CANDIDATE)), ANYTHING),
)
def test_whatever_a_trainer_writes_is_a_choice_or_none(choice: Json, candidate: Json) -> None:
    candidates = [*STATED["candidates"], CANDIDATE | candidate]
    found = read(STATED | {"candidates": candidates} | choice)
    if found is not None:
        assert from_json(Choice, json.loads(json.dumps(to_json(found), allow_nan=False))) == found
