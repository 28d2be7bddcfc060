"""A pool: nodes that make themselves ready, slots on them, and the queue of tasks that wait for a slot.

Tasks are taken in the order in which they came. A node serves no task before its start task has
succeeded; when it has failed for good, the tasks fail with what it wrote to stderr, rather than wait for
a node that cannot come. A task whose node is lost is queued again and runs anew. A formula is evaluated when
a task comes, which can add nodes, and at each end of the pool's interval, which can also remove idle ones.
Source: "Node start task", "Schedule tasks in a pool", "Error handling and detection in Azure Batch".
"""

import asyncio
import logging
import shutil
import time
from collections import deque
from functools import partial

from localcloud.batch import nodes, processes
from localcloud.batch.node import NodeFolders, NodeName
from localcloud.batch.node_python import NodeEnvironment
from localcloud.batch.nodes import FIRST, Node
from localcloud.batch.preparation import Preparation
from localcloud.batch.running import Runner, ended_early
from localcloud.batch.scaling import NO_NODES, PoolSettings, Scaling
from localcloud.batch.start_task import StartTask
from localcloud.batch.tasks import RETENTION, Task, TaskFailedError, TaskSpec
from localcloud.blob_urls import accounts_of, located
from localcloud.service import Cloud
from localcloud.store import Document

log = logging.getLogger("localcloud.batch")

KIND = "batch.task"
REMEMBERED = 1000
"""Completed tasks that stay listed."""


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
        self._running = False
        self._runner = Runner(cloud, self.folders)
        self._preparation: asyncio.Task[None] | None = None
        self._evaluations: asyncio.Task[None] | None = None
        self._most_tasks = 0
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
        await self._end_processes()
        await asyncio.to_thread(self._clean)
        self._running = True
        self.cloud.operations.spawn(self._make_environment())
        self._evaluations = self.cloud.operations.spawn(self._evaluate_regularly())
        self._dispatch()

    async def stop(self) -> None:
        """End every process of the pool; unfinished tasks complete as terminated."""
        self._runner.stopping = True
        for background in (self._preparation, self._evaluations):
            if background:
                background.cancel()
        await asyncio.gather(*(self.terminate(task) for task in self.tasks.values()))
        await self._end_processes()

    async def _end_processes(self) -> None:
        """End every process of the nodes, also those that a killed cloud has left."""
        noted = processes.noted_sessions(self.folders.sessions)
        await processes.end(self.folders.mark(), sessions=noted)
        await asyncio.to_thread(shutil.rmtree, self.folders.sessions, ignore_errors=True)

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

    def evaluate(self) -> None:
        """The end of an interval of the pool's formula: add nodes, or remove idle ones, never during a task.

        What counts is the most tasks that there were in the interval: localcloud keeps no other samples.
        """
        if self._scaling.formula:
            wanted = self._scaling.nodes(max(self._most_tasks, self._tasks), len(self.nodes))
            nodes.remove_idle(self.nodes, wanted)
            # A node that comes later is a new one.
            self._ready = self._ready and bool(self.nodes)
        self._most_tasks = self._tasks
        self._dispatch()

    async def _evaluate_regularly(self) -> None:
        while True:
            await asyncio.sleep(self._scaling.interval)
            self.evaluate()

    @property
    def _tasks(self) -> int:
        """How many tasks wait or run."""
        return len(self._queue) + sum(len(node.running) for node in self.nodes)

    def _scale(self) -> None:
        """Add the nodes that the pool is to have, and make ready those that are not."""
        self._most_tasks = max(self._most_tasks, self._tasks)
        wanted = self._scaling.nodes(self._tasks, len(self.nodes))
        nodes.add(self.nodes, wanted, "idle" if self._ready else "waitingForStartTask")
        waiting = any(node.state == "waitingForStartTask" for node in self.nodes)
        if waiting and self._running and not self._runner.stopping and not self._preparing:
            self._preparation = self.cloud.operations.spawn(self._make_ready())

    @property
    def _preparing(self) -> bool:
        return self._preparation is not None and not self._preparation.done()

    def _dispatch(self) -> None:
        self._scale()
        while self._queue and not self._runner.stopping and (node := self._free()):
            task = self._queue.popleft()
            task.node = node.id
            node.running.add(task.id)
            node.state = "running"
            self.cloud.operations.spawn(self._serve(node, task))
        if self.nodes and all(node.state == "startTaskFailed" for node in self.nodes):
            failure = self.nodes[0].failure
            while self._queue:
                self._queue.popleft().complete(failure=failure)

    def _free(self) -> Node | None:
        packed = (self.definition.get("taskSchedulingPolicy") or {}).get("nodeFillType") == "Pack"
        return nodes.free(self.nodes, self.task_slots, packed=packed)

    async def _serve(self, node: Node, task: Task) -> None:
        try:
            if await self._runner.run(self._node_name(node.id), task):
                log.info("node %s was lost; task %s is queued again", node.id, task.id)
                task.requeue()
                self._queue.appendleft(task)
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
        self._ready = failure is None and bool(self.nodes)
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
