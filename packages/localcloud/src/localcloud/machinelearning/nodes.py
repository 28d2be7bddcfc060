"""The nodes of the compute clusters: how many jobs run at once.

A job waits, first come first served per cluster, until its nodes fit below the cluster's maximum. A cluster
with a maximum of 0, or fewer nodes than a job wants, leaves it queued, as Azure does.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class ComputeGoneError(Exception):
    """The cluster was deleted while a job waited for its nodes; the text names it."""


class Nodes:
    """Nodes taken by jobs. maximum: the nodes that a cluster may have now, None when it is gone."""

    def __init__(self, maximum: Callable[[str], int | None]) -> None:
        self._maximum = maximum
        self._taken: dict[str, int] = defaultdict(int)
        self._waiting: dict[str, list[object]] = defaultdict(list)
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def taken(self, compute: str, count: int) -> AsyncIterator[None]:
        """Holds `count` nodes of a cluster. Raises ComputeGoneError."""
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
        """Look again: a cluster was scaled or deleted, or nodes became free."""
        async with self._changed:
            self._changed.notify_all()

    def _fits(self, compute: str, count: int) -> bool:
        maximum = self._maximum(compute)
        if maximum is None:
            raise ComputeGoneError(f"The compute '{compute}' was deleted.")
        return self._taken[compute.lower()] + count <= maximum
