"""The wait for a person's decision, and what becomes of the deployment."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from localcloud.functions.testing import Event

from runs.findings import ChampionComparison
from runs.record import Approval
from runs.steps import Cancellation, ProvisioningStatus
from tests.unit.rehearsed import (
    CANCEL,
    CHAMPION,
    COMPLETED,
    DEPLOYMENT,
    GATE,
    READY,
    RESULT,
    RUN,
    RUNNING,
    STEPS,
    UPLOAD,
    WAITS_SINCE,
    Step,
    always,
    asking,
    cleaned_up,
    decision,
    failing,
    good,
    in_turn,
    inputs,
    published,
    record,
    rehearse,
    seconds,
    with_settings,
)


def test_an_approved_run_promotes_and_says_who_approved() -> None:
    outcome = rehearse(asking(), [READY, decision(approved=True)])
    written = record(outcome)
    assert (written.status, written.outcome) == ("Succeeded", "promoted")
    assert written.approval == Approval(
        "approved", "somebody@example.com", "2026-01-01T02:00:00.000000Z", "seen", "key:0a1b"
    )
    names = [stage.name for stage in written.stages]
    assert names == [*STEPS[:9], "approve", *STEPS[9:]]
    assert written.stages[9].started == WAITS_SINCE
    assert seconds(written.stages[9].ended) == 7200
    assert outcome.names.index("promote") > max(
        place for place, name in enumerate(outcome.names) if name == "smoke_test"
    )
    assert cleaned_up(outcome) == []


def test_a_rejected_run_deletes_its_deployment_and_leaves_the_default() -> None:
    outcome = rehearse(asking(), [READY, decision(approved=False)])
    written = record(outcome)
    assert outcome.status is COMPLETED
    assert (written.status, written.outcome, written.error) == ("Succeeded", "rejected", None)
    assert written.approval is not None
    assert (written.approval.decision, written.approval.comment) == ("rejected", "seen")
    assert cleaned_up(outcome) == ["delete_deployment"]
    left = inputs(outcome, "delete_deployment")[0]
    assert (left["run_id"], left["etag"]) == (RUN, UPLOAD.etag)
    assert "promote" not in outcome.names
    assert published(outcome)[-1] == "RunSucceeded"
    assert (written.model_version, written.deployment) == ("7", DEPLOYMENT)


@pytest.mark.parametrize("timeout", [timedelta(seconds=1), timedelta(days=3), timedelta(days=7)])
def test_if_nobody_decides_in_time_the_deployment_is_deleted(timeout: timedelta) -> None:
    outcome = rehearse(asking(timeout), [READY])
    written = record(outcome)
    assert (written.status, written.outcome) == ("Succeeded", "approval_timed_out")
    waited = seconds(written.stages[9].ended) - seconds(written.stages[9].started)
    assert 0 <= waited - timeout.total_seconds() < 10
    assert written.approval is not None
    assert (written.approval.decision, written.approval.by) == ("timed_out", "")
    assert cleaned_up(outcome) == ["delete_deployment"]
    assert "promote" not in outcome.names


def test_a_run_that_waits_for_a_decision_can_be_cancelled() -> None:
    cancel = Event(CANCEL, {}, after=timedelta(hours=1))
    outcome = rehearse(asking(), [READY, cancel, decision(approved=True)])
    written = record(outcome)
    assert (written.status, written.outcome, written.approval) == ("Cancelled", "", None)
    assert written.error is not None
    assert written.error.stage == "approve"
    assert cleaned_up(outcome) == ["cancel_scoring", "delete_deployment"]
    assert seconds(written.ended_at) < 3700


def test_custom_status_says_that_a_run_waits_and_can_still_be_cancelled() -> None:
    outcome = rehearse(asking(), [READY], limit=timedelta(hours=1))
    assert outcome.status is RUNNING
    status = outcome.custom_status
    assert (status["stage"], status["since"], status["can_cancel"]) == ("approve", WAITS_SINCE, True)
    assert status["settings"]["approval_timeout"] == 3 * 86400
    assert status["gate"]["champion"]["value"] == 0.95


UNCOMPARED = ChampionComparison(
    CHAMPION.model, 0, None, None, 0.01, None, passed=True, error='it predicts "y", and this model "seen"'
)
WHY = f'the model was not compared with the champion {CHAMPION.model}: it predicts "y", and this model "seen"'


def uncompared(**settings: str) -> dict[str, Step]:
    """The steps of a run whose trainer could not compare the model with the champion."""
    gate = replace(GATE, champion=UNCOMPARED)
    inspected = with_settings(**settings)
    return good(inspect_dataset=inspected, read_training_result=always(replace(RESULT, gate=gate)))


def test_a_champion_that_could_not_be_compared_is_not_replaced_without_a_decision() -> None:
    """A column that was added and named as the label made any model win against the champion."""
    waiting = rehearse(uncompared(), [READY], limit=timedelta(hours=1))
    assert waiting.status is RUNNING
    assert "promote" not in waiting.names
    status = waiting.custom_status
    assert (status["stage"], status["approval_reason"]) == ("approve", WHY)
    assert status["settings"]["approval"] == "none"
    for approved, outcome in ((True, "promoted"), (False, "rejected")):
        written = record(rehearse(uncompared(), [READY, decision(approved=approved)]))
        assert (written.outcome, written.approval_reason) == (outcome, WHY)


def test_policy_may_let_a_model_replace_a_champion_without_comparing() -> None:
    written = record(rehearse(uncompared(uncompared_champion="replace"), [READY]))
    assert (written.outcome, written.approval_reason) == ("promoted", "")


def test_the_record_says_why_a_run_waits() -> None:
    written = record(rehearse(asking(), [READY, decision(approved=True)]))
    assert written.approval_reason == "the setting approval is required"


@pytest.mark.parametrize("approved", [True, False])
def test_a_cancel_after_the_decision_comes_too_late(approved: bool) -> None:
    cancel = Event(CANCEL, {}, after=timedelta(hours=2, seconds=1))
    slow = in_turn(ProvisioningStatus(False), ProvisioningStatus(False), ProvisioningStatus(True))
    outcome = rehearse(asking(delete_deployment=slow), [READY, decision(approved=approved), cancel])
    assert record(outcome).outcome == ("promoted" if approved else "rejected")


FORGED: list[Any] = [
    None,
    True,
    [],
    "approved",
    7,
    {},
    {
        "approved": True,
        "by": "ciso@example.com",
        "at": "2026-01-01T01:00:00.000000Z",
        "comment": "",
        "since": WAITS_SINCE,
    },
    {"decision": "approved", "by": "ciso@example.com", "at": "", "comment": "", "by_id": ""},
]


@pytest.mark.parametrize("data", FORGED, ids=lambda data: str(data)[:20])
def test_an_event_decides_nothing_whatever_is_in_it(data: Any) -> None:
    """Whoever has the key of the durable API can raise one, in any name."""
    forged = Event("decision", data, after=timedelta(hours=1))
    outcome = rehearse(asking(), [READY, forged, forged, decision(approved=False)])
    written = record(outcome)
    assert written.outcome == "rejected"
    assert 7200 <= seconds(written.stages[9].ended) < 7210
    outcome = rehearse(asking(), [READY, forged])
    assert record(outcome).outcome == "approval_timed_out"


def test_a_decision_from_before_the_wait_is_ignored() -> None:
    """Only someone who has seen the run wait knows since when, so nothing is approved unseen."""
    early = replace(decision(approved=True, since="2026-01-01T00:00:00.000Z"), after=timedelta())
    outcome = rehearse(asking(), [early, READY])
    assert record(outcome).outcome == "approval_timed_out"


def test_a_decision_whose_event_was_lost_counts_when_the_time_is_up() -> None:
    lost = replace(decision(approved=True), name="another")
    outcome = rehearse(asking(timedelta(hours=3)), [READY, lost])
    written = record(outcome)
    assert (written.outcome, written.approval and written.approval.decision) == ("promoted", "approved")


def test_a_cancel_that_nobody_has_asked_for_does_not_end_the_wait() -> None:
    forged = Event(CANCEL, {"by": "ciso@example.com"}, after=timedelta(hours=1))
    steps = asking(read_cancel=always(Cancellation()))
    outcome = rehearse(steps, [READY, forged, decision(approved=True)])
    assert (record(outcome).outcome, outcome.names.count("read_cancel")) == ("promoted", 1)


def test_the_promotion_is_told_which_decision_it_needs() -> None:
    outcome = rehearse(asking(), [READY, decision(approved=True)])
    assert {each["decided_since"] for each in inputs(outcome, "promote")} == {WAITS_SINCE}
    assert {each["decided_since"] for each in inputs(rehearse(), "promote")} == {""}


def test_the_first_of_two_decisions_counts() -> None:
    second = replace(decision(approved=False), after=timedelta(hours=2, seconds=1))
    outcome = rehearse(asking(), [READY, decision(approved=True), second])
    assert record(outcome).outcome == "promoted"


def test_a_deployment_that_cannot_be_deleted_becomes_a_warning_of_the_rejected_run() -> None:
    outcome = rehearse(asking(delete_deployment=failing("Conflict (409)")), [READY, decision(approved=False)])
    written = record(outcome)
    assert (written.status, written.outcome) == ("Succeeded", "rejected")
    assert len(written.warnings) == 1
