"""Runs orchestrators in unit tests, on Microsoft's engine and SDK, without a host, a process or real waits.

`run_orchestrator` runs one orchestrator until it ends or nothing more can happen. The in-memory engine and
azure.durable_functions' own worker run it exactly as they would in a Functions app: every turn replays the
history (so code that is not deterministic fails here too), every value is passed as JSON, and a failed
activity gives the same failure details as on the host. Activities are plain callables of the test. Time is
virtual: a wait of 24 hours takes as long as any other step, and `ctx.current_utc_datetime` follows it.

    outcome = run_orchestrator(
        training_run,
        {"dataset": "iris.csv"},
        {"inspect": lambda upload: {"rows": 150}, "train": failing_twice},
        events=[Event("model_ready", {"path": "..."}, after=timedelta(hours=2))],
    )
    assert outcome.status is OrchestrationStatus.COMPLETED
    assert outcome.names == ["inspect", "train", "train", "train"]

`Rehearsal` gives a test control of each step. `replay` replays a recorded history (`Outcome.record`), for
which the orchestrator must still make the same decisions.
"""

import asyncio
import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import durabletask.internal.helpers as helpers
import durabletask.internal.orchestrator_service_pb2 as pb
from azure.durable_functions.internal.converters import ActivityTriggerConverter
from azure.durable_functions.internal.serialization import DEFAULT_FUNCTIONS_DATA_CONVERTER as JSON
from azure.durable_functions.worker import DurableFunctionsWorker
from azure.functions.meta import Datum
from azure_functions_runtime.utils.tracing import marshall_exception_trace
from durabletask.client import OrchestrationStatus
from durabletask.task import FailureDetails
from google.protobuf import json_format  # type: ignore[import-untyped]

from localcloud.functions import failures, protocol
from localcloud.functions.clock import VirtualClock
from localcloud.functions.direct import DirectCall
from localcloud.functions.engine import Engine

START = datetime(2026, 1, 1, tzinfo=UTC)
MAX_TURNS = 10_000

Function = Callable[..., Any]


@dataclass(frozen=True)
class Event:
    """An external event, raised after `after` of virtual time; by default before the first turn."""

    name: str
    data: Any = None
    after: timedelta = timedelta()


@dataclass(frozen=True)
class Call:
    """One attempt at an activity: its input, and the virtual time since the start."""

    name: str
    input: Any
    after: timedelta


@dataclass(frozen=True)
class Outcome:
    """The state of an instance. statuses: its custom statuses in order, without immediate repetitions."""

    instance_id: str
    status: OrchestrationStatus
    output: Any
    failure: FailureDetails | None
    custom_status: Any
    statuses: list[Any]
    calls: list[Call]
    elapsed: timedelta
    history: list[pb.HistoryEvent]

    @property
    def names(self) -> list[str]:
        """The names of the activities that were called, in order, including retries."""
        return [call.name for call in self.calls]

    def record(self) -> str:
        """Return the history as JSON, for a file that `replay` reads later."""
        return json.dumps([json_format.MessageToDict(event) for event in self.history], indent=1)


@dataclass(frozen=True)
class Replay:
    """An orchestrator's decisions on a recorded history. actions: the kinds of its last actions."""

    status: OrchestrationStatus
    output: Any
    failure: FailureDetails | None
    actions: list[str] = field(default_factory=list)


def run_orchestrator(
    orchestrator: Function,
    input: Any = None,  # noqa: A002 - as durabletask names it
    activities: Mapping[str, Function] | None = None,
    *,
    events: Sequence[Event] = (),
    orchestrators: Mapping[str, Function] | None = None,
    entities: Mapping[str, Function] | None = None,
    instance_id: str = "rehearsal",
    limit: timedelta = timedelta(days=30),
) -> Outcome:
    """Run `orchestrator` until it ends, waits for something that cannot happen, or `limit` has passed.

    orchestrator: the function, decorated or not. orchestrators: those it calls as sub-orchestrations, by
    name. entities: those it calls or locks, by name. An activity that raises fails its task.

    Raises LookupError if the orchestrator calls something that was not given.
    """
    rehearsal = Rehearsal(activities, {_name(orchestrator): orchestrator, **(orchestrators or {})}, entities)
    rehearsal.start(orchestrator, input, instance_id=instance_id)
    for event in events:
        rehearsal.raise_event(instance_id, event.name, event.data, after=event.after)
    rehearsal.run(limit)
    return rehearsal.outcome(instance_id)


class Rehearsal:
    """A task hub that a test controls. Activities may call its methods, for instance to raise an event."""

    def __init__(
        self,
        activities: Mapping[str, Function] | None = None,
        orchestrators: Mapping[str, Function] | Iterable[Function] = (),
        entities: Mapping[str, Function] | None = None,
    ) -> None:
        named = orchestrators if isinstance(orchestrators, Mapping) else {_name(f): f for f in orchestrators}
        self._activities = {name: _plain(function) for name, function in (activities or {}).items()}
        self._orchestrators = {name: _plain(function) for name, function in named.items()}
        self._entities = {name.lower(): _plain(function) for name, function in (entities or {}).items()}
        self._workers: dict[str, DurableFunctionsWorker] = {}
        self._calls: dict[str, list[Call]] = {}
        self._statuses: dict[str, list[Any]] = {}
        self._turns = 0
        self.clock = VirtualClock(START)
        self.engine = Engine(self.clock)

    def start(self, orchestrator: Function | str, input: Any = None, *, instance_id: str = "") -> str:  # noqa: A002
        """Schedule an instance, which runs when `run` is called."""
        name = orchestrator if isinstance(orchestrator, str) else _name(orchestrator)
        request = pb.CreateInstanceRequest(
            instanceId=instance_id, name=name, input=helpers.get_string_value(JSON.serialize(input))
        )
        return str(self.engine.StartInstance(request, DirectCall()).instanceId)

    def raise_event(
        self, instance_id: str, name: str, data: Any = None, *, after: timedelta = timedelta()
    ) -> None:
        request = pb.RaiseEventRequest(
            instanceId=instance_id, name=name, input=helpers.get_string_value(JSON.serialize(data))
        )
        self._later(after, lambda: self.engine.RaiseEvent(request, DirectCall()))

    def terminate(self, instance_id: str, output: Any = None, *, after: timedelta = timedelta()) -> None:
        request = pb.TerminateRequest(
            instanceId=instance_id, output=helpers.get_string_value(JSON.serialize(output))
        )
        self._later(after, lambda: self.engine.TerminateInstance(request, DirectCall()))

    def run(self, limit: timedelta = timedelta(days=30)) -> None:
        """Run until no work is left, advancing the clock from timer to timer by at most `limit` in total."""
        end = self.clock.now() + limit
        self._work()
        while self.clock.advance(end):
            self._work()

    def outcome(self, instance_id: str) -> Outcome:
        request = pb.GetInstanceRequest(instanceId=instance_id, getInputsAndOutputs=True)
        found = self.engine.GetInstance(request, DirectCall())
        if not found.exists:
            raise LookupError(f"there is no instance {instance_id!r}")
        state = found.orchestrationState
        history = [
            event
            for chunk in self.engine.StreamInstanceHistory(
                pb.StreamInstanceHistoryRequest(instanceId=instance_id), DirectCall()
            )
            for event in chunk.events
        ]
        return Outcome(
            instance_id=instance_id,
            status=OrchestrationStatus(state.orchestrationStatus),
            output=_value(state.output.value),
            failure=_failure(state) if state.HasField("failureDetails") else None,
            custom_status=_value(state.customStatus.value),
            statuses=list(self._statuses.get(instance_id, [])),
            calls=list(self._calls.get(instance_id, [])),
            elapsed=self.clock.now() - START,
            history=history,
        )

    def _later(self, after: timedelta, action: Callable[[], object]) -> None:
        if after:
            self.clock.at(self.clock.now() + after, lambda: void(action()))
        else:
            action()

    def _work(self) -> None:
        for item in self.engine.work_items(lambda: not self.engine.has_work()):
            self._turns += 1
            if self._turns > MAX_TURNS:
                raise RuntimeError(
                    f"no end after {MAX_TURNS} steps; does the orchestrator loop without a wait?"
                )
            if item.HasField("orchestratorRequest"):
                self._orchestrate(item.orchestratorRequest, item.completionToken)
            elif item.HasField("activityRequest"):
                self._act(item.activityRequest, item.completionToken)
            else:
                self._operate(item.entityRequestV2, item.completionToken)

    def _orchestrate(self, request: pb.OrchestratorRequest, token: str) -> None:
        name = protocol.orchestrator_name(request)
        function = _given(self._orchestrators, "orchestrator", name)
        worker = self._workers.setdefault(f"orchestrator {name}", DurableFunctionsWorker())
        returned = worker.execute_orchestration_request(function, protocol.text(request))
        response = protocol.orchestrator_response(returned, request.instanceId, token)
        self.engine.CompleteOrchestratorTask(response, DirectCall())
        status = _value(response.customStatus.value)
        statuses = self._statuses.setdefault(request.instanceId, [])
        if status is not None and (not statuses or statuses[-1] != status):
            statuses.append(status)

    def _act(self, request: pb.ActivityRequest, token: str) -> None:
        function = _given(self._activities, "activity", request.name)
        given = _decode(request.input.value)
        call = Call(request.name, given, self.clock.now() - START)
        self._calls.setdefault(request.orchestrationInstance.instanceId, []).append(call)
        try:
            result = function(given)
            if inspect.isawaitable(result):
                result = asyncio.run(_wait(result))
            answer = ActivityTriggerConverter.encode(result, expected_type=None).value
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            answer = failures.from_worker(text, marshall_exception_trace(error))
        self.engine.CompleteActivityTask(protocol.activity_response(request, token, answer), DirectCall())

    def _operate(self, request: pb.EntityRequest, token: str) -> None:
        name = request.instanceId.split("@")[1]
        function = _given(self._entities, "entity", name)
        worker = self._workers.setdefault(f"entity {name}", DurableFunctionsWorker())
        if not hasattr(function, "__durable_entity_name__"):
            function.__durable_entity_name__ = name  # type: ignore[attr-defined]
        batch, infos = helpers.convert_to_entity_batch_request(request)
        returned = worker.execute_entity_batch_request(function, protocol.text(batch))
        self.engine.CompleteEntityTask(protocol.entity_result(returned, infos, token), DirectCall())


def replay(orchestrator: Function, history: str | Sequence[pb.HistoryEvent]) -> Replay:
    """Replay a recorded history, without its last decision, and return what `orchestrator` decides.

    An orchestrator that no longer schedules the same actions in the same order fails with an error_type that
    ends in NonDeterminismError, as would its instances that are running during an upgrade.
    """
    events = _events(history) if isinstance(history, str) else list(history)
    turn = max(i for i, event in enumerate(events) if event.HasField("orchestratorStarted"))
    after = next((i for i in range(turn + 1, len(events)) if _is_decision(events[i])), len(events))
    request = pb.OrchestratorRequest(
        instanceId=_started(events).orchestrationInstance.instanceId,
        pastEvents=events[:turn],
        newEvents=events[turn:after],
    )
    returned = DurableFunctionsWorker().execute_orchestration_request(
        _plain(orchestrator), protocol.text(request)
    )
    response = protocol.orchestrator_response(returned, request.instanceId, "")
    kinds = [action.WhichOneof("orchestratorActionType") for action in response.actions]
    ended = [
        action.completeOrchestration
        for action in response.actions
        if action.HasField("completeOrchestration")
    ]
    if not ended:
        return Replay(OrchestrationStatus.RUNNING, None, None, kinds)
    status = OrchestrationStatus(ended[0].orchestrationStatus)
    failure = _failure(ended[0]) if ended[0].HasField("failureDetails") else None
    return Replay(status, _value(ended[0].result.value), failure, kinds)


DECISIONS = (
    "taskScheduled",
    "timerCreated",
    "subOrchestrationInstanceCreated",
    "eventSent",
    "entityOperationCalled",
    "entityOperationSignaled",
    "entityLockRequested",
    "entityUnlockSent",
    "orchestratorCompleted",
    "executionCompleted",
)


def _is_decision(event: pb.HistoryEvent) -> bool:
    return event.WhichOneof("eventType") in DECISIONS


def _events(record: str) -> list[pb.HistoryEvent]:
    return [json_format.ParseDict(event, pb.HistoryEvent()) for event in json.loads(record)]


def _started(events: Iterable[pb.HistoryEvent]) -> pb.ExecutionStartedEvent:
    return next(event.executionStarted for event in events if event.HasField("executionStarted"))


def _plain(function: Function) -> Function:
    """Return the function itself, unwrapped from the app's decorator."""
    built = getattr(function, "_function", None)
    inner = built.get_user_function() if built is not None else function
    for handle in ("orchestrator_function", "entity_function"):
        inner = getattr(inner, handle, inner)
    return inner


def _name(function: Function) -> str:
    built = getattr(function, "_function", None)
    return str(built.get_function_name() if built is not None else function.__name__)


def _given(functions: Mapping[str, Function], kind: str, name: str) -> Function:
    if name not in functions:
        given = ", ".join(sorted(functions)) or "none"
        raise LookupError(f"{kind} {name!r} was called, but the test did not give it (given: {given})")
    return functions[name]


def _decode(text: str) -> Any:
    """Decode a value as a Functions app decodes an activity's input."""
    return ActivityTriggerConverter.decode(Datum(text, "json"), trigger_metadata=None) if text else None


def _value(text: str) -> Any:
    return JSON.deserialize(text) if text else None


def _failure(holder: Any) -> FailureDetails:
    return helpers.failure_details_from_protobuf(holder.failureDetails)


async def _wait(result: Any) -> Any:
    return await result


def void(_: object) -> None:
    """Discard the result of a callback."""
