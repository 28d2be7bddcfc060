"""Processes that must not outlive what started them: found as a whole, ended as a whole.

A process tree is not enough: a grandchild whose parent has gone is in nobody's tree, and a cloud that
was killed leaves tasks without any parent. So a process counts as a member when it descends from the
leader, is in the leader's session, or carries the mark: an environment variable that it inherited.
"""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

GRACE = 2.0
"""Seconds between the request to end (SIGTERM) and the end (SIGKILL)."""

POLL = 0.02
"""Seconds between two looks at whether the processes are gone."""


@dataclass(frozen=True)
class Mark:
    """An environment variable by which the processes of one task, or of one node, are known."""

    variable: str
    value: str


async def end(mark: Mark, leader: int | None = None, grace: float = GRACE) -> None:
    """End every process of `mark` and of the session of `leader`; returns when none is left."""
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
    """The live processes of `mark` and of `leader`; a zombie is not alive, and this process no member."""
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
