"""How jobs share the nodes of a cluster."""

import asyncio

import pytest
from localcloud.machinelearning.nodes import ComputeGoneError, Nodes


class Job:
    """A job that holds nodes until it is released."""

    def __init__(self, nodes: Nodes, count: int = 1) -> None:
        self.has_nodes = asyncio.Event()
        self.let_go = asyncio.Event()
        self.task = asyncio.create_task(self._run(nodes, count))

    async def _run(self, nodes: Nodes, count: int) -> None:
        async with nodes.taken("cpu", count):
            self.has_nodes.set()
            await self.let_go.wait()


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_no_more_nodes_are_taken_than_the_cluster_has() -> None:
    nodes = Nodes(lambda _: 2)
    jobs = [Job(nodes) for _ in range(4)]
    await settle()
    assert [job.has_nodes.is_set() for job in jobs] == [True, True, False, False]
    jobs[0].let_go.set()
    await settle()
    assert [job.has_nodes.is_set() for job in jobs] == [True, True, True, False]
    for job in jobs:
        job.let_go.set()
    await asyncio.gather(*(job.task for job in jobs))


async def test_a_large_job_is_not_overtaken_by_small_ones() -> None:
    nodes = Nodes(lambda _: 2)
    first, large, small = Job(nodes), Job(nodes, 2), Job(nodes)
    await settle()
    assert (large.has_nodes.is_set(), small.has_nodes.is_set()) == (False, False)
    first.let_go.set()
    await settle()
    assert (large.has_nodes.is_set(), small.has_nodes.is_set()) == (True, False)
    large.let_go.set()
    small.let_go.set()
    await asyncio.gather(first.task, large.task, small.task)


async def test_a_cancelled_job_gives_up_its_place_and_its_nodes() -> None:
    nodes = Nodes(lambda _: 1)
    running, waiting, last = Job(nodes), Job(nodes), Job(nodes)
    await settle()
    waiting.task.cancel()
    running.task.cancel()
    await settle()
    assert last.has_nodes.is_set()
    last.let_go.set()
    await last.task


async def test_waiting_jobs_see_a_cluster_that_grows_or_goes() -> None:
    maximum: dict[str, int | None] = {"cpu": 0}
    nodes = Nodes(lambda name: maximum[name])
    first, second = Job(nodes), Job(nodes)
    await settle()
    assert not first.has_nodes.is_set()
    maximum["cpu"] = 1
    await nodes.changed()
    await settle()
    assert first.has_nodes.is_set()
    maximum["cpu"] = None
    await nodes.changed()
    with pytest.raises(ComputeGoneError):
        await second.task
    first.let_go.set()
    await first.task
