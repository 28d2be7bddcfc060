"""Microsoft's in-memory durable engine, with fixes that a host needs which runs for days.

The engine is durabletask's (durabletask.testing.in_memory_backend, 1.12); its history, replay, actions and
work items are unchanged. Each of these fixes is for a defect in the engine's source:

- The engine queued an event for an instance in flight without a wake-up, so that the next turn started up to
  0.1 s late. Here such an instance is queued, with a wake-up, when its turn ends.
- A timer slept in its own thread and fired into whatever ran under its instance id by then. After
  continue_as_new, which starts timer ids again, it ended a new timer early; late results of activities did
  the same. Here every execution has a number, and results that belong to an earlier one are dropped.
- The thread that watched a sub-orchestration gave up after 30 s, and the parent waited for ever.
- A sub-orchestration did not know its parent, and its failure reached the parent without its type.
- An activity that failed with an empty message counted as a success.
- Late results gave a finished instance further turns.
- History events had no timestamps.

The class keeps the engine's interface (a servicer whose methods take a request and a call) and adds
work_items. Its state is lost with the process, and a history has no limit; docs/localcloud.md says both.
"""

import logging
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import Any

import durabletask.internal.helpers as helpers
import durabletask.internal.orchestrator_service_pb2 as pb

from localcloud.functions import failures
from localcloud.functions.clock import Clock
from localcloud.functions.direct import DirectCall
from localcloud.functions.locks import LockingBackend

log = logging.getLogger("Host.Durable")

# Results of what one execution scheduled. They mean nothing to the next one, whose task ids start again.
ANSWERS = (
    "taskCompleted",
    "taskFailed",
    "timerFired",
    "subOrchestrationInstanceCompleted",
    "subOrchestrationInstanceFailed",
)
# The events that give a suspended instance a turn.
ENDS_SUSPENSION = ("executionResumed", "executionTerminated")


class Engine(LockingBackend):
    """One task hub. Safe to call from any thread."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(max_history_size=sys.maxsize)
        self._clock = clock
        self._numbers = count(1)
        self._executions: dict[str, int] = {}
        self._activities: dict[tuple[str, int, str], int] = {}
        self._parents: dict[str, tuple[str, int | None, int]] = {}

    def work_items(self, until: Callable[[], bool]) -> Iterator[pb.WorkItem]:
        """Yield each work item once, as it becomes available, until `until()` is true."""
        for item in self.GetWorkItems(pb.GetWorkItemsRequest(), DirectCall(lambda: not until())):
            if item.HasField("orchestratorRequest"):
                self._stamp_turn(item.orchestratorRequest)
            yield item

    def has_work(self) -> bool:
        with self._lock:
            return bool(self._orchestration_queue or self._activity_queue or self._entity_queue)

    def wake(self) -> None:
        """Have work_items check `until` now."""
        self._work_available.set()

    # The servicer's methods

    def StartInstance(self, request: Any, context: Any) -> Any:  # noqa: N802
        with self._lock:
            response = super().StartInstance(request, context)
            self._parents.pop(response.instanceId, None)
            self._begin_execution(response.instanceId)
            return response

    def PurgeInstances(self, request: Any, context: Any) -> Any:  # noqa: N802
        with self._lock:
            response = super().PurgeInstances(request, context)
            self._executions = {id_: n for id_, n in self._executions.items() if id_ in self._instances}
            return response

    def CompleteOrchestratorTask(self, request: Any, context: Any) -> Any:  # noqa: N802
        with self._lock:
            instance = self._instances.get(request.instanceId)
            known = len(instance.history) if instance else 0
            try:
                return super().CompleteOrchestratorTask(request, context)
            finally:
                if instance:
                    self._stamp(instance.history[known:])
                self._requeue(request.instanceId)

    def CompleteActivityTask(self, request: Any, context: Any) -> Any:  # noqa: N802
        with self._lock:
            scheduled = (request.instanceId, request.taskId, request.completionToken)
            execution = self._activities.pop(scheduled, None)
            if execution is None or execution != self._executions.get(request.instanceId):
                log.info("Dropped a late activity result of instance '%s'", request.instanceId)
                return pb.CompleteTaskResponse()
            if not request.HasField("failureDetails"):
                return super().CompleteActivityTask(request, context)
            event = pb.TaskFailedEvent(taskScheduledId=request.taskId, failureDetails=request.failureDetails)
            self._deliver(request.instanceId, pb.HistoryEvent(eventId=-1, taskFailed=event))
            return pb.CompleteTaskResponse()

    # The engine's internal steps

    def _begin_execution(self, instance_id: str) -> None:
        self._executions[instance_id] = next(self._numbers)

    def _create_instance_internal(
        self, instance_id: str, name: str, encoded_input: str | None = None, version: str | None = None
    ) -> None:
        super()._create_instance_internal(instance_id, name, encoded_input, version=version)
        self._parents.pop(instance_id, None)
        self._begin_execution(instance_id)

    def _enqueue_orchestration(self, instance_id: str) -> None:
        instance = self._instances.get(instance_id)
        if instance is None:
            return
        if self._is_terminal_status(instance.status):
            instance.pending_events.clear()
        elif instance_id not in self._orchestration_in_flight:
            super()._enqueue_orchestration(instance_id)

    def _requeue(self, instance_id: str) -> None:
        """Queue an instance whose turn is over again, if events arrived during the turn."""
        instance = self._instances.get(instance_id)
        if instance is None or not instance.pending_events:
            return
        suspended = instance.status == pb.ORCHESTRATION_STATUS_SUSPENDED
        if not suspended or any(
            event.WhichOneof("eventType") in ENDS_SUSPENSION for event in instance.pending_events
        ):
            self._enqueue_orchestration(instance_id)

    def _deliver(self, instance_id: str, event: pb.HistoryEvent) -> None:
        instance = self._instances.get(instance_id)
        if instance is None:
            return
        instance.pending_events.append(event)
        instance.last_updated_at = datetime.now(UTC)
        self._enqueue_orchestration(instance_id)

    def _process_schedule_task_action(self, instance: Any, action: Any) -> None:
        super()._process_schedule_task_action(instance, action)
        item = self._activity_queue[-1]
        scheduled = (item.instance_id, item.task_id, str(item.completion_token))
        self._activities[scheduled] = self._executions[instance.instance_id]

    def _process_create_timer_action(self, instance: Any, action: Any) -> None:
        fire_at = action.createTimer.fireAt.ToDatetime(tzinfo=UTC)
        instance.history.append(helpers.new_timer_created_event(action.id, fire_at))
        if instance.status == pb.ORCHESTRATION_STATUS_PENDING:
            instance.status = pb.ORCHESTRATION_STATUS_RUNNING
        event = helpers.new_timer_fired_event(action.id, fire_at)
        execution = self._executions[instance.instance_id]
        self._clock.at(fire_at, partial(self._fire, instance.instance_id, execution, event))

    def _fire(self, instance_id: str, execution: int, event: pb.HistoryEvent) -> None:
        with self._lock:
            if self._executions.get(instance_id) == execution:
                self._deliver(instance_id, event)

    def _schedule_delayed_entity_operation(
        self, entity_id: str, event: pb.HistoryEvent, fire_at: datetime
    ) -> None:
        def deliver() -> None:
            with self._lock:
                self._queue_entity_operation(entity_id, event)

        self._clock.at(fire_at, deliver)

    def _process_complete_orchestration_action(self, instance: Any, complete_action: Any) -> None:
        super()._process_complete_orchestration_action(instance, complete_action)
        if complete_action.orchestrationStatus != pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW:
            return
        self._begin_execution(instance.instance_id)
        instance.pending_events = [
            event for event in instance.pending_events if event.WhichOneof("eventType") not in ANSWERS
        ]
        self._name_parent(instance)

    def _watch_sub_orchestration(self, parent_instance_id: str, sub_instance_id: str, task_id: int) -> None:
        self._parents[sub_instance_id] = (
            parent_instance_id,
            self._executions.get(parent_instance_id),
            task_id,
        )
        self._name_parent(self._instances[sub_instance_id])

    def _name_parent(self, instance: Any) -> None:
        if instance.instance_id not in self._parents:
            return
        parent_id, _, task_id = self._parents[instance.instance_id]
        parent = pb.ParentInstanceInfo(
            taskScheduledId=task_id, orchestrationInstance=pb.OrchestrationInstance(instanceId=parent_id)
        )
        for event in instance.pending_events:
            if event.HasField("executionStarted"):
                event.executionStarted.parentInstance.CopyFrom(parent)

    def _notify_waiters(self, instance_id: str) -> None:
        super()._notify_waiters(instance_id)
        instance = self._instances.get(instance_id)
        if instance and self._is_terminal_status(instance.status) and instance_id in self._parents:
            parent_id, execution, task_id = self._parents.pop(instance_id)
            if self._executions.get(parent_id) == execution:
                self._deliver(parent_id, self._sub_orchestration_ended(instance, task_id))

    def _sub_orchestration_ended(self, instance: Any, task_id: int) -> pb.HistoryEvent:
        if instance.status == pb.ORCHESTRATION_STATUS_COMPLETED:
            event: pb.HistoryEvent = helpers.new_sub_orchestration_completed_event(task_id, instance.output)
            return event
        reason = instance.failure_details or failures.details(
            "Terminated", instance.output or f"Sub-orchestration '{instance.instance_id}' was terminated."
        )
        failed = pb.SubOrchestrationInstanceFailedEvent(taskScheduledId=task_id, failureDetails=reason)
        return pb.HistoryEvent(eventId=-1, subOrchestrationInstanceFailed=failed)

    # Timestamps

    def _stamp(self, events: list[pb.HistoryEvent]) -> None:
        for event in events:
            if event.timestamp.seconds == 0:
                event.timestamp.FromDatetime(self._clock.now())

    def _stamp_turn(self, request: pb.OrchestratorRequest) -> None:
        """Set the turn's time to the clock's, which the orchestrator reads as current_utc_datetime."""
        with self._lock:
            instance = self._instances.get(request.instanceId)
            kept = instance.dispatched_events if instance else []
            turn = [*kept, *request.newEvents]
            now = self._clock.now()
            for event in turn:
                if event.HasField("orchestratorStarted"):
                    event.timestamp.FromDatetime(now)
            self._stamp(turn)
