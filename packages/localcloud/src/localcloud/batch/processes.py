"""Finds and ends all processes of a task or a node.

The process tree alone is not enough: a grandchild whose parent has ended is in no one's tree, and a cloud
that was killed leaves its tasks without a parent. So a process counts as a member if it descends from the
leader, is in the leader's session, or carries the mark: an environment variable that it inherited.
"""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""

POLL = 0.02
"""Seconds between two checks whether the processes have ended."""


@dataclass(frozen=True)
class Mark:
    """An environment variable that identifies the processes of one task or one node."""

    variable: str
    value: str


async def end(mark: Mark, leader: int | None = None, grace: float = GRACE) -> None:
    """End all processes of `mark` and of the session of `leader`; returns when none is left."""
    deadline = asyncio.get_running_loop().time() + grace
    asked: set[psutil.Process] = set()
    while left := await asyncio.to_thread(members, mark, leader):
        late = asyncio.get_running_loop().time() >= deadline
        for process in left:
            if late:
                _signal(process, kill=True)
            elif process not in asked:
                asked.add(process)
                _signal(process, kill=False)
        await asyncio.sleep(POLL)


def members(mark: Mark, leader: int | None = None) -> list[psutil.Process]:
    """Return the live processes of `mark` and of `leader`, without zombies and without this process."""
    descendants = set(_descendants(leader)) if leader else set()
    return [process for process in _own() if process in descendants or _belongs(process, mark, leader)]


def _own() -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            alive = process.status() != psutil.STATUS_ZOMBIE
            own = process.uids().real == os.getuid()
        except psutil.Error:
            continue
        if alive and own and process.pid != os.getpid():
            yield process


def _belongs(process: psutil.Process, mark: Mark, leader: int | None) -> bool:
    try:
        return (leader is not None and os.getsid(process.pid) == leader) or process.environ().get(
            mark.variable
        ) == mark.value
    except (psutil.Error, OSError):
        return False


def _descendants(leader: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(leader)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        process.kill() if kill else process.terminate()
    except psutil.NoSuchProcess:
        return
