"""Finds and ends all processes of a task or a node.

The process tree alone is not enough: a grandchild whose parent has ended is in no one's tree, and a cloud
that was killed leaves its tasks without a parent. So a process counts as a member if it descends from the
leader, is in the leader's session, or carries the mark: an environment variable that it inherited. A program
may hide its environment from others (prctl(2), PR_SET_DUMPABLE), or give none to those that it starts. So the
sessions of running tasks are noted in a folder, where a cloud that was killed leaves them to the next one.
"""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""

POLL = 0.02
"""Seconds between two checks whether the processes have ended."""

SAME_START = 60.0
"""Seconds by which two readings of the start of one process may differ, as the clock is set."""


@dataclass(frozen=True)
class Mark:
    """An environment variable that identifies the processes of one task or one node."""

    variable: str
    value: str


def note_session(folder: Path, leader: int) -> None:
    """Note the session of a process that leads one, and when it started."""
    try:
        started = psutil.Process(leader).create_time()
    except psutil.NoSuchProcess:
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / str(leader)).write_text(str(started))


def forget_session(folder: Path, leader: int) -> None:
    (folder / str(leader)).unlink(missing_ok=True)


def noted_sessions(folder: Path) -> frozenset[int]:
    """The noted sessions, without those whose id is another process's by now.

    The id of a session stays taken while a process is in it, also without its leader (setsid(2)).
    """
    return frozenset(int(file.name) for file in folder.glob("*") if _is_noted(file))


def _is_noted(file: Path) -> bool:
    try:
        return abs(psutil.Process(int(file.name)).create_time() - float(file.read_text())) < SAME_START
    except psutil.NoSuchProcess:
        return True


async def end(
    mark: Mark, leader: int | None = None, grace: float = GRACE, sessions: frozenset[int] = frozenset()
) -> None:
    """End all processes of `mark`, of the session of `leader`, and of `sessions`.

    Returns when none is left.
    """
    deadline = asyncio.get_running_loop().time() + grace
    asked: set[psutil.Process] = set()
    while left := await asyncio.to_thread(members, mark, leader, sessions):
        late = asyncio.get_running_loop().time() >= deadline
        for process in left:
            if late:
                _signal(process, kill=True)
            elif process not in asked:
                asked.add(process)
                _signal(process, kill=False)
        await asyncio.sleep(POLL)


def members(
    mark: Mark, leader: int | None = None, sessions: frozenset[int] = frozenset()
) -> list[psutil.Process]:
    """Return the live processes of all three, without zombies and without this process."""
    descendants = set(_descendants(leader)) if leader else set()
    led = sessions | {leader} if leader else sessions
    return [process for process in _own() if process in descendants or _belongs(process, mark, led)]


def _own() -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            alive = process.status() != psutil.STATUS_ZOMBIE
            own = process.uids().real == os.getuid()
        except psutil.Error:
            continue
        if alive and own and process.pid != os.getpid():
            yield process


def _belongs(process: psutil.Process, mark: Mark, sessions: frozenset[int]) -> bool:
    try:
        return os.getsid(process.pid) in sessions or process.environ().get(mark.variable) == mark.value
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
