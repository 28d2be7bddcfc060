"""The context of a run: it calls steps, polls operations, waits, and words failures."""

import logging
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import durabletask.internal.orchestrator_service_pb2 as pb
import pytest
from durabletask import task
from durabletask.client import OrchestrationStatus
from localcloud.functions.testing import Event, Outcome, run_orchestrator

from orchestrators.run_context import RunContext, RunStoppedError, Workflow, failure_message
from orchestrators.stages import Stage
from runs.errors import TransientError
from runs.record import claimed
from runs.steps import Cancellation, CleanUp, Done, ProvisioningStatus
from tests.unit.rehearsed import (
    CANCELLED,
    REQUEST,
    RUN,
    UPLOAD,
    Step,
    always,
    attempts,
    failing,
    in_turn,
    inputs,
    refusal,
    rehearse,
)

LEFT = CleanUp(RUN, UPLOAD.etag)


def orchestrated(
    workflow: Callable[[RunContext], Workflow[Any]], steps: dict[str, Step], events: tuple[Event, ...] = ()
) -> Outcome:
    """Run `workflow` as an orchestration; its output is the workflow's result, or what stopped it."""

    def orchestration(ctx: task.OrchestrationContext, _: Any) -> Workflow[Any]:
        run = RunContext.begin(ctx, REQUEST, claimed(REQUEST))
        run.enter(Stage.INSPECT_DATASET)
        try:
            return (yield from workflow(run))
        except RunStoppedError as stopped:
            return {"stopped": [stopped.status, stopped.code, str(stopped)], "warnings": run.record.warnings}

    read_cancel = always(Cancellation(CANCELLED))
    return run_orchestrator(orchestration, None, {"read_cancel": read_cancel} | steps, events=events)


def polled(limit: timedelta) -> Callable[[RunContext], Workflow[Any]]:
    def workflow(run: RunContext) -> Workflow[Any]:
        state = yield from run.poll_until_ready("step", LEFT, ProvisioningStatus, limit)
        return state.operation_url

    return workflow


def test_polling_intervals_grow_up_to_the_cap() -> None:
    steps = {"step": in_turn(*[ProvisioningStatus(False, "op")] * 12, ProvisioningStatus(True, "op"))}
    outcome = orchestrated(polled(timedelta(hours=1)), steps)
    assert outcome.output == "op"
    pauses = [later - earlier for earlier, later in pairwise(attempts(outcome, "step"))]
    assert pauses[:4] == [2, 3, 4.5, 6.75]
    assert pauses[-4:] == [30] * 4


def test_an_operation_that_is_done_at_the_first_poll_is_not_waited_for() -> None:
    outcome = orchestrated(polled(timedelta(hours=1)), {"step": always(ProvisioningStatus(True, "op"))})
    assert (outcome.names, outcome.elapsed) == (["step"], timedelta())


def test_every_poll_is_given_the_operation_url_of_the_one_before() -> None:
    statuses = in_turn(
        ProvisioningStatus(False, "a"), ProvisioningStatus(False, "b"), ProvisioningStatus(True, "c")
    )
    outcome = orchestrated(polled(timedelta(hours=1)), {"step": statuses})
    assert [each["operation_url"] for each in inputs(outcome, "step")] == ["", "a", "b"]


def test_an_operation_is_polled_once_more_when_its_time_is_up() -> None:
    outcome = orchestrated(polled(timedelta(seconds=5)), {"step": always(ProvisioningStatus(False))})
    assert attempts(outcome, "step") == [0, 2, 5]
    assert outcome.output["stopped"][1] == "TimedOut"


def test_a_step_is_called_again_with_back_off_while_it_raises() -> None:
    def workflow(run: RunContext) -> Workflow[Any]:
        yield from run.call("step", LEFT, Done)
        return "done"

    outcome = orchestrated(workflow, {"step": in_turn(*[TransientError("busy")] * 4, Done())})
    assert outcome.output == "done"
    assert attempts(outcome, "step") == [0, 2, 6, 14, 30]


def test_a_refusal_is_final_and_keeps_its_code_and_message() -> None:
    def workflow(run: RunContext) -> Workflow[Any]:
        yield from run.call("step", LEFT, Done)

    outcome = orchestrated(workflow, {"step": in_turn(refusal("LabelMissing", "no such column."))})
    assert outcome.names == ["step"]
    assert outcome.output["stopped"] == ["Failed", "LabelMissing", "no such column."]


def test_an_attempt_turns_a_failure_into_a_warning_and_goes_on() -> None:
    def workflow(run: RunContext) -> Workflow[Any]:
        yield from run.attempt("first", run.call("first", LEFT, Done))
        yield from run.attempt("second", run.call("second", LEFT, Done))
        return run.record.warnings

    steps = {"first": in_turn(refusal("Forbidden", "not you.")), "second": failing("busy")}
    assert orchestrated(workflow, steps).output == ["first: not you.", "second: second kept failing: busy"]


def test_a_cancel_passes_through_an_attempt() -> None:
    def workflow(run: RunContext) -> Workflow[Any]:
        yield from run.attempt("nap", run.pause(timedelta(hours=1)))

    outcome = orchestrated(workflow, {}, (Event("cancel", after=timedelta(minutes=1)),))
    assert outcome.output == {
        "stopped": ["Cancelled", "Cancelled", "the run was cancelled by somebody@example.com."],
        "warnings": [],
    }


def test_a_pause_without_a_cancel_takes_its_time() -> None:
    def workflow(run: RunContext) -> Workflow[Any]:
        yield from run.pause(timedelta(hours=5))
        return run.timestamp()

    assert orchestrated(workflow, {}).output == "2026-01-01T05:00:00.000Z"


@pytest.mark.parametrize("times", [1, 5])
def test_an_event_that_nobody_stands_behind_ends_neither_a_pause_nor_a_step(times: int) -> None:
    def workflow(run: RunContext) -> Workflow[Any]:
        yield from run.pause(timedelta(hours=5))
        yield from run.call("step", LEFT, Done)
        run.commit()
        return run.timestamp()

    forged = Event("cancel", {"by": "ciso@example.com"}, after=timedelta(hours=1))
    steps = {"step": always(Done()), "read_cancel": always(Cancellation())}
    outcome = orchestrated(workflow, steps, (forged,) * times)
    assert outcome.output == "2026-01-01T05:00:00.000Z"
    assert outcome.names.count("read_cancel") <= times


def test_a_cancel_behind_a_forged_one_is_heard() -> None:
    def workflow(run: RunContext) -> Workflow[Any]:
        yield from run.pause(timedelta(hours=5))

    asked = in_turn(Cancellation(), Cancellation(CANCELLED))
    events = tuple(Event("cancel", after=timedelta(hours=hour)) for hour in (1, 2))
    outcome = orchestrated(workflow, {"read_cancel": asked}, events)
    assert outcome.output["stopped"][0] == "Cancelled"
    assert [each.after for each in outcome.calls] == [timedelta(hours=1), timedelta(hours=2)]


def test_after_the_commit_a_cancel_is_not_heard_in_pauses_steps_and_stages() -> None:
    def workflow(run: RunContext) -> Workflow[Any]:
        run.commit()
        yield from run.pause(timedelta(hours=1))
        run.enter(Stage.START_TRAINING)
        yield from run.call("step", LEFT, Done)
        yield from run.pause(timedelta(hours=1))
        return run.timestamp()

    cancel = Event("cancel", after=timedelta(minutes=1))
    assert orchestrated(workflow, {"step": always(Done())}, (cancel,)).output == "2026-01-01T02:00:00.000Z"


def test_a_cancel_that_came_before_the_commit_is_heard_at_the_commit() -> None:
    def workflow(run: RunContext) -> Workflow[Any]:
        yield from run.call("step", LEFT, Done)
        run.commit()

    outcome = orchestrated(workflow, {"step": always(Done())}, (Event("cancel"),))
    assert outcome.output["stopped"][0] == "Cancelled"


def test_every_stage_is_logged_once_although_every_turn_replays_the_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, logger="touchdown.run"):
        outcome = rehearse()
    lines = [entry.getMessage() for entry in caplog.records if entry.name == "touchdown.run"]
    assert outcome.status is OrchestrationStatus.COMPLETED
    assert lines[:2] == [f"run {RUN}: inspect_dataset", f"run {RUN}: start_training"]
    assert len(lines) == len(set(lines)) == 11


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("TransientError", "ServerBusy (503): later", "ServerBusy (503): later"),
        ("runs.errors.TransientError", "ServerBusy (503): later", "ServerBusy (503): later"),
        ("(unknown)", "TransientError: busy", "busy"),
        ("(unknown)", "Result: Failure\nException: TransientError: busy\nStack:   File x", "busy"),
        ("(unknown)", "Result: Failure\nException: KeyError: 'metrics'\nStack: …", "KeyError: 'metrics'"),
        (
            "System.Exception",
            "Result: Failure\nException: ValueError: no: really\n",
            "ValueError: no: really",
        ),
        ("KeyError", "'metrics'", "KeyError: 'metrics'"),
        ("builtins.ValueError", "first line\nsecond line", "ValueError: first line"),
        (
            "Microsoft.Azure.WebJobs.Host.FunctionTimeoutException",
            "Timeout value of 00:10:00 was exceeded by function: Functions.promote",
            "FunctionTimeoutException: Timeout value of 00:10:00 was exceeded by function: Functions.promote",
        ),
        (
            "TransientError",
            "job j: RuntimeException: out of memory",
            "job j: RuntimeException: out of memory",
        ),
        ("TransientError", "", "no reason was given"),
        ("TransientError", "  \n ", "no reason was given"),
        ("ValueError", "", "ValueError: no reason was given"),
        ("", "", "no reason was given"),
        ("TransientError", "x" * 5000, "x" * 1000),
    ],
)
def test_the_message_of_a_failure_is_found_however_the_host_wraps_it(
    kind: str, text: str, message: str
) -> None:
    details = pb.TaskFailureDetails(errorType=kind, errorMessage=text)
    assert failure_message(task.TaskFailedError("Activity task #3 failed", details)) == message


@pytest.mark.parametrize("stage", [Stage.WAIT, Stage.INSPECT_DATASET, Stage.PROMOTE])
def test_a_stage_that_may_not_follow_is_an_error_of_the_orchestrator(stage: Stage) -> None:
    def workflow(run: RunContext) -> Workflow[Any]:
        yield from run.pause(timedelta(seconds=1))
        run.enter(stage)

    outcome = orchestrated(workflow, {})
    assert outcome.failure is not None
    assert outcome.failure.message == f"stage {stage} may not follow inspect_dataset"


def test_a_run_that_has_failed_can_only_be_recorded() -> None:
    def workflow(run: RunContext) -> Workflow[Any]:
        yield from run.pause(timedelta(seconds=1))
        run.end("Failed", RunStoppedError("Failed", "C", "why."))
        with pytest.raises(LookupError):
            run.enter(Stage.START_TRAINING)
        run.enter(Stage.RECORD_RUN)
        return [stage.name for stage in run.record.stages]

    assert orchestrated(workflow, {}).output == ["inspect_dataset", "record_run"]
