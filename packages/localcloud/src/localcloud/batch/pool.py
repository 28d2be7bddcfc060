"""A pool: nodes that make themselves ready, slots on them, and the queue of tasks that wait for a slot.

Tasks are taken in the order in which they came. A node serves no task before its start task has
succeeded; when it has failed for good, the tasks fail with what it wrote to stderr, rather than wait for
a node that cannot come. Fault points: `batch.task` (where: task, node; before a task's files are
fetched: "delay" holds it back, "error" fails it) and `batch.node` (where: task, node; "drop": the node
is lost `seconds` after the task's command was started, so the task is queued again and runs anew).
Source: "Node start task", "Schedule tasks in a pool", "Error handling and detection in Azure Batch".
"""

import asyncio
import logging
import shlex
import shutil
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from localcloud.batch import files, processes
from localcloud.batch.node import NodeFolders, NodeName, task_environment
from localcloud.batch.node_python import NodeEnvironment
from localcloud.batch.preparation import Preparation
from localcloud.batch.processes import Mark
from localcloud.batch.scaling import NO_NODES, PoolSettings, Scaling
from localcloud.batch.start_task import StartTask
from localcloud.batch.tasks import RETENTION, Task, TaskFailedError, TaskSpec, TaskState
from localcloud.blob_urls import accounts_of, located
from localcloud.service import Cloud
from localcloud.store import Document
from localcloud.wire import AzureError

log = logging.getLogger("localcloud.batch")

KIND = "batch.task"
NODE = "tvm-localcloud"
FIRST = f"{NODE}_1"
REMEMBERED = 1000
"""Completed tasks that stay listed."""

SIGNALLED = 128
"""A command that a signal ended is reported as 128 + the signal's number, as shells do."""


@dataclass
class Node:
    """A compute node. state: "waitingForStartTask", "idle", "running" or "startTaskFailed"."""

    id: str
    state: str = "waitingForStartTask"
    failure: TaskFailedError | None = None
    running: set[str] = field(default_factory=set)

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "state": self.state,
            "runningTaskSlotsCount": len(self.running),
            "startTaskInfo": {"failureInfo": self.failure.as_dict() if self.failure else None},
        }


class Pool:
    """The pool of this cloud, which has no nodes before it is defined.

    Everything here happens in one event loop; files are touched in threads.
    """

    def __init__(self, cloud: Cloud, settings: PoolSettings) -> None:
        self.cloud = cloud
        self.settings = settings
        self.folders = NodeFolders(cloud.home.root / "batch")
        self.definition: Document = {}
        self._scaling = NO_NODES
        self.nodes: list[Node] = []
        self.tasks: dict[str, Task] = {}
        self._queue: deque[Task] = deque()
        self._running = self._stopping = False
        self._preparation: asyncio.Task[None] | None = None
        self._start_task: StartTask | None = None
        self._ready = False
        spec = cloud.spec
        environment = NodeEnvironment(
            cloud.home,
            self.folders,
            spec.node_requirements,
            spec.node_environment,
            spec.node_python,
            spec.node_environment_mark,
        )
        self._prepare = Preparation(cloud, self.folders, environment)

    def define(self, properties: Document) -> None:
        """Give the pool the properties of its resource; nodes become ready anew if those have changed.

        Raises AzureError 400 or 501 for a start task or a formula that cannot be run here.
        """
        sent, accounts = properties.get("startTask"), accounts_of(self.cloud.inventory)
        start_task = StartTask.parse(sent, partial(located, self.cloud.home, accounts)) if sent else None
        scaling = Scaling.of(properties, self.settings)
        changed = start_task != self._start_task or scaling.fixed != self._scaling.fixed
        self.definition, self._start_task, self._scaling = properties, start_task, scaling
        if not any(node.running for node in self.nodes):
            self.nodes = self.nodes[: scaling.most] if scaling.formula else []
        if changed:
            for node in self.nodes:
                node.state = "waitingForStartTask"
            self._ready = False
        self._scale()

    @property
    def name(self) -> str:
        return self.cloud.inventory.pool

    @property
    def task_slots(self) -> int:
        """How many tasks each node runs at once."""
        return self._scaling.slots

    def _node_name(self, node: str) -> NodeName:
        inventory = self.cloud.inventory
        return NodeName(node, inventory.pool, inventory.batch_account, self.cloud.batch_endpoint)

    @property
    def job(self) -> str:
        """The job in which Data Factory runs its activities on this pool."""
        return f"adfv2-{self.name}"

    async def start(self) -> None:
        """Make the nodes ready beside the server: tasks may be submitted at once."""
        await processes.end(self.folders.mark())
        await asyncio.to_thread(self._clean)
        self._running = True
        self.cloud.operations.spawn(self._make_environment())
        self._dispatch()

    async def stop(self) -> None:
        """End every process of the pool; unfinished tasks complete as terminated."""
        self._stopping = True
        if self._preparation:
            self._preparation.cancel()
        await asyncio.gather(*(self.terminate(task) for task in self.tasks.values()))
        await processes.end(self.folders.mark())

    def submit(self, id_: str, spec: TaskSpec) -> Task:
        """Queue a task. `id_` is chosen by the caller, and a folder name: a GUID."""
        task = Task(id_, self.job, spec)
        self.tasks[id_] = task
        self._forget_oldest()
        if self._scaling.formula and all(node.state == "startTaskFailed" for node in self.nodes):
            self.nodes.clear()
        keep_until = time.time() + spec.retention.total_seconds()
        self.cloud.store.put(KIND, id_, {"job": task.job, "keepUntil": keep_until})
        self._queue.append(task)
        self._dispatch()
        return task

    async def terminate(self, task: Task) -> None:
        """End `task`, running or not; returns when nothing of it is left."""
        if task in self._queue:
            self._queue.remove(task)
            task.complete(failure=ended_early())
        task.terminated.set()
        await task.completed.wait()

    def _scale(self) -> None:
        """Add the nodes that the pool is to have, and make ready those that are not."""
        wanted = self._scaling.nodes(
            len(self._queue) + sum(len(node.running) for node in self.nodes), len(self.nodes)
        )
        for number in range(len(self.nodes), wanted):
            state = "idle" if self._ready else "waitingForStartTask"
            self.nodes.append(Node(f"{NODE}_{number + 1}", state))
        waiting = any(node.state == "waitingForStartTask" for node in self.nodes)
        if waiting and self._running and not self._stopping and not self._preparing:
            self._preparation = self.cloud.operations.spawn(self._make_ready())

    @property
    def _preparing(self) -> bool:
        return self._preparation is not None and not self._preparation.done()

    def _dispatch(self) -> None:
        self._scale()
        while self._queue and not self._stopping and (node := self._free_node()):
            task = self._queue.popleft()
            task.node = node.id
            node.running.add(task.id)
            node.state = "running"
            self.cloud.operations.spawn(self._serve(node, task))
        if self.nodes and all(node.state == "startTaskFailed" for node in self.nodes):
            failure = self.nodes[0].failure
            while self._queue:
                self._queue.popleft().complete(failure=failure)

    def _free_node(self) -> Node | None:
        """A node with a free slot: the least busy one, or the busiest one where tasks are to be packed."""
        free = [
            node
            for node in self.nodes
            if node.state in ("idle", "running") and len(node.running) < self.task_slots
        ]
        packed = (self.definition.get("taskSchedulingPolicy") or {}).get("nodeFillType") == "Pack"
        return (max if packed else min)(free, key=lambda node: len(node.running), default=None)

    async def _serve(self, node: Node, task: Task) -> None:
        try:
            await self._run(node, task)
        except TaskFailedError as failure:
            task.complete(failure=failure)
        except Exception:
            log.exception("task %s broke", task.id)
            task.complete(
                failure=TaskFailedError("ServerError", "InternalError", "localcloud broke; see its log.")
            )
        finally:
            node.running.discard(task.id)
            if node.state == "running" and not node.running:
                node.state = "idle"
            self._dispatch()

    async def _run(self, node: Node, task: Task) -> None:
        task.state, task.started = TaskState.PREPARING, datetime.now(UTC)
        try:
            await self._hold(node, task)
        except AzureError as error:
            raise TaskFailedError("ServerError", error.code, error.message) from error
        if task.terminated.is_set():
            raise ended_early()
        await asyncio.to_thread(files.fetch, self.cloud, task.spec, self.folders.task(task))
        if await self._execute(node, task):
            log.info("node %s was lost; task %s is queued again", node.id, task.id)
            task.requeue()
            self._queue.appendleft(task)

    async def _hold(self, node: Node, task: Task) -> None:
        """Take the fault that waits for this task, but not longer than somebody wants the task."""
        fault = asyncio.create_task(self.cloud.faults.at("batch.task", task=task.id, node=node.id))
        unwanted = asyncio.create_task(task.terminated.wait())
        await asyncio.wait({fault, unwanted}, return_when=asyncio.FIRST_COMPLETED)
        unwanted.cancel()
        if fault.done():
            fault.result()
        fault.cancel()

    async def _execute(self, node: Node, task: Task) -> bool:
        """Run the command to its end, or to an early one; whether the node was lost under it."""
        process = await self._begin(node, task)
        task.state, task.pid = TaskState.RUNNING, process.pid
        loss = asyncio.create_task(self._loss(node, task))
        ends = {asyncio.create_task(process.wait()), loss, asyncio.create_task(task.terminated.wait())}
        _, unfinished = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in unfinished:
            end.cancel()
        by_itself = process.returncode is not None
        await processes.end(Mark("AZ_BATCH_TASK_ID", task.id), leader=process.pid)
        code = await process.wait()
        if loss not in unfinished and not by_itself and not task.terminated.is_set():
            return True
        if not self._stopping:
            await asyncio.to_thread(files.upload, self.cloud, task.spec, self.folders.task(task))
        if by_itself:
            task.complete(code if code >= 0 else SIGNALLED - code)
        else:
            task.complete(failure=ended_early())
        return False

    async def _begin(self, node: Node, task: Task) -> asyncio.subprocess.Process:
        folder = self.folders.task(task)
        try:
            words = shlex.split(task.spec.command_line)
            stdout, stderr = await asyncio.to_thread(files.open_output, folder)
            with stdout, stderr:
                return await asyncio.create_subprocess_exec(
                    *words,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    cwd=self.folders.working(task),
                    env=task_environment(self.cloud.home, self.folders, self._node_name(node.id), task),
                    start_new_session=True,
                )
        except (OSError, ValueError, TypeError) as error:
            message = f"The command line could not be started on the node: {error}"
            raise TaskFailedError("UserError", "CommandProgramNotFound", message) from error

    async def _loss(self, node: Node, task: Task) -> None:
        """Returns when the node is lost; never, on an ordinary day."""
        fault = await self.cloud.faults.at("batch.node", task=task.id, node=node.id)
        if fault is not None:
            await asyncio.sleep(fault.seconds)
        else:
            await asyncio.Event().wait()

    async def _make_environment(self) -> None:
        """Make the environment of the nodes before there are any: models score in it, too."""
        try:
            await self._prepare.environment(self._node_name(FIRST))
        except TaskFailedError as error:
            log.error("the environment of the nodes: %s", error.message)  # noqa: TRY400 - its stderr says more

    async def _make_ready(self) -> None:
        """Run the start task, once more if the pool gets another one meanwhile."""
        failure, start_task = None, self._start_task
        if start_task is not None and not start_task.wait:
            self._become("idle")
        try:
            await self._prepare.run(self._node_name(FIRST), start_task)
        except TaskFailedError as error:
            log.error("the start task failed: %s", error.message)  # noqa: TRY400 - its stderr says more
            failure = error
        if start_task != self._start_task:
            await self._make_ready()
            return
        self._ready = failure is None
        self._become("startTaskFailed" if failure else "idle", failure)
        self._preparation = None
        self._dispatch()

    def _become(self, state: str, failure: TaskFailedError | None = None) -> None:
        """Change the state of the nodes that wait for their start task."""
        for node in self.nodes:
            if node.state == "waitingForStartTask":
                node.state, node.failure = state, failure

    def _clean(self) -> None:
        """Make the node's folders, and delete the task folders whose time is over."""
        self.folders.make()
        known = dict(self.cloud.store.list(KIND))
        for folder in self.folders.jobs.glob("*/job-*/*"):
            document = known.get(folder.name, {})
            forgotten = folder.stat().st_mtime + RETENTION.total_seconds()
            if time.time() > document.get("keepUntil", forgotten):
                shutil.rmtree(folder)
                self.cloud.store.delete(KIND, folder.name)

    def _forget_oldest(self) -> None:
        completed = [id_ for id_, task in self.tasks.items() if task.completed.is_set()]
        for id_ in completed[: max(0, len(completed) - REMEMBERED)]:
            del self.tasks[id_]


def ended_early() -> TaskFailedError:
    return TaskFailedError("UserError", "TaskEnded", "The task was ended by a request to terminate it.")
