"""The Durable extension's side of an app: passes the engine's work to the worker and the results back.

One thread takes work items from the engine. Each item becomes a task of the host's event loop, which waits
until fewer functions of its kind run than host.json's maxConcurrent…Functions allows, has the worker run the
function, and gives the engine the result. So functions of one kind never delay those of another.
"""

import asyncio
import json
import logging
import threading
from collections.abc import Awaitable
from typing import Any
from urllib.parse import urlencode

import durabletask.internal.helpers as helpers
import durabletask.internal.orchestrator_service_pb2 as pb

from localcloud.functions import failures, protocol
from localcloud.functions.direct import DirectCall
from localcloud.functions.engine import Engine
from localcloud.functions.functions import App, Function
from localcloud.functions.hostjson import HostSettings
from localcloud.functions.hub import unknown_function
from localcloud.functions.protos import TypedData
from localcloud.functions.worker import FunctionFailedError, FunctionTimeoutError, Worker

log = logging.getLogger("Host.Durable")

Details = pb.TaskFailureDetails


class Dispatcher:
    """Runs the durable functions of an app. Call start and stop on the host's event loop."""

    def __init__(self, engine: Engine, worker: Worker, app: App, settings: HostSettings, client: str) -> None:
        self._engine = engine
        self._worker = worker
        self._app = app
        self._client = client
        self._orchestrators = asyncio.Semaphore(settings.max_orchestrators)
        self._activities = asyncio.Semaphore(settings.max_activities)
        self._entities = asyncio.Semaphore(settings.max_entities)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = threading.Event()

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._take, args=(loop,), name="durable-work", daemon=True).start()

    async def stop(self, grace: float) -> None:
        """Take no more work and wait up to `grace` seconds for running functions.

        Work that is not done by then is lost with the engine.
        """
        self._stopping.set()
        self._engine.wake()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)

    def _take(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._stopping.is_set():
            for item in self._engine.work_items(self._stopping.is_set):
                loop.call_soon_threadsafe(self._begin, item)

    def _begin(self, item: pb.WorkItem) -> None:
        task = asyncio.ensure_future(self._work(item))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("A durable work item was lost to an error of the host", exc_info=task.exception())

    def _work(self, item: pb.WorkItem) -> Awaitable[None]:
        if item.HasField("orchestratorRequest"):
            return self._orchestrate(item.orchestratorRequest, item.completionToken)
        if item.HasField("activityRequest"):
            return self._act(item.activityRequest, item.completionToken)
        return self._operate(item.entityRequestV2, item.completionToken)

    async def _orchestrate(self, request: pb.OrchestratorRequest, token: str) -> None:
        async with self._orchestrators:
            name = protocol.orchestrator_name(request)
            returned = await self._run("orchestrationTrigger", name, TypedData(string=protocol.text(request)))
        if isinstance(returned, Details):
            response = protocol.failed_orchestration(request.instanceId, token, returned)
        else:
            response = protocol.orchestrator_response(returned, request.instanceId, token)
        self._engine.CompleteOrchestratorTask(response, DirectCall())

    async def _act(self, request: pb.ActivityRequest, token: str) -> None:
        async with self._activities:
            given = TypedData(json=request.input.value if request.HasField("input") else "null")
            result = await self._run("activityTrigger", request.name, given)
        self._engine.CompleteActivityTask(protocol.activity_response(request, token, result), DirectCall())

    async def _operate(self, request: pb.EntityRequest, token: str) -> None:
        batch, infos = helpers.convert_to_entity_batch_request(request)
        async with self._entities:
            name = request.instanceId.split("@")[1]
            returned = await self._run("entityTrigger", name, TypedData(string=protocol.text(batch)))
        if isinstance(returned, Details):
            result = protocol.failed_entity(batch, infos, token, returned)
        else:
            result = protocol.entity_result(returned, infos, token)
        self._engine.CompleteEntityTask(result, DirectCall())

    async def _run(self, kind: str, name: str, given: TypedData) -> str | Details:
        """Return the function's result as text, or the details of its failure."""
        function = self._app.durable(kind, name)
        if function is None:
            return failures.details("FunctionNotFound", unknown_function(self._app, kind, name))
        if function.not_served:
            return failures.details("System.NotImplementedException", not_served(function))
        try:
            returned = await self._worker.invoke(function, given, self._client)
        except FunctionTimeoutError as error:
            return failures.timed_out(function.name, error.limit)
        except FunctionFailedError as error:
            return failures.from_worker(error.text, error.stack_trace)
        return str(returned.value) if returned is not None else "null"


def client_binding(settings: HostSettings, rpc_address: str, origin: str, key: str) -> str:
    """Return the value of a durable client binding, from which azure.durable_functions makes its clients.

    `origin` is the host's address, such as http://127.0.0.1:7071. A client that handles a request puts that
    request's origin into its URLs instead.
    """
    base = f"{origin}/runtime/webhooks/durabletask"
    required = required_query(settings, key)
    return json.dumps(
        {
            "taskHubName": settings.task_hub,
            "connectionName": settings.connection,
            "creationUrls": creation_urls(base, required),
            "managementUrls": management_urls(base, "INSTANCEID", required),
            "baseUrl": base,
            "httpBaseUrl": base,
            "requiredQueryStringParameters": required,
            "rpcBaseUrl": rpc_address,
            "useForwardedHost": False,
            "maxGrpcMessageSizeInBytes": settings.max_message_bytes,
            "grpcHttpClientTimeout": "00:01:40",
        }
    )


def required_query(settings: HostSettings, key: str) -> str:
    """Return the query string that every URL of the management API carries."""
    return urlencode({"taskHub": settings.task_hub, "connection": settings.connection, "code": key})


def creation_urls(base: str, required: str) -> dict[str, str]:
    start = f"{base}/orchestrators/{{functionName}}[/{{instanceId}}]"
    wait = "timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}"
    return {
        "createNewInstancePostUri": f"{start}?{required}",
        "createAndWaitOnNewInstancePostUri": f"{start}?{wait}&{required}",
    }


def management_urls(base: str, instance: str, required: str) -> dict[str, Any]:
    """Return the URLs that manage one instance. `instance` is its id, percent-encoded."""
    here = f"{base}/instances/{instance}"
    return {
        "id": instance,
        "statusQueryGetUri": f"{here}?{required}",
        "sendEventPostUri": f"{here}/raiseEvent/{{eventName}}?{required}",
        "terminatePostUri": f"{here}/terminate?reason={{text}}&{required}",
        "rewindPostUri": f"{here}/rewind?reason={{text}}&{required}",
        "purgeHistoryDeleteUri": f"{here}?{required}",
        "restartPostUri": f"{here}/restart?{required}",
        "suspendPostUri": f"{here}/suspend?reason={{text}}&{required}",
        "resumePostUri": f"{here}/resume?reason={{text}}&{required}",
    }


def not_served(function: Function) -> str:
    kinds = ", ".join(function.not_served)
    return f"localcloud does not imitate the bindings of function '{function.name}' ({kinds})."
