"""Time as the engine sees it: the machine's, or a test's."""

import asyncio
import heapq
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime: ...

    def at(self, moment: datetime, action: Callable[[], None]) -> None:
        """Run `action` once, when `moment` has come; a moment in the past has come."""


class LoopClock:
    """The machine's time; actions run on an event loop, so a waiting timer costs no thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return datetime.now(UTC)

    def at(self, moment: datetime, action: Callable[[], None]) -> None:
        delay = max(0.0, (moment - self.now()).total_seconds())
        self._loop.call_soon_threadsafe(self._loop.call_later, delay, action)


class VirtualClock:
    """A time that stands still until a test moves it."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._order = count()
        self._waiting: list[tuple[datetime, int, Callable[[], None]]] = []

    def now(self) -> datetime:
        return self._now

    def at(self, moment: datetime, action: Callable[[], None]) -> None:
        heapq.heappush(self._waiting, (moment, next(self._order), action))

    def advance(self, limit: datetime) -> bool:
        """Go to the next action and run it; False, and no time has passed, when none comes by `limit`."""
        if not self._waiting or self._waiting[0][0] > limit:
            return False
        moment, _, action = heapq.heappop(self._waiting)
        self._now = max(self._now, moment)
        action()
        return True
