"""Iterators that use the other cores while the caller works on what they have produced."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

AHEAD = 3
"""How many items are processed while the caller uses an earlier one."""

T = TypeVar("T")
R = TypeVar("R")


def in_order(work: Callable[[T], R], items: Iterator[T], ahead: int = AHEAD) -> Iterator[R]:
    """The results of `work` for each item, in order, computed on all cores up to `ahead` items early.

    An exception of `items` or of `work` is raised when the result of that item is due.
    """
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()


def read_ahead(items: Iterator[T], depth: int = 1) -> Iterator[T]:
    """The same items, produced in a separate thread up to `depth` of them before they are asked for."""
    with ThreadPoolExecutor(max_workers=1) as pool:

        def following() -> tuple[T] | None:
            for item in items:
                return (item,)
            return None

        waiting = deque(pool.submit(following) for _ in range(depth + 1))
        while (found := waiting.popleft().result()) is not None:
            waiting.append(pool.submit(following))
            yield found[0]
