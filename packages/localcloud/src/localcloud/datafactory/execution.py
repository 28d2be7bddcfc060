"""Executes pipeline runs: concurrency, the order of activities, retries, timeouts and cancellation.

A cancelled run and an activity's timeout are both asyncio cancellations. So a running activity always ends in
the same way: the run's status changes only after the activity's task and all its processes have ended.
Source: "Pipelines and activities in Azure Data Factory"; "Errors and Conditional execution".
"""

import asyncio
import contextlib
import logging
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from localcloud.datafactory import expressions
from localcloud.datafactory.custom_activity import CustomActivities
from localcloud.datafactory.definitions import Activity, Json, Pipeline
from localcloud.datafactory.errors import ActivityFailedError
from localcloud.datafactory.expressions import ExpressionError, Values
from localcloud.datafactory.expressions.functions import text_of
from localcloud.datafactory.runs import ActivityRun, PipelineRun, RunHistory
from localcloud.wire import AzureError, timestamp

log = logging.getLogger("localcloud.datafactory")

SATISFIES = {
    "Succeeded": {"Succeeded", "Completed"},
    "Failed": {"Failed", "Completed"},
    "TimedOut": {"Failed", "Completed"},
    "Skipped": {"Skipped"},
}
"""The dependency conditions that each status of an activity satisfies."""


@dataclass
class Job:
    """A run that has not ended. results: the value of `activity('…')`, by activity."""

    run: PipelineRun
    pipeline: Pipeline
    task: "asyncio.Task[tuple[str, str]] | None" = None
    cancelling: bool = False
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def queue(self) -> tuple[str, str]:
        return self.run.factory.lower(), self.pipeline.name

    def values(self) -> Values:
        run = self.run
        pipeline = {
            "parameters": run.parameters,
            "RunId": run.run_id,
            "GroupId": run.group_id,
            "Pipeline": run.pipeline,
            "DataFactory": run.factory,
        }
        return Values(pipeline, self.pipeline.variables, self.results)


class Runner:
    """All runs that have not ended. Every change of a run's status is written to the history."""

    def __init__(self, history: RunHistory, custom: CustomActivities) -> None:
        self._history = history
        self._custom = custom
        self._waiting: dict[tuple[str, str], deque[Job]] = defaultdict(deque)
        self._active: dict[tuple[str, str], list[Job]] = defaultdict(list)
        self._stopping = False
        self._retry_now = asyncio.Event()

    def begin(self, pipeline: Pipeline, run: PipelineRun) -> None:
        """Queue `run`, which starts at once unless the pipeline's concurrency limit is reached.

        Raises ExpressionError for run dimensions that have no value.
        """
        job = Job(run, pipeline)
        dimensions = expressions.evaluate(pipeline.run_dimensions, job.values())
        run.dimensions = {name: text_of(value) for name, value in dimensions.items()}
        self._history.save(run)
        self._waiting[job.queue].append(job)
        self._admit(job.queue)

    def cancel(self, run: PipelineRun) -> None:
        """Start to cancel `run`; a run that has ended stays as it is."""
        for queue in self._waiting.values():
            for job in [job for job in queue if job.run.run_id == run.run_id]:
                queue.remove(job)
                self._history.finish(job.run, "Cancelled")
        for jobs in self._active.values():
            for job in [job for job in jobs if job.run.run_id == run.run_id and not job.cancelling]:
                job.cancelling = True
                job.run.status = "Canceling"
                self._history.save(job.run)
                assert job.task
                job.task.cancel()

    def retry_now(self) -> None:
        """Retry the activities that wait for their retry interval at once."""
        self._retry_now.set()
        self._retry_now.clear()

    async def stop(self) -> None:
        """Stop all runs. The history keeps them unfinished; RunHistory.recover fails them on a restart."""
        self._stopping = True
        tasks = [job.task for jobs in self._active.values() for job in jobs if job.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _admit(self, queue: tuple[str, str]) -> None:
        waiting, active = self._waiting[queue], self._active[queue]
        while (
            waiting
            and not self._stopping
            and len(active) < (waiting[0].pipeline.concurrency or len(active) + 1)
        ):
            job = waiting.popleft()
            active.append(job)
            job.run.status = "InProgress"
            self._history.save(job.run)
            job.task = asyncio.create_task(self._run(job))
            job.task.add_done_callback(partial(self._ended, job))

    def _ended(self, job: Job, task: "asyncio.Task[tuple[str, str]]") -> None:
        self._active[job.queue].remove(job)
        if task.cancelled():
            if job.cancelling:
                self._history.finish(job.run, "Cancelled")
        elif error := task.exception():
            log.error("run %s broke", job.run.run_id, exc_info=error)
            self._history.finish(job.run, "Failed", "localcloud broke; its log has the trace.")
        else:
            self._history.finish(job.run, *task.result())
        self._admit(job.queue)

    async def _run(self, job: Job) -> tuple[str, str]:
        """Run all activities and return the run's final status and message."""
        loop = asyncio.get_running_loop()
        ends = {activity.name: loop.create_future() for activity in job.pipeline.activities}
        async with asyncio.TaskGroup() as group:
            for activity in job.pipeline.activities:
                group.create_task(self._activity(job, activity, ends))
        failed = culprits(job.pipeline, {name: end.result() for name, end in ends.items()})
        if not failed:
            return "Succeeded", ""
        message = job.results.get(failed[0], {}).get("error", {}).get("message", "")
        return "Failed", f"Operation on target {failed[0]} failed: {message}"

    async def _activity(self, job: Job, activity: Activity, ends: "dict[str, asyncio.Future[str]]") -> None:
        before = [(await ends[each.activity], each.conditions) for each in activity.dependencies]
        if all(SATISFIES[status] & conditions for status, conditions in before):
            status = await self._attempts(job, activity)
        else:
            status = "Skipped"
            skipped = self._record(job, activity, 0)
            skipped.status, skipped.end = status, skipped.start
            self._history.save_activity(skipped)
        ends[activity.name].set_result(status)

    async def _attempts(self, job: Job, activity: Activity) -> str:
        for attempt in range(activity.policy.retry + 1):
            if attempt:
                await self._wait_to_retry(activity.policy.retry_interval)
            record = self._record(job, activity, attempt)
            self._history.save_activity(record)
            try:
                await self._attempt(job, activity, record)
            except asyncio.CancelledError:
                record.status = "Cancelled" if job.cancelling else record.status
                record.error = {"failureType": "UserError"} if job.cancelling else {}
                raise
            finally:
                record.end = timestamp() if record.status != "InProgress" else None
                self._history.save_activity(record)
            if record.status == "Succeeded":
                break
        return record.status

    async def _attempt(self, job: Job, activity: Activity, record: ActivityRun) -> None:
        """Run one attempt and write its outcome into `record`."""
        limit = activity.policy.timeout
        output: Json = {}
        try:
            definition = self._evaluate(job, activity, record)
            async with asyncio.timeout(limit.total_seconds()):
                output = await self._custom.run(job.run.factory, activity, definition)
            record.status, record.error = "Succeeded", {}
        except ActivityFailedError as failed:
            output = failed.output
            _fail(record, failed.code, failed.message, failed.failure_type)
        except TimeoutError:
            _fail(
                record, "Timeout", f"The activity was still running after its timeout, {limit}.", "UserError"
            )
            record.status = "TimedOut"
        except ExpressionError as error:
            _fail(record, "InvalidTemplate", f"An expression has no value: {error}.", "UserError")
        except AzureError as error:
            _fail(record, error.code, error.message, "UserError")
        except Exception:
            log.exception("activity %s of run %s broke", activity.name, job.run.run_id)
            _fail(record, "InternalServerError", "localcloud broke; its log has the trace.", "SystemError")
        record.output = {} if activity.policy.secure_output else output
        job.results[activity.name] = {"output": output, "error": record.error, "status": record.status}

    def _evaluate(self, job: Job, activity: Activity, record: ActivityRun) -> Json:
        evaluated: Json = expressions.evaluate(
            {key: activity.definition.get(key) for key in ("typeProperties", "userProperties")}, job.values()
        )
        if not activity.policy.secure_input:
            record.input = evaluated["typeProperties"]
        properties = evaluated["userProperties"] or []
        record.user_properties = {str(each["name"]): text_of(each["value"]) for each in properties}
        self._history.save_activity(record)
        return activity.definition | evaluated

    def _record(self, job: Job, activity: Activity, attempt: int) -> ActivityRun:
        return ActivityRun(
            job.run.run_id, job.run.pipeline, activity.name, activity.linked_service, attempt=attempt
        )

    async def _wait_to_retry(self, seconds: int) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._retry_now.wait()


def culprits(pipeline: Pipeline, statuses: Mapping[str, str]) -> list[str]:
    """Return the activities that make the run fail; empty if the run succeeds.

    Only the last activity of each branch counts, or, if that was skipped, the ones before it.
    """
    depended = {each.activity for activity in pipeline.activities for each in activity.dependencies}
    ends = [activity for activity in pipeline.activities if activity.name not in depended]
    by_name = {activity.name: activity for activity in pipeline.activities}
    failed: dict[str, None] = {}
    while ends:
        activity = ends.pop(0)
        if statuses[activity.name] == "Skipped":
            ends += [by_name[each.activity] for each in activity.dependencies]
        elif statuses[activity.name] != "Succeeded":
            failed[activity.name] = None
    return list(failed)


def _fail(record: ActivityRun, code: str, message: str, failure_type: str) -> None:
    record.status = "Failed"
    record.error = {"errorCode": code, "message": message, "failureType": failure_type}
