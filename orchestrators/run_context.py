"""The context in which a run's orchestration works: its steps, stages, status, and whether it was cancelled.

A `RunContext` belongs to one generation of one orchestration. Everything that it decides comes from the
orchestration's history: its clock is that of the orchestration, and the settings by which it decides (how
long it waits, whether it asks for approval) are those that inspect_dataset or resume_run has returned, which
have written or read them in storage. A step is never told a setting: it reads them there itself.
"""

import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

from durabletask import task

from orchestrators.custom_status import custom_status
from orchestrators.stages import RULES, Stage, may_follow
from runs.contracts import Polling, RunRequest, Upload, from_json, to_json
from runs.record import Cancel, Failure, RunRecord, StageTimes, Status
from runs.steps import CancelInput, Cancellation, Done, LifecycleEvent

log = logging.getLogger("touchdown.run")

TRANSIENT = task.RetryPolicy(
    first_retry_interval=timedelta(seconds=2),
    max_number_of_attempts=6,
    backoff_coefficient=2,
    max_retry_interval=timedelta(seconds=30),
)
"""Six attempts within about a minute, which is longer than training.LISTING_LAG. Refusals are not retried."""
BRIEF = task.RetryPolicy(
    first_retry_interval=timedelta(seconds=1), max_number_of_attempts=3, backoff_coefficient=2
)
"""For a call that should not hold up the run."""
LASTING = task.RetryPolicy(
    first_retry_interval=timedelta(seconds=2),
    max_number_of_attempts=40,
    backoff_coefficient=2,
    max_retry_interval=timedelta(minutes=5),
)
"""Forty attempts within about 2.7 hours: for what must not stay half done once the default may have moved."""
BACK_OFF = 1.5
"""The factor by which a polling interval grows after each poll."""
DEFAULT_POLLING = Polling(run_first=30, run_cap=300, operation_first=2, operation_cap=30)
LONGEST_REASON = 1000
"""Characters of a failed activity's message that a run keeps."""

type Workflow[T] = Generator[task.Task[Any], Any, T]


class RunStoppedError(Exception):
    """The run ends early: a step refused or kept failing, or someone cancelled the run."""

    def __init__(self, status: Literal["Failed", "Cancelled"], code: str, message: str) -> None:
        super().__init__(message)
        self.status: Literal["Failed", "Cancelled"] = status
        self.code = code


class PollResult(Protocol):
    """The result of a step that is polled until it is done."""

    @property
    def done(self) -> bool: ...
    @property
    def operation_url(self) -> str: ...


@dataclass
class RunContext:
    """One generation of a run's orchestration, and the record that it fills in.

    cancel_raised: completes when an event `cancel` comes. cancel: who has cancelled the run; None as long as
    storage names nobody. committed: from now on a cancel is ignored, whatever
    the stage. polling: the intervals; DEFAULT_POLLING until inspect_dataset has read the app's settings.
    waiting_for: what the current stage waits for, in words for people; "" if it does not say.
    """

    ctx: task.OrchestrationContext
    request: RunRequest
    record: RunRecord
    cancel_raised: task.CancellableTask[Any]
    cancel: Cancel | None = None
    committed: bool = False
    polling: Polling = DEFAULT_POLLING
    waiting_for: str = ""

    @classmethod
    def begin(cls, ctx: task.OrchestrationContext, request: RunRequest, record: RunRecord) -> "RunContext":
        return cls(ctx, request, record, ctx.wait_for_external_event("cancel"))

    @property
    def version(self) -> tuple[str, str]:
        """Which run this is, and which version of its dataset it goes on with, as each step is told."""
        return self.request.run_id, self.request.upload.etag

    # --- Time and stages ---

    @property
    def now(self) -> datetime:
        return self.ctx.current_utc_datetime.replace(tzinfo=UTC)

    def timestamp(self) -> str:
        return self.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @property
    def stage(self) -> Stage | None:
        """The stage that the run is in; None before the first."""
        return Stage(self.record.stages[-1].name) if self.record.stages else None

    def enter(self, stage: Stage) -> None:
        """Close the current stage and begin `stage`.

        Raises RunStoppedError if the run was cancelled in the current stage, and LookupError if `stage` may
        not follow it.
        """
        self.check_cancelled()
        ended = self.record.status in ("Failed", "Cancelled")
        if not may_follow(self.stage, stage, ended=ended):
            raise LookupError(f"stage {stage} may not follow {self.stage}")
        self.close_stage()
        self.waiting_for = ""
        self.update(stages=[*self.record.stages, StageTimes(stage.value, self.timestamp())])
        if not self.ctx.is_replaying:
            log.info("run %s: %s", self.request.run_id, stage)

    def close_stage(self) -> None:
        stages = self.record.stages
        if stages:
            closed = replace(stages[-1], ended=self.timestamp())
            self.record = replace(self.record, stages=[*stages[:-1], closed])

    # --- Record and custom status ---

    def update(self, **fields: Any) -> None:
        """Set fields of the record, and update the custom status."""
        self.record = replace(self.record, **fields)
        self.update_custom_status()

    def go_on_with(self, upload: Upload) -> None:
        """Make `upload` the version of the dataset that this run is about, in its later generations too."""
        self.request = replace(self.request, upload=upload)
        self.update(upload=upload)

    def update_custom_status(self) -> None:
        self.ctx.set_custom_status(custom_status(self.record, self.can_cancel, self.waiting_for))

    def wait_for(self, what: str) -> None:
        """Say in the custom status what the current stage waits for."""
        self.waiting_for = what
        self.update_custom_status()

    def warn(self, warning: str) -> None:
        self.record = replace(self.record, warnings=[*self.record.warnings, warning])

    def end(self, status: Status, stopped: RunStoppedError | None = None) -> None:
        """Set the final status; from now on a cancel is ignored."""
        self.committed = True
        stage = self.stage or ""
        if status == "Failed" and not self.ctx.is_replaying:
            log.error("run %s failed at %s: %s", self.request.run_id, stage, stopped)
        self.update(status=status, error=Failure(str(stage), stopped.code, str(stopped)) if stopped else None)

    # --- Cancelling ---

    @property
    def can_cancel(self) -> bool:
        """Whether a cancel would still take effect; see the table in orchestrators.stages."""
        return not self.committed and (self.stage is None or RULES[self.stage].can_cancel)

    def hear(self) -> Workflow[None]:
        """If an event `cancel` has come, read in storage who has cancelled the run: anyone can raise one.

        To be called after each yield in a stage that can be cancelled.
        """
        if self.cancel is not None or not self.can_cancel or not self.cancel_raised.is_complete:
            return
        while self.cancel_raised.is_complete:
            self.cancel_raised = self.ctx.wait_for_external_event("cancel")
        asked = CancelInput(self.request.run_id)
        try:
            found = yield from self._result("read_cancel", asked, Cancellation, TRANSIENT)
        except task.TaskFailedError as failed:
            raise kept_failing("read_cancel", failed) from failed
        self.cancel = found.cancel

    def commit(self) -> None:
        """Ignore cancels from now on. Raises RunStoppedError if the run was cancelled before."""
        self.check_cancelled()
        self.committed = True

    def check_cancelled(self) -> None:
        """Raises RunStoppedError if someone has cancelled the run and it can still be cancelled."""
        if self.stage is not None and self.can_cancel and self.cancel is not None:
            raise RunStoppedError("Cancelled", "Cancelled", f"the run was cancelled by {self.cancel.by}.")

    # --- Steps ---

    def call[T](
        self, step: str, step_input: Any, result_type: type[T], retry: task.RetryPolicy = TRANSIENT
    ) -> Workflow[T]:
        """Call an activity, and again while it fails for a reason that may pass. Raises RunStoppedError.

        A cancel does not interrupt it: an activity in progress cannot be stopped, and what it creates must be
        known to be cleaned up. The cancel takes effect at the end of the stage or in the next pause.
        """
        try:
            result = yield from self._result(step, step_input, result_type, retry)
        except task.TaskFailedError as failed:
            yield from self.hear()
            self.check_cancelled()
            raise kept_failing(step, failed) from failed
        yield from self.hear()
        return result

    def _result[T](
        self, step: str, step_input: Any, result_type: type[T], retry: task.RetryPolicy
    ) -> Workflow[T]:
        """The result of an activity. Raises RunStoppedError if it refuses, and TaskFailedError."""
        result = yield self.ctx.call_activity(step, input=to_json(step_input), retry_policy=retry)
        refused = (result or {}).get("refused")
        if refused:
            raise RunStoppedError("Failed", refused["code"], refused["message"])
        return from_json(result_type, result)

    def poll_until_ready[T: PollResult](
        self,
        step: str,
        step_input: Any,
        result_type: type[T],
        limit: timedelta,
        retry: task.RetryPolicy = TRANSIENT,
        on_poll: Callable[[T], None] | None = None,
    ) -> Workflow[T]:
        """Call an activity until it is done, at growing intervals.

        step_input is a contract with an operation_url: each call gets the one that the call before returned.
        on_poll: is given each result.
        Raises RunStoppedError, also when the activity is not done after `limit`; the last call comes at the
        limit or after it.
        """
        deadline = self.now + limit
        interval = self.polling.operation_first
        while True:
            result: T = yield from self.call(step, step_input, result_type, retry)
            if on_poll is not None:
                on_poll(result)
            if result.done:
                return result
            step_input = replace(step_input, operation_url=result.operation_url)
            if self.now >= deadline:
                message = f"{step} was not done after {limit.total_seconds() / 60:.0f} minutes."
                message += f" It was waiting: {self.waiting_for}" if self.waiting_for else ""
                raise RunStoppedError("Failed", "TimedOut", message)
            yield from self.pause(timedelta(seconds=interval))
            interval = min(interval * BACK_OFF, self.polling.operation_cap)

    def pause(self, duration: timedelta) -> Workflow[None]:
        """Wait. Raises RunStoppedError at once if someone cancels a run that can be cancelled."""
        timer = self.ctx.create_timer(duration)
        if not self.can_cancel:
            yield timer
            return
        while not timer.is_complete:
            yield task.when_any([timer, self.cancel_raised])
            yield from self.hear()
            if self.cancel is not None:
                timer.cancel()
            self.check_cancelled()

    def attempt(self, step: str, workflow: Workflow[Any]) -> Workflow[None]:
        """Run `workflow`. If it fails, the run continues, and its record gets a warning."""
        try:
            yield from workflow
        except RunStoppedError as stopped:
            if stopped.status == "Cancelled":
                raise
            self.warn(f"{step}: {stopped}")

    def publish_lifecycle_event(self, kind: str, retry: task.RetryPolicy = TRANSIENT) -> Workflow[None]:
        """Publish a lifecycle event. If the topic cannot be reached, the run continues with a warning."""
        event = lifecycle_event(kind, self.record)
        yield from self.attempt("publish_event", self.call("publish_event", event, Done, retry))


def kept_failing(step: str, failed: task.TaskFailedError) -> RunStoppedError:
    return RunStoppedError("Failed", "StepFailed", f"{step} kept failing: {failure_message(failed)}")


def lifecycle_event(kind: str, record: RunRecord) -> LifecycleEvent:
    """An event of this kind about a run; docs/runs.md describes its data."""
    data = {
        "dataset": record.dataset,
        "etag": record.upload.etag,
        "status": record.status,
        "outcome": record.outcome,
        "superseded_by": record.superseded_by,
        "model": record.model_name,
        "version": record.model_version,
        "endpoint": record.endpoint,
        "deployment": record.deployment,
        "verdict": record.verdict,
        "metrics": record.metrics,
        "error": to_json(record.error) if record.error else None,
    }
    return LifecycleEvent(kind, record.run_id, data)


def failure_message(failed: task.TaskFailedError) -> str:
    """The first line of a failed activity's message, after the error's type unless that is TransientError.

    A host that cannot parse the worker's message passes it on whole, as "Result: Failure\\nException: …".
    """
    kind, text = failed.details.error_type.rpartition(".")[2], failed.details.message.strip()
    if text.startswith("Result: Failure"):
        kind, _, text = text.partition("Exception: ")[2].partition(": ")
    line = text.strip().split("\n", 1)[0].removeprefix("TransientError: ")[:LONGEST_REASON]
    line = line or "no reason was given"
    return line if kind in ("", "TransientError", "(unknown)") else f"{kind}: {line}"
