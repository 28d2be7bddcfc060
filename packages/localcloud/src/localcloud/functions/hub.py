"""The task hub as the Durable extension offers it to clients: the extension's rules on the in-memory engine.

The rules are those of DurableClient.cs (the extension's source of late 2024), which differ from the engine's:
a new instance silently replaces a finished one of the same id; an event for a missing id is dropped, and one
for a finished instance refused; terminate, suspend, resume and rewind check the instance's status first. The
source leaves the handling of such events to the storage provider; here host.json's
throwStatusExceptionsOnRaiseEvent decides: true refuses the event in both cases, false drops it in both.

The hub knows neither HTTP nor gRPC; rpc.py and durable_api.py translate its errors.
"""

import re
from datetime import datetime
from typing import Any
from uuid import uuid4

import durabletask.internal.helpers as helpers
import durabletask.internal.orchestrator_service_pb2 as pb

from localcloud.functions.direct import DirectCall, EngineError
from localcloud.functions.engine import Engine
from localcloud.functions.functions import App
from localcloud.functions.hostjson import HostSettings

MAX_ID_LENGTH = 256
FORBIDDEN = re.compile(r"[/\\?#\x00-\x1f\x7f-\x9f]")

FINISHED = (
    pb.ORCHESTRATION_STATUS_COMPLETED,
    pb.ORCHESTRATION_STATUS_FAILED,
    pb.ORCHESTRATION_STATUS_TERMINATED,
    pb.ORCHESTRATION_STATUS_CANCELED,
)
UNFINISHED = (
    pb.ORCHESTRATION_STATUS_PENDING,
    pb.ORCHESTRATION_STATUS_RUNNING,
    pb.ORCHESTRATION_STATUS_SUSPENDED,
    pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW,
)
SUSPENDABLE = tuple(status for status in UNFINISHED if status != pb.ORCHESTRATION_STATUS_SUSPENDED)


class HubError(Exception):
    """The task hub refuses a request."""


class InvalidArgumentError(HubError):
    """An argument is invalid in every state of the hub; .NET's ArgumentException."""


class InstanceNotFoundError(InvalidArgumentError):
    def __init__(self, instance_id: str) -> None:
        super().__init__(f"No instance with ID '{instance_id}' was found.")


class InvalidStateError(HubError):
    """The instance's status does not allow the operation; .NET's InvalidOperationException."""


class InstanceExistsError(HubError):
    def __init__(self, instance_id: str) -> None:
        super().__init__(f"An Orchestration instance with the ID {instance_id} already exists.")


class TaskHub:
    def __init__(self, engine: Engine, app: App, settings: HostSettings) -> None:
        self.engine = engine
        self.name = settings.task_hub
        self._app = app
        self._settings = settings

    def start(self, name: str, payload: str | None, instance_id: str = "", **fields: Any) -> str:
        """Schedule an orchestration. `fields` are further fields of CreateInstanceRequest: version, tags, …

        Raises InvalidArgumentError, or InstanceExistsError if an instance of that id has not finished.
        """
        self._must_be_orchestrator(name)
        id_ = instance_id or uuid4().hex
        check_id(id_)
        replaced = [*FINISHED, *UNFINISHED] if self._settings.replaces_running else FINISHED
        request = pb.CreateInstanceRequest(
            instanceId=id_,
            name=name,
            input=helpers.get_string_value(payload),
            orchestrationIdReusePolicy=pb.OrchestrationIdReusePolicy(replaceableStatus=replaced),
            **fields,
        )
        try:
            self.engine.StartInstance(request, DirectCall())
        except EngineError:
            raise InstanceExistsError(id_) from None
        return id_

    def get(self, instance_id: str, with_input: bool = True) -> pb.OrchestrationState | None:
        request = pb.GetInstanceRequest(instanceId=instance_id, getInputsAndOutputs=True)
        response = self.engine.GetInstance(request, DirectCall())
        if not response.exists:
            return None
        if not with_input:
            response.orchestrationState.ClearField("input")
        return response.orchestrationState

    def history(self, instance_id: str) -> list[pb.HistoryEvent]:
        request = pb.StreamInstanceHistoryRequest(instanceId=instance_id)
        try:
            chunks = list(self.engine.StreamInstanceHistory(request, DirectCall()))
        except EngineError:
            raise InstanceNotFoundError(instance_id) from None
        return [event for chunk in chunks for event in chunk.events]

    def query(self, query: pb.InstanceQuery) -> tuple[list[pb.OrchestrationState], str]:
        """Return one page of instances and the token of the next page, "" on the last page."""
        response = self.engine.QueryInstances(pb.QueryInstancesRequest(query=query), DirectCall())
        return list(response.orchestrationState), str(response.continuationToken.value)

    def raise_event(self, instance_id: str, name: str, payload: str | None) -> None:
        """Raise an external event.

        Raises InvalidArgumentError if the event has no name, InvalidStateError for a finished instance.
        """
        if not name:
            raise InvalidArgumentError("An event needs a name.")
        state = self.get(instance_id)
        throws = self._settings.throw_on_raise
        if state is None:
            if throws:
                raise InstanceNotFoundError(instance_id)
            return
        if state.orchestrationStatus in FINISHED:
            if throws is False:
                return
            raise InvalidStateError(
                f"Cannot raise event {name} for orchestration instance {instance_id} because instance is in"
                f" {status_name(state)} state"
            )
        request = pb.RaiseEventRequest(
            instanceId=instance_id, name=name, input=helpers.get_string_value(payload)
        )
        self.engine.RaiseEvent(request, DirectCall())

    def terminate(self, instance_id: str, reason: str | None) -> None:
        """Terminate an instance. Its sub-orchestrations keep running, as in Azure."""
        self._must_be("terminate", instance_id, UNFINISHED)
        output = helpers.get_string_value(reason)
        self.engine.TerminateInstance(
            pb.TerminateRequest(instanceId=instance_id, output=output), DirectCall()
        )

    def suspend(self, instance_id: str, reason: str | None) -> None:
        self._must_be("suspend", instance_id, SUSPENDABLE)
        text = helpers.get_string_value(reason)
        self.engine.SuspendInstance(pb.SuspendRequest(instanceId=instance_id, reason=text), DirectCall())

    def resume(self, instance_id: str, reason: str | None) -> None:
        self._must_be("resume", instance_id, (pb.ORCHESTRATION_STATUS_SUSPENDED,))
        text = helpers.get_string_value(reason)
        self.engine.ResumeInstance(pb.ResumeRequest(instanceId=instance_id, reason=text), DirectCall())

    def rewind(self, instance_id: str, reason: str | None) -> None:
        state = self._must_exist(instance_id)
        if state.orchestrationStatus != pb.ORCHESTRATION_STATUS_FAILED:
            raise InvalidStateError(
                "The rewind operation is only supported on failed orchestration instances."
            )
        text = helpers.get_string_value(reason)
        self.engine.RewindInstance(
            pb.RewindInstanceRequest(instanceId=instance_id, reason=text), DirectCall()
        )

    def restart(self, instance_id: str, with_new_id: bool) -> str:
        """Start an instance again with the same input.

        Raises InstanceExistsError if the instance is to keep its id and is still running.
        """
        state = self._must_exist(instance_id)
        payload = state.input.value if state.HasField("input") else None
        return self.start(state.name, payload, "" if with_new_id else instance_id)

    def purge(self, instance_id: str) -> int:
        """Return how many instances were deleted: 1, or 0 if it has not finished or does not exist."""
        response = self.engine.PurgeInstances(pb.PurgeInstancesRequest(instanceId=instance_id), DirectCall())
        return int(response.deletedInstanceCount)

    def purge_between(
        self, created_from: datetime, created_to: datetime, statuses: list[pb.OrchestrationStatus]
    ) -> int:
        span = pb.PurgeInstanceFilter(
            createdTimeFrom=helpers.new_timestamp(created_from),
            createdTimeTo=helpers.new_timestamp(created_to),
            runtimeStatus=statuses,
        )
        response = self.engine.PurgeInstances(
            pb.PurgeInstancesRequest(purgeInstanceFilter=span), DirectCall()
        )
        return int(response.deletedInstanceCount)

    def _must_exist(self, instance_id: str) -> pb.OrchestrationState:
        state = self.get(instance_id)
        if state is None:
            raise InstanceNotFoundError(instance_id)
        return state

    def _must_be(self, operation: str, instance_id: str, statuses: tuple[int, ...]) -> None:
        state = self._must_exist(instance_id)
        if state.orchestrationStatus not in statuses:
            raise InvalidStateError(
                f"Cannot {operation} the orchestration instance {instance_id} because instance is in the"
                f" {status_name(state)} state."
            )

    def _must_be_orchestrator(self, name: str) -> None:
        if self._app.durable("orchestrationTrigger", name) is None:
            raise InvalidArgumentError(unknown_function(self._app, "orchestrationTrigger", name))


def check_id(instance_id: str) -> None:
    """Check an instance id. Raises InvalidArgumentError for one that the host refuses."""
    if instance_id.startswith("@"):
        raise InvalidArgumentError("Orchestration instance ids must not start with @.")
    if FORBIDDEN.search(instance_id):
        raise InvalidArgumentError(
            "Orchestration instance ids must not contain /, \\, #, ?, or control characters."
        )
    if len(instance_id) > MAX_ID_LENGTH:
        raise InvalidArgumentError(f"Instance ID lengths must not exceed {MAX_ID_LENGTH} characters.")


def unknown_function(app: App, kind: str, name: str) -> str:
    role = {"activityTrigger": "activity", "entityTrigger": "entity"}.get(kind, "orchestrator")
    known = ", ".join(f"'{function.durable_name}'" for function in app.of_kind(kind)) or "none"
    return (
        f"The function '{name}' doesn't exist, is disabled, or is not an {role} function."
        f" The following are the known {role} functions: {known}."
    )


def status_name(state: pb.OrchestrationState) -> str:
    """Return the status's .NET name, such as `Running` or `ContinuedAsNew`."""
    name: str = helpers.get_orchestration_status_str(state.orchestrationStatus)
    return name.title().replace("_", "").replace("Asnew", "AsNew")
