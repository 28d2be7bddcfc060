"""The engine's clock: the machine's time, or a virtual time that a test controls."""

import asyncio
import heapq
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime: ...

    def at(self, moment: datetime, action: Callable[[], None]) -> None:
        """Run `action` once at `moment`, or as soon as possible if `moment` is in the past."""


class LoopClock:
    """The machine's time. Actions run on an event loop, so a pending timer needs no thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return datetime.now(UTC)

    def at(self, moment: datetime, action: Callable[[], None]) -> None:
        delay = max(0.0, (moment - self.now()).total_seconds())
        self._loop.call_soon_threadsafe(self._loop.call_later, delay, action)


class VirtualClock:
    """A clock that stands still until a test advances it."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._order = count()
        self._waiting: list[tuple[datetime, int, Callable[[], None]]] = []

    def now(self) -> datetime:
        return self._now

    def at(self, moment: datetime, action: Callable[[], None]) -> None:
        heapq.heappush(self._waiting, (moment, next(self._order), action))

    def advance(self, limit: datetime) -> bool:
        """Advance to the next action and run it. Returns False, without advancing, if none is due by then."""
        if not self._waiting or self._waiting[0][0] > limit:
            return False
        moment, _, action = heapq.heappop(self._waiting)
        self._now = max(self._now, moment)
        action()
        return True
