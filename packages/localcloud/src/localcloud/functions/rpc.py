"""The task hub's gRPC endpoint, which an app's durable clients call (rpcBaseUrl of the client binding).

It stands for the Durable extension's LocalGrpcListener, which also listens on loopback only, without TLS.
Like the listener, it offers none of the worker's methods, so no client can take work items.
"""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import durabletask.internal.orchestrator_service_pb2 as pb
import durabletask.internal.orchestrator_service_pb2_grpc as stubs
import grpc

from localcloud.functions.hub import HubError, InstanceExistsError, TaskHub

log = logging.getLogger("Host.Durable")

# A client that waits for an instance occupies a thread; threads are started as they are needed.
MAX_CALLS = 512


class TaskHubService(stubs.TaskHubSidecarServiceServicer):
    """The servicer; its generated base class answers UNIMPLEMENTED for methods that it does not define."""

    def __init__(self, hub: TaskHub) -> None:
        self._hub = hub
        self._engine = hub.engine

    def Hello(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._engine.Hello(request, context)

    def StartInstance(self, request: Any, context: Any) -> Any:  # noqa: N802
        fields = {"tags": dict(request.tags)}
        if request.HasField("version"):
            fields["version"] = request.version
        if request.HasField("parentTraceContext"):
            fields["parentTraceContext"] = request.parentTraceContext
        try:
            id_ = self._hub.start(request.name, text(request, "input"), request.instanceId, **fields)
        except InstanceExistsError as error:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, str(error))
        except HubError as error:
            context.abort(
                grpc.StatusCode.INTERNAL,
                f"Failed to start instance with ID {request.instanceId}.\nInner Exception message: {error}.",
            )
        return pb.CreateInstanceResponse(instanceId=id_)

    def RaiseEvent(self, request: Any, context: Any) -> Any:  # noqa: N802
        with refusals(context):
            self._hub.raise_event(request.instanceId, request.name, text(request, "input"))
        return pb.RaiseEventResponse()

    def TerminateInstance(self, request: Any, context: Any) -> Any:  # noqa: N802
        with refusals(context):
            self._hub.terminate(request.instanceId, text(request, "output"))
        return pb.TerminateResponse()

    def SuspendInstance(self, request: Any, context: Any) -> Any:  # noqa: N802
        with refusals(context):
            self._hub.suspend(request.instanceId, text(request, "reason"))
        return pb.SuspendResponse()

    def ResumeInstance(self, request: Any, context: Any) -> Any:  # noqa: N802
        with refusals(context):
            self._hub.resume(request.instanceId, text(request, "reason"))
        return pb.ResumeResponse()

    def RewindInstance(self, request: Any, context: Any) -> Any:  # noqa: N802
        with refusals(context):
            self._hub.rewind(request.instanceId, text(request, "reason"))
        return pb.RewindInstanceResponse()

    def RestartInstance(self, request: Any, context: Any) -> Any:  # noqa: N802
        with refusals(context):
            id_ = self._hub.restart(request.instanceId, request.restartWithNewInstanceId)
        return pb.RestartInstanceResponse(instanceId=id_)

    def GetInstance(self, request: Any, context: Any) -> Any:  # noqa: N802
        return trimmed(self._engine.GetInstance(request, context), request)

    def WaitForInstanceStart(self, request: Any, context: Any) -> Any:  # noqa: N802
        return trimmed(self._engine.WaitForInstanceStart(request, context), request)

    def WaitForInstanceCompletion(self, request: Any, context: Any) -> Any:  # noqa: N802
        return trimmed(self._engine.WaitForInstanceCompletion(request, context), request)

    def QueryInstances(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._engine.QueryInstances(request, context)

    def PurgeInstances(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._engine.PurgeInstances(request, context)

    def StreamInstanceHistory(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        yield from self._engine.StreamInstanceHistory(request, context)

    def SignalEntity(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._engine.SignalEntity(request, context)

    def GetEntity(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._engine.GetEntity(request, context)

    def QueryEntities(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._engine.QueryEntities(request, context)

    def CleanEntityStorage(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._engine.CleanEntityStorage(request, context)


@contextmanager
def refusals(context: Any) -> Iterator[None]:
    """Turn the hub's errors in the block into UNKNOWN, which .NET's gRPC answers for an exception."""
    try:
        yield
    except InstanceExistsError as error:
        context.abort(grpc.StatusCode.ALREADY_EXISTS, str(error))
    except HubError as error:
        context.abort(grpc.StatusCode.UNKNOWN, f"Exception was thrown by handler. {error}")


class RpcServer:
    """Serves a task hub on a free loopback port."""

    def __init__(self, hub: TaskHub, max_message_bytes: int) -> None:
        options = [
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.max_send_message_length", max_message_bytes),
        ]
        pool = ThreadPoolExecutor(MAX_CALLS, thread_name_prefix="durable-rpc")
        self._server = grpc.server(pool, options=options)
        add: Callable[..., None] = stubs.add_TaskHubSidecarServiceServicer_to_server
        add(TaskHubService(hub), self._server)
        self._port = self._server.add_insecure_port("127.0.0.1:0")

    @property
    def address(self) -> str:
        """The server's URL, without a trailing slash, which the SDK would take for a part of the port."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        self._server.start()
        log.info("Opened local gRPC endpoint: %s", self.address)

    def stop(self) -> None:
        self._server.stop(grace=0)


def text(message: Any, field: str) -> str | None:
    """Return the text of a StringValue field, or None if it is not set."""
    return getattr(message, field).value if message.HasField(field) else None


def trimmed(response: Any, request: Any) -> Any:
    """Remove custom status and failure if the request does not ask for payloads, as Azure does."""
    if response.exists and not request.getInputsAndOutputs:
        response.orchestrationState.ClearField("customStatus")
        response.orchestrationState.ClearField("failureDetails")
    return response
