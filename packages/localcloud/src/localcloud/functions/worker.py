"""The Python worker: Microsoft's worker library indexes the app, converts values and calls functions.

In Azure the worker is a process of its own; here it is a thread with its own event loop, in the host's
process. So an `async def` function that blocks delays other functions, as it does in Azure's single worker
process, but not the host. Functions that are not async run in the library's thread pool. The library keeps
its state in module variables, so a process can serve only one app.
"""

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import azure_functions_runtime as runtime

from localcloud.functions.failures import clock
from localcloud.functions.functions import App, Function, from_metadata
from localcloud.functions.protos import PROTOS, Message, ParameterBinding, StatusResult, TypedData

log = logging.getLogger("Host.Startup")

THREADS = "PYTHON_THREADPOOL_THREAD_COUNT"
DEBUG = "PYTHON_ENABLE_DEBUG_LOGGING"


class AppLoadError(Exception):
    """The app cannot be served because it does not import or has no functions; the text says why."""


class FunctionFailedError(Exception):
    """A function raised. `text` is `<class name>: <message>`, as the worker reports it."""

    def __init__(self, function: str, text: str, stack_trace: str) -> None:
        super().__init__(text)
        self.function = function
        self.text = text
        self.stack_trace = stack_trace


class FunctionTimeoutError(FunctionFailedError):
    """A function ran longer than host.json's functionTimeout. It may still be running."""

    def __init__(self, function: str, limit: timedelta) -> None:
        text = f"Timeout value of {clock(limit)} was exceeded by function: Functions.{function}"
        super().__init__(function, text, "")
        self.limit = limit


class Worker:
    def __init__(self, app_folder: Path, threads: int, timeout: timedelta | None) -> None:
        self._folder = app_folder
        self._threads = threads
        self._timeout = timeout
        self._running: dict[str, str] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="worker", daemon=True)

    def function_of(self, invocation_id: str) -> str | None:
        """Return the name of the function that is running under this invocation id, for the log."""
        return self._running.get(invocation_id)

    @property
    def running(self) -> int:
        return len(self._running)

    async def load(self) -> App:
        """Import the app from its folder and index it. Raises AppLoadError with the app's own error."""
        os.chdir(self._folder)
        sys.path.insert(0, str(self._folder))
        os.environ.setdefault(THREADS, str(self._threads))
        self._thread.start()
        runtime.start_threadpool_executor()
        return await self._on_loop(self._index())

    async def invoke(
        self, function: Function, given: TypedData, client: str = "", traceparent: str = ""
    ) -> TypedData | None:
        """Run a function once and return its result, converted by its bindings.

        given: the value of the trigger's parameter. client: the value of the parameters that take a durable
        client. Raises FunctionFailedError, or FunctionTimeoutError if the function takes too long.
        """
        inputs = [ParameterBinding(name=function.trigger["name"], data=given)]
        inputs += [ParameterBinding(name=name, data=TypedData(string=client)) for name in function.clients]
        return await self._on_loop(self._invoke(function, inputs, traceparent))

    def stop(self) -> None:
        """Start no more functions. A function that runs in a thread cannot be stopped and is abandoned."""
        executor = runtime.get_threadpool_executor()
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _on_loop[T](self, work: Coroutine[Any, Any, T]) -> T:
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return await asyncio.wrap_future(future)

    async def _index(self) -> App:
        folder = str(self._folder)
        init = Message(worker_init_request=Message(function_app_directory=folder, capabilities={}))
        try:
            answer = await runtime.worker_init_request(_request(init))
        except SystemExit as error:
            raise AppLoadError(f"the app ended the process while it was imported: {error!r}") from None
        if answer.result.status != StatusResult.Success:
            raise AppLoadError(answer.result.exception.stack_trace or answer.result.exception.message)
        found = await runtime.functions_metadata_request(_request(Message()))
        app = App(from_metadata(metadata) for metadata in found.function_metadata_results or ())
        if not app:
            raise AppLoadError(f"{folder} has no function_app.py, or one that registers no function")
        for function in app:
            load = Message(function_load_request=Message(function_id=function.id))
            await runtime.function_load_request(_request(load))
        return app

    async def _invoke(
        self, function: Function, inputs: list[ParameterBinding], traceparent: str
    ) -> TypedData | None:
        invocation_id = str(uuid4())
        about = logging.getLogger(f"Function.{function.name}")
        self._running[invocation_id] = function.name
        runtime.invocation_id_cv.set(invocation_id)
        about.info("Executing 'Functions.%s' (Id=%s)", function.name, invocation_id)
        started = time.monotonic()
        outcome = "Failed"
        try:
            answer = await self._answer(function, _invocation(function, invocation_id, inputs, traceparent))
            outcome = "Succeeded"
            return answer
        except FunctionTimeoutError as error:
            about.error("%s (Id=%s)", error.text, invocation_id)
            raise
        except FunctionFailedError as error:
            about.error("%s\n%s", error.text, error.stack_trace)
            raise
        finally:
            milliseconds = round((time.monotonic() - started) * 1000)
            about.info(
                "Executed 'Functions.%s' (%s, Id=%s, Duration=%dms)",
                function.name,
                outcome,
                invocation_id,
                milliseconds,
            )
            del self._running[invocation_id]

    async def _answer(self, function: Function, request: Any) -> TypedData | None:
        limit = self._timeout.total_seconds() if self._timeout else None
        try:
            response = await asyncio.wait_for(runtime.invocation_request(request), limit)
        except TimeoutError:
            assert self._timeout is not None
            raise FunctionTimeoutError(function.name, self._timeout) from None
        except SystemExit as ended:
            raise FunctionFailedError(function.name, f"SystemExit: {ended}", "") from None
        if response.result.status != StatusResult.Success:
            error = response.result.exception
            raise FunctionFailedError(function.name, error.message, error.stack_trace)
        returned: TypedData | None = response.return_value
        return returned


def _invocation(
    function: Function, invocation_id: str, inputs: list[ParameterBinding], traceparent: str
) -> Any:
    invocation = Message(
        invocation_id=invocation_id,
        function_id=function.id,
        input_data=inputs,
        trigger_metadata={},
        trace_context=Message(trace_parent=traceparent, trace_state="", attributes={}),
        retry_context=Message(retry_count=0, max_retry_count=0, exception=None),
    )
    return _request(Message(invocation_request=invocation))


def _request(content: Mapping[str, Any] | Message) -> SimpleNamespace:
    return SimpleNamespace(request=content, properties={"host": "127.0.0.1", "protos": PROTOS})


def threads_for(*limits: int, spare: int = 16) -> int:
    """Return a number of threads that leaves some free when all functions are at their concurrency limits.

    Azure's default is the number of cores plus four, so that many blocking activities delay orchestrators
    too. An app that needs more sets PYTHON_THREADPOOL_THREAD_COUNT, which this host also obeys.
    """
    return sum(limits) + spare


def debugging() -> bool:
    return os.environ.get(DEBUG, "").strip().lower() in {"1", "true", "t", "yes", "y"}
