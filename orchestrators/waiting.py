"""The wait for the model: for the event of its MLmodel file, while the pipeline run is polled too.

An event can be lost, and a pipeline run can fail without one. So the run polls Data Factory, less and less
often, and whichever comes first decides.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from durabletask import task

from orchestrators.run_context import BACK_OFF, LASTING, RunContext, RunStoppedError, Workflow
from runs import naming
from runs.contracts import RunRequest, to_json
from runs.steps import Done, Progress, Training, TrainingStatus, Wait

DATASET_CHANGED = 3
"""The exit code of a trainer that found another ETag than the given one; see trainer/refusals.py."""
POLLS_PER_GENERATION = 50
"""Polls of a pipeline run before the orchestration continues as new, which keeps its history short."""


@dataclass(frozen=True)
class Generation:
    """The input of one generation of a run's orchestration. is_first: False if it continues an earlier one.

    Anyone who has the key of the durable API can start an orchestration with any input. So it says no more
    than which run this is; the claim, the settings and the progress of that run are read in storage.
    """

    request: RunRequest
    is_first: bool = True


class DatasetChangedError(RunStoppedError):
    """The training found the dataset changed since it was inspected, and ended before it had read it."""


def wait_for_model(run: RunContext, wait: Wait, model_ready: "ModelReady") -> Workflow[str | None]:
    """The path of the run's MLmodel; None if the orchestration continues as a new generation.

    Raises DatasetChangedError, or RunStoppedError: TrainingFailed, TrainingCancelled, TrainingTimedOut,
    NoModel, or Cancelled.
    """
    training = Training(run.request.run_id, run.record.pipeline_run_id)
    for _ in range(POLLS_PER_GENERATION):
        path = yield from wait_for_event(run, model_ready, wait)
        if path:
            return path
        status = yield from run.call("get_training_status", training, TrainingStatus)
        path = model_path(training, status)
        if path:
            return path
        if run.now >= datetime.fromisoformat(wait.deadline):
            raise timed_out(training, status, wait.dataset.settings.training_timeout)
        wait = replace(wait, interval=min(wait.interval * BACK_OFF, wait.dataset.polling.run_cap))
    yield from run.call("keep_progress", Progress(run.record, wait), Done, LASTING)
    # The event may have come during the last poll.
    path = model_ready.path()
    if path:
        return path
    run.check_cancelled()
    run.ctx.continue_as_new(to_json(Generation(run.request, is_first=False)), save_events=True)
    return None


class ModelReady:
    """The events `model_ready` of a run. Anyone can raise one, so only those about the run's model count."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self.task = run.ctx.wait_for_external_event("model_ready")

    def path(self) -> str:
        """The path in an event that has come, or "". Events about anything else are dropped."""
        while self.task.is_complete:
            event = self.task.get_result()
            path = event.get("path") if isinstance(event, dict) else None
            if isinstance(path, str) and naming.run_of_model(path) == self._run.request.run_id:
                return path
            self.task = self._run.ctx.wait_for_external_event("model_ready")
        return ""


def wait_for_event(run: RunContext, model_ready: ModelReady, wait: Wait) -> Workflow[str]:
    """The model's path if its event comes before the next poll is due, else "". Raises RunStoppedError."""
    left = (datetime.fromisoformat(wait.deadline) - run.now).total_seconds()
    timer = run.ctx.create_timer(timedelta(seconds=min(wait.interval, max(0.0, left))))
    while not timer.is_complete:
        yield task.when_any([model_ready.task, run.cancel_raised, timer])
        path = model_ready.path()
        yield from run.hear()
        if path or run.cancel is not None:
            timer.cancel()
        if path:
            return path
        run.check_cancelled()
    return ""


def model_path(training: Training, status: TrainingStatus) -> str:
    """The path of the model if the pipeline run has succeeded, "" while it is in progress.

    Raises RunStoppedError if it ended without a model.
    """
    pipeline_run = f"pipeline run {training.pipeline_run_id}"
    if status.status == "Succeeded":
        if not status.model_path:
            raise RunStoppedError(
                "Failed", "NoModel", f"{pipeline_run} succeeded but left no model in storage."
            )
        return status.model_path
    if status.status == "Cancelled":
        message = f"{pipeline_run} was cancelled in Data Factory, not by this run."
        raise RunStoppedError("Failed", "TrainingCancelled", message)
    if status.status == "Failed":
        exit_code = "" if status.exit_code is None else f"the trainer exited with {status.exit_code}: "
        why = status.stderr or status.message or "no reason given"
        message = f"{pipeline_run} failed: {exit_code}{why}"
        if status.exit_code == DATASET_CHANGED:
            raise DatasetChangedError("Failed", "DatasetChanged", message)
        raise RunStoppedError("Failed", "TrainingFailed", message)
    return ""


def timed_out(training: Training, status: TrainingStatus, seconds: int) -> RunStoppedError:
    return RunStoppedError(
        "Failed",
        "TrainingTimedOut",
        f"training did not finish within {seconds} s (training_timeout); pipeline run"
        f" {training.pipeline_run_id} was {status.status} and is being cancelled.",
    )
