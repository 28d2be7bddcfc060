"""Cancelling, and cleaning up after a run that ends early."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from localcloud.functions.testing import Event

from runs.steps import ProvisioningStatus, SmokeTestStatus
from tests.unit.rehearsed import (
    CANCEL,
    CLEAN_UP,
    COMPLETED,
    PIPELINE_RUN,
    READY,
    RUN,
    RUNNING,
    STEPS,
    UPLOAD,
    always,
    cleaned_up,
    failing,
    good,
    in_turn,
    inputs,
    published,
    record,
    refusal,
    rehearse,
    rehearse_with_cancel,
    seconds,
)

# --- Cancelling ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", CLEAN_UP)
def test_a_cancel_during_a_step_cleans_up_what_the_run_has_started(step: str) -> None:
    outcome = rehearse_with_cancel(step)
    written = record(outcome)
    assert outcome.status is COMPLETED
    assert written.status == "Cancelled"
    assert written.error is not None
    assert written.error.code == "Cancelled"
    assert written.error.stage == ("wait" if step == "get_training_status" else step)
    assert cleaned_up(outcome) == CLEAN_UP[step]
    assert published(outcome) == ["RunStarted", "RunCancelled"]
    assert "promote" not in outcome.names
    assert outcome.names.index(step) < outcome.names.index("record_run")


@pytest.mark.parametrize("step", ["ensure_compute", "ensure_endpoint", "deploy_model", "smoke_test"])
def test_a_cancel_is_heard_before_the_next_poll_of_a_long_operation(step: str) -> None:
    slow = in_turn(
        SmokeTestStatus(False, "job-1") if step == "smoke_test" else ProvisioningStatus(False, "op")
    )
    outcome = rehearse(good(**{step: slow}), events=[READY, Event(CANCEL, {}, after=timedelta(minutes=5))])
    written = record(outcome)
    assert written.status == "Cancelled"
    assert cleaned_up(outcome) == CLEAN_UP[step]
    stopped = [call.after for call in outcome.calls if call.name == step][-1]
    assert stopped <= timedelta(minutes=5)
    assert seconds(written.ended_at) < timedelta(minutes=6).total_seconds()


def test_a_cancel_before_the_first_step_ends_the_run_before_anything_is_started() -> None:
    outcome = rehearse(events=[Event(CANCEL, {})])
    assert record(outcome).status == "Cancelled"
    assert "start_training" not in outcome.names
    assert cleaned_up(outcome) == []


def test_a_cancel_during_the_wait_stops_the_pipeline_run_at_once() -> None:
    outcome = rehearse(events=[Event(CANCEL, {}, after=timedelta(seconds=50)), READY])
    (first, *_) = inputs(outcome, "cancel_training")
    assert (first["run_id"], first["pipeline_run_id"]) == (RUN, PIPELINE_RUN)
    assert next(c.after for c in outcome.calls if c.name == "cancel_training") == timedelta(seconds=50)
    assert record(outcome).status == "Cancelled"


def test_the_clean_up_names_the_run_and_its_version() -> None:
    outcome = rehearse_with_cancel("smoke_test")
    for step in ("cancel_scoring", "delete_deployment"):
        left = inputs(outcome, step)[0]
        assert (left["run_id"], left["etag"]) == (RUN, UPLOAD.etag)


def test_the_clean_up_is_polled_until_it_is_done() -> None:
    outcome = rehearse_with_cancel("smoke_test")
    assert outcome.names.count("cancel_scoring") == outcome.names.count("delete_deployment") == 2
    assert outcome.names.index("delete_deployment") > outcome.names.index("cancel_scoring") + 1


@pytest.mark.parametrize("step", ["promote", "prune_deployments"])
def test_a_cancel_from_promote_on_comes_too_late(step: str) -> None:
    outcome = rehearse_with_cancel(step)
    assert record(outcome).status == "Succeeded"
    assert cleaned_up(outcome) == []
    assert published(outcome)[-1] == "RunSucceeded"


def test_custom_status_says_until_when_a_run_can_be_cancelled() -> None:
    outcome = rehearse()
    can = {status["stage"]: status["can_cancel"] for status in outcome.statuses}
    assert [stage for stage in STEPS if not can[stage]] == ["promote", "record_run"]


def test_a_run_can_no_longer_be_cancelled_during_its_clean_up() -> None:
    slow = always(ProvisioningStatus(False, PIPELINE_RUN))
    outcome = rehearse(
        good(cancel_training=slow),
        events=[Event(CANCEL, after=timedelta(minutes=1))],
        limit=timedelta(minutes=5),
    )
    assert outcome.status is RUNNING
    assert outcome.custom_status["stage"] == "wait"
    assert outcome.custom_status["can_cancel"] is False


def test_a_second_cancel_is_harmless() -> None:
    cancel = Event(CANCEL, {}, after=timedelta(seconds=50))
    outcome = rehearse(events=[cancel, cancel, replace(cancel, after=timedelta(seconds=51))])
    assert record(outcome).status == "Cancelled"
    assert published(outcome) == ["RunStarted", "RunCancelled"]


def test_a_cancel_during_the_retries_of_a_failing_step_is_a_cancel_and_no_failure() -> None:
    outcome = rehearse_with_cancel("register_model", good(register_model=failing()), call=2)
    assert record(outcome).status == "Cancelled"


# --- Clean-up that fails ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "warning"),
    [
        (failing("Forbidden (403)"), "delete_deployment kept failing: Forbidden (403)"),
        (in_turn(refusal("Forbidden", "not allowed.")), "not allowed."),
        (always(ProvisioningStatus(False)), "delete_deployment was not done after 15 minutes."),
    ],
    ids=["fault", "refusal", "never done"],
)
def test_a_failed_clean_up_becomes_a_warning_beside_the_first_error(step: Any, warning: str) -> None:
    failed = in_turn(refusal("SmokeTestFailed", "no predictions."))
    outcome = rehearse(good(smoke_test=failed, delete_deployment=step))
    written = record(outcome)
    assert written.error is not None
    assert written.error.code == "SmokeTestFailed"
    assert len(written.warnings) == 1
    assert warning in written.warnings[0]


def test_the_clean_up_continues_after_one_of_its_steps_has_failed() -> None:
    outcome = rehearse_with_cancel("smoke_test", good(cancel_scoring=failing()))
    assert cleaned_up(outcome) == ["cancel_scoring", "delete_deployment"]
    assert len(record(outcome).warnings) == 1
