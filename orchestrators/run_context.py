"""What the story of a run stands on: calling steps, waiting, stages, and being cancelled.

A `RunContext` is one generation of one orchestration. Everything it decides comes from the orchestration's
history: its clock is the context's, and it reads no setting but those in its input.
"""

import json
import logging
from collections.abc import Generator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

from durabletask import task

from runs.contracts import Failure, Gate, Json, RunRecord, RunRequest, Stage, Status, from_json, to_json

log = logging.getLogger("touchdown.run")

TRANSIENT = task.RetryPolicy(
    first_retry_interval=timedelta(seconds=2),
    max_number_of_attempts=6,
    backoff_coefficient=2,
    max_retry_interval=timedelta(seconds=30),
)
"""Six attempts within about a minute; longer than training.LISTING_LAG. A refusal is never retried."""
BRIEF = task.RetryPolicy(
    first_retry_interval=timedelta(seconds=1), max_number_of_attempts=3, backoff_coefficient=2
)
"""For what a run should not wait for."""
LASTING = task.RetryPolicy(
    first_retry_interval=timedelta(seconds=2),
    max_number_of_attempts=40,
    backoff_coefficient=2,
    max_retry_interval=timedelta(minutes=5),
)
"""About 2.7 hours: for what must not be left half done, once the default may have moved."""
BACK_OFF = 1.5

type Workflow[T] = Generator[task.Task[Any], Any, T]


class RunStoppedError(Exception):
    """The run ends early: a step refused, went on failing, or somebody cancelled."""

    def __init__(self, status: Literal["Failed", "Cancelled"], code: str, message: str) -> None:
        super().__init__(message)
        self.status: Literal["Failed", "Cancelled"] = status
        self.code = code


class Polled(Protocol):
    """What a step answers that is called until it is ready."""

    @property
    def done(self) -> bool: ...
    @property
    def operation_url(self) -> str: ...


@dataclass
class RunContext:
    """One generation of a run's orchestration, and the record that it writes as it goes."""

    ctx: task.OrchestrationContext
    request: RunRequest
    record: RunRecord
    cancelled: task.CancellableTask[Any]
    can_cancel: bool = True
    watch: tuple[float, float] = (2.0, 30.0)
    """Seconds: the first and the longest interval between two looks of `poll_until_ready`."""

    @classmethod
    def begin(cls, ctx: task.OrchestrationContext, request: RunRequest, record: RunRecord) -> "RunContext":
        return cls(ctx, request, record, ctx.wait_for_external_event("cancel"))

    @property
    def now(self) -> datetime:
        return self.ctx.current_utc_datetime.replace(tzinfo=UTC)

    def stamp(self) -> str:
        return self.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def enter(self, stage: str) -> None:
        """Begin a stage: what a person sees of the run from now on. Raises RunStoppedError when cancelled.

        A cancel is not heard before the first stage is over, since only that tells whether the run has ended
        before: an engine that runs a finished id again must not make a Cancelled run of it.
        """
        if self.record.stages:
            self.check_cancelled()
        stages = self.close_stage()
        self.note(stages=[*stages, Stage(stage, self.stamp())])
        if not self.ctx.is_replaying:
            log.info("run %s: %s", self.request.run_id, stage)

    def close_stage(self) -> list[Stage]:
        stages = list(self.record.stages)
        if stages and not stages[-1].ended:
            stages[-1] = replace(stages[-1], ended=self.stamp())
        return stages

    def note(self, **fields: Any) -> None:
        """Write down what has become known, and show it in the custom status."""
        self.record = replace(self.record, **fields)
        shown = self.record
        self.ctx.set_custom_status(
            {
                "stage": shown.stages[-1].name if shown.stages else "",
                "since": shown.stages[-1].started if shown.stages else shown.claimed_at,
                "dataset": shown.dataset[:200],
                "pipeline_run_id": shown.pipeline_run_id,
                "mlflow_run_id": shown.mlflow_run_id,
                "model": f"{shown.model_name}:{shown.model_version}" if shown.model_version else "",
                "endpoint": shown.endpoint,
                "deployment": shown.deployment,
                "settings": to_json(shown.settings) if shown.settings else None,
                "metrics": shown.metrics,
                "task": shown.task or (shown.settings.task if shown.settings else ""),
                "algorithm": shown.algorithm,
                "verdict": shown.verdict,
                "gate": shortened(shown.gate),
                "notes": [fitted(note, 200) for note in shown.notes[:5]],
                "report": shown.report,
                "approval": to_json(shown.approval) | {"by": fitted(shown.approval.by, 300), "comment": ""}
                if shown.approval
                else None,
                "stages": [to_json(stage) for stage in shown.stages],
                "can_cancel": self.can_cancel,
            }
        )

    def commit(self) -> None:
        """From here on a cancel comes too late: the default may have moved."""
        self.check_cancelled()
        self.can_cancel = False

    def check_cancelled(self) -> None:
        """Raises RunStoppedError when somebody has cancelled, and still may."""
        if self.can_cancel and self.cancelled.is_complete:
            raise RunStoppedError("Cancelled", "Cancelled", "the run was cancelled.")

    def call[T](
        self, step: str, given: Any, gives: type[T], retry: task.RetryPolicy = TRANSIENT
    ) -> Workflow[T]:
        """One step, retried while it fails for a reason that may pass. Raises RunStoppedError.

        It is never left alone for a cancel: an activity under way cannot be called back, and what it
        makes must be known to be taken back. The next stage or pause hears the cancel.
        """
        try:
            answer = yield self.ctx.call_activity(step, input=to_json(given), retry_policy=retry)
        except task.TaskFailedError as failed:
            self.check_cancelled()
            raise RunStoppedError(
                "Failed", "StepFailed", f"{step} went on failing: {reason(failed)}"
            ) from failed
        refused = (answer or {}).get("refused")
        if refused:
            raise RunStoppedError("Failed", refused["code"], refused["message"])
        return from_json(gives, answer)

    def poll_until_ready[T: Polled](
        self,
        step: str,
        order: Any,
        gives: type[T],
        limit: timedelta,
        retry: task.RetryPolicy = TRANSIENT,
    ) -> Workflow[T]:
        """Call a step until it is ready, less and less often. Raises RunStoppedError, also after `limit`."""
        first, cap = self.watch
        deadline = self.now + limit
        interval = first
        while True:
            state: T = yield from self.call(step, order, gives, retry)
            if state.done:
                return state
            order = replace(order, operation_url=state.operation_url)
            if self.now >= deadline:
                message = f"{step} was not done after {limit.total_seconds() / 60:.0f} minutes."
                raise RunStoppedError("Failed", "TimedOut", message)
            yield from self.pause(timedelta(seconds=interval))
            interval = min(interval * BACK_OFF, cap)

    def pause(self, span: timedelta) -> Workflow[None]:
        """Wait, unless somebody cancels. Raises RunStoppedError then."""
        timer = self.ctx.create_timer(span)
        if not self.can_cancel:
            yield timer
            return
        winner = yield task.when_any([timer, self.cancelled])
        if winner is not timer:
            timer.cancel()
        self.check_cancelled()

    def attempt(self, step: str, story: Workflow[Any]) -> Workflow[None]:
        """Go through `story`, a step whose failure the run survives: it becomes a warning in the record."""
        try:
            yield from story
        except RunStoppedError as stopped:
            if stopped.status == "Cancelled":
                raise
            self.warn(f"{step}: {stopped}")

    def warn(self, warning: str) -> None:
        self.record = replace(self.record, warnings=[*self.record.warnings, warning])

    def end(self, status: Status, stopped: RunStoppedError | None = None) -> None:
        """Close the record; from here on nothing is cancelled."""
        self.can_cancel = False
        stage = self.record.stages[-1].name if self.record.stages else ""
        if status == "Failed" and not self.ctx.is_replaying:
            log.error("run %s failed at %s: %s", self.request.run_id, stage, stopped)
        self.note(status=status, error=Failure(stage, stopped.code, str(stopped)) if stopped else None)


def shortened(gate: Gate | None) -> Json | None:
    """A gate for the custom status, which the host limits to 16 KB; the record has all of it."""
    if gate is None:
        return None
    champion = gate.champion
    if champion is not None:
        champion = replace(champion, model=fitted(champion.model, 300), error=fitted(champion.error, 400))
    return to_json(replace(gate, reasons=[fitted(each, 500) for each in gate.reasons[:3]], champion=champion))


def fitted(text: str, room: int) -> str:
    """`text`, cut to `room` characters of JSON, where one in another script takes six."""
    taken = 0
    for place, each in enumerate(text):
        taken += len(json.dumps(each)) - 2
        if taken > room:
            return f"{text[:place]}…"
    return text


def reason(failed: task.TaskFailedError) -> str:
    """The sentence of an activity's failure, with its type unless a step raised it itself.


    A host that cannot take the worker's text apart hands it on as it is.
    """
    kind, text = failed.details.error_type.rpartition(".")[2], failed.details.message.strip()
    if text.startswith("Result: Failure"):
        kind, _, text = text.partition("Exception: ")[2].partition(": ")
    sentence = text.strip().split("\n", 1)[0].removeprefix("TransientError: ")[:1000] or "no reason was given"
    return sentence if kind in ("", "TransientError", "(unknown)") else f"{kind}: {sentence}"
