"""Runs a task on a node: fetches its files, starts its command, and uploads what it leaves.

Fault points: `batch.task` (where: task, node; before a task's files are fetched: "delay" holds it back,
"error" fails it) and `batch.node` (where: task, node; "drop": the node is lost `seconds` after the task's
command was started).
"""

import asyncio
import shlex
from datetime import UTC, datetime

from localcloud.batch import files, processes
from localcloud.batch.node import NodeFolders, NodeName, task_environment
from localcloud.batch.processes import Mark
from localcloud.batch.tasks import Task, TaskFailedError, TaskState
from localcloud.service import Cloud
from localcloud.wire import AzureError

SIGNALLED = 128
"""A command that a signal ended is reported as 128 + the signal's number, as shells do."""


class Runner:
    """Runs the tasks of a pool. stopping: set when localcloud stops, after which nothing is uploaded."""

    def __init__(self, cloud: Cloud, folders: NodeFolders) -> None:
        self._cloud = cloud
        self._folders = folders
        self.stopping = False

    async def run(self, node: NodeName, task: Task) -> bool:
        """Run a task to its end, or to an early one; whether the node was lost under it.

        Raises TaskFailedError where the task fails for another reason than its exit code.
        """
        task.state, task.started = TaskState.PREPARING, datetime.now(UTC)
        try:
            await self._hold(node, task)
        except AzureError as error:
            raise TaskFailedError("ServerError", error.code, error.message) from error
        if task.terminated.is_set():
            raise ended_early()
        await asyncio.to_thread(files.fetch, self._cloud, task.spec, self._folders.task(task))
        return await self._execute(node, task)

    async def _hold(self, node: NodeName, task: Task) -> None:
        """Take the fault that waits for this task, but not longer than somebody wants the task."""
        fault = asyncio.create_task(self._cloud.faults.at("batch.task", task=task.id, node=node.node))
        unwanted = asyncio.create_task(task.terminated.wait())
        await asyncio.wait({fault, unwanted}, return_when=asyncio.FIRST_COMPLETED)
        unwanted.cancel()
        if fault.done():
            fault.result()
        fault.cancel()

    async def _execute(self, node: NodeName, task: Task) -> bool:
        """Run the command to its end, or to an early one; whether the node was lost under it."""
        process = await self._begin(node, task)
        task.state, task.pid = TaskState.RUNNING, process.pid
        processes.note_session(self._folders.sessions, process.pid)
        loss = asyncio.create_task(self._loss(node, task))
        ends = {asyncio.create_task(process.wait()), loss, asyncio.create_task(task.terminated.wait())}
        _, unfinished = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in unfinished:
            end.cancel()
        by_itself = process.returncode is not None
        await processes.end(Mark("AZ_BATCH_TASK_ID", task.id), leader=process.pid)
        processes.forget_session(self._folders.sessions, process.pid)
        code = await process.wait()
        if loss not in unfinished and not by_itself and not task.terminated.is_set():
            return True
        if not self.stopping:
            await asyncio.to_thread(files.upload, self._cloud, task.spec, self._folders.task(task))
        if by_itself:
            task.complete(code if code >= 0 else SIGNALLED - code)
        else:
            task.complete(failure=ended_early())
        return False

    async def _begin(self, node: NodeName, task: Task) -> asyncio.subprocess.Process:
        folder = self._folders.task(task)
        try:
            words = shlex.split(task.spec.command_line)
            stdout, stderr = await asyncio.to_thread(files.open_output, folder)
            with stdout, stderr:
                return await asyncio.create_subprocess_exec(
                    *words,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    cwd=self._folders.working(task),
                    env=task_environment(self._cloud.home, self._folders, node, task),
                    start_new_session=True,
                )
        except (OSError, ValueError, TypeError) as error:
            message = f"The command line could not be started on the node: {error}"
            raise TaskFailedError("UserError", "CommandProgramNotFound", message) from error

    async def _loss(self, node: NodeName, task: Task) -> None:
        """Returns when the node is lost; never, on an ordinary day."""
        fault = await self._cloud.faults.at("batch.node", task=task.id, node=node.node)
        if fault is not None:
            await asyncio.sleep(fault.seconds)
        else:
            await asyncio.Event().wait()


def ended_early() -> TaskFailedError:
    return TaskFailedError("UserError", "TaskEnded", "The task was ended by a request to terminate it.")
