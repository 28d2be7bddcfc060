"""The nodes of the compute clusters, which limit how many jobs run at once.

Jobs of a cluster wait, in the order in which they came, until the cluster has enough free nodes. A job that
needs more nodes than its cluster's maximum, which may be 0, stays queued, as in Azure.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class ComputeGoneError(Exception):
    """The cluster was deleted while a job waited for nodes; the text names it."""


class Nodes:
    """The nodes that jobs occupy. maximum: returns a cluster's current maximum, or None if it was deleted."""

    def __init__(self, maximum: Callable[[str], int | None]) -> None:
        self._maximum = maximum
        self._taken: dict[str, int] = defaultdict(int)
        self._waiting: dict[str, list[object]] = defaultdict(list)
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def taken(self, compute: str, count: int) -> AsyncIterator[None]:
        """Occupy `count` nodes of a cluster during the block. Raises ComputeGoneError."""
        ticket = object()
        queue = self._waiting[compute.lower()]
        queue.append(ticket)
        held = False
        try:
            async with self._changed:
                try:
                    await self._changed.wait_for(lambda: queue[0] is ticket and self._fits(compute, count))
                    self._taken[compute.lower()] += count
                    held = True
                finally:
                    queue.remove(ticket)
                    self._changed.notify_all()
            yield
        finally:
            if held:
                self._taken[compute.lower()] -= count
                await self.changed()

    async def changed(self) -> None:
        """Have waiting jobs check again, after a cluster was scaled or deleted or nodes became free."""
        async with self._changed:
            self._changed.notify_all()

    def _fits(self, compute: str, count: int) -> bool:
        maximum = self._maximum(compute)
        if maximum is None:
            raise ComputeGoneError(f"The compute '{compute}' was deleted.")
        return self._taken[compute.lower()] + count <= maximum
