"""The engine. The tests complete its work items themselves, also late, twice or for unknown instances."""

from collections.abc import Callable
from datetime import UTC, datetime

import durabletask.internal.helpers as helpers
import durabletask.internal.orchestrator_service_pb2 as pb
import pytest
from localcloud.functions.clock import VirtualClock
from localcloud.functions.direct import DirectCall
from localcloud.functions.engine import Engine

ID = "one"


class Hub:
    """An engine with one instance. A test answers its turns with actions of its choice."""

    def __init__(self) -> None:
        self.engine = Engine(VirtualClock(datetime(2026, 1, 1, tzinfo=UTC)))
        self.start()

    def start(self) -> None:
        self.engine.StartInstance(pb.CreateInstanceRequest(instanceId=ID, name="orchestrate"), DirectCall())

    def item(self) -> pb.WorkItem:
        items = list(self.engine.work_items(lambda: not self.engine.has_work()))
        assert len(items) == 1, items
        return items[0]

    def turn(self, *actions: pb.OrchestratorAction) -> list[pb.HistoryEvent]:
        """Answer the orchestrator's next turn with `actions`; return the turn's new events."""
        item = self.item()
        request = item.orchestratorRequest
        response = pb.OrchestratorResponse(
            instanceId=request.instanceId, actions=actions, completionToken=item.completionToken
        )
        self.engine.CompleteOrchestratorTask(response, DirectCall())
        return list(request.newEvents)

    def schedule(self) -> pb.WorkItem:
        """Answer a turn with an activity call, always as the first task of its execution."""
        task = pb.ScheduleTaskAction(name="work")
        self.turn(pb.OrchestratorAction(id=1, scheduleTask=task))
        return self.item()

    def end(self, status: pb.OrchestrationStatus) -> None:
        ended = pb.CompleteOrchestrationAction(orchestrationStatus=status)
        self.turn(pb.OrchestratorAction(id=2, completeOrchestration=ended))

    def event(self) -> None:
        self.engine.RaiseEvent(pb.RaiseEventRequest(instanceId=ID, name="go"), DirectCall())

    def complete(self, activity: pb.WorkItem, result: str, *, fails: bool = False) -> None:
        response = pb.ActivityResponse(
            instanceId=activity.activityRequest.orchestrationInstance.instanceId,
            taskId=activity.activityRequest.taskId,
            completionToken=activity.completionToken,
            result=None if fails else helpers.get_string_value(result),
            failureDetails=pb.TaskFailureDetails(errorType="E", errorMessage=result) if fails else None,
        )
        self.engine.CompleteActivityTask(response, DirectCall())


@pytest.fixture
def hub() -> Hub:
    return Hub()


def results(events: list[pb.HistoryEvent]) -> list[str]:
    return [event.taskCompleted.result.value for event in events if event.HasField("taskCompleted")] + [
        event.taskFailed.failureDetails.errorMessage for event in events if event.HasField("taskFailed")
    ]


def next_execution(hub: Hub) -> None:
    hub.event()
    hub.end(pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW)


def same_id_again(hub: Hub) -> None:
    """End the instance, purge it, and start another one with its id."""
    hub.event()
    hub.end(pb.ORCHESTRATION_STATUS_COMPLETED)
    hub.engine.PurgeInstances(pb.PurgeInstancesRequest(instanceId=ID), DirectCall())
    hub.start()


@pytest.mark.parametrize("fails", [False, True], ids=["a result", "a failure"])
@pytest.mark.parametrize("begin", [next_execution, same_id_again])
def test_what_an_activity_of_an_earlier_execution_answers_late_reaches_no_later_one(
    hub: Hub, begin: Callable[[Hub], None], fails: bool
) -> None:
    earlier = hub.schedule()
    begin(hub)
    later = hub.schedule()
    assert later.activityRequest.taskId == earlier.activityRequest.taskId
    hub.complete(earlier, "late", fails=fails)
    assert not hub.engine.has_work()
    hub.complete(later, "on time")
    assert results(hub.turn()) == ["on time"]


@pytest.mark.parametrize("fails", [False, True], ids=["a result", "a failure"])
def test_an_activity_that_answers_twice_is_heard_once(hub: Hub, fails: bool) -> None:
    activity = hub.schedule()
    hub.complete(activity, "first", fails=fails)
    hub.complete(activity, "second", fails=fails)
    assert results(hub.turn()) == ["first"]
    assert not hub.engine.has_work()


def test_an_activity_of_a_purged_instance_answers_no_one(hub: Hub) -> None:
    activity = hub.schedule()
    hub.event()
    hub.end(pb.ORCHESTRATION_STATUS_COMPLETED)
    hub.engine.PurgeInstances(pb.PurgeInstancesRequest(instanceId=ID), DirectCall())
    hub.complete(activity, "late")
    assert not hub.engine.has_work()
