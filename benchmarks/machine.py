"""The machine, seen from outside: which processes live for how long, what memory they hold, who is busy.

Nothing measured says how long it took itself: a process's life is seen from its parent's list of children,
so that what localcloud does around the trainer and the scoring process is not counted as theirs.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

KINDS = {"main.py": "trainer", "driver.py": "scoring"}
"""What a child of the cloud is, by the file that its command line names."""
LOOK = 0.005 if Path("/proc/self/task").exists() else 0.05
"""Seconds between two looks at a process's children; dear where the system has no list of them."""
CALM = 15.0
"""Percent of all processors that may be busy when a measurement begins."""
CALM_LIMIT = 30.0
"""Seconds that a measurement waits for that."""


@dataclass
class Life:
    """A child process: when it was first and last seen, in seconds since 1970. kind: "" for a stranger."""

    began: float
    ended: float = 0.0
    kind: str = ""


@dataclass
class Children:
    """Watches the children of one process while the block lasts."""

    parent: int
    lives: dict[int, Life] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, name="children", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def only(self, kind: str) -> Life:
        """The one child of that kind. Raises LookupError when there was none, or another one."""
        found = [life for life in self.lives.values() if life.kind == kind]
        if len(found) != 1:
            raise LookupError(f"{len(found)} {kind} processes were seen where one was expected")
        return found[0]

    def _watch(self) -> None:
        alive: set[int] = set()
        while not self._stop.wait(LOOK):
            now = time.time()
            seen = set(children(self.parent))
            for pid in seen - alive:
                self.lives[pid] = Life(now)
            for pid in alive - seen:
                self.lives[pid].ended = now
            for pid in seen:
                # Between fork and exec a child still looks like its parent.
                life = self.lives[pid]
                life.kind = life.kind or kind_of(pid)
            alive = seen


def children(parent: int) -> list[int]:
    """The ids of the processes that a process's main thread has started and not yet waited for."""
    try:
        return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    except FileNotFoundError:
        return [child.pid for child in psutil.Process(parent).children()]


def kind_of(pid: int) -> str:
    try:
        words = " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""
    return next((kind for file, kind in KINDS.items() if file in words), "")


@dataclass(frozen=True)
class Memory:
    """Bytes that processes hold. shared out: PSS, where a page of n processes counts 1/n for each; else 0."""

    resident: int
    shared_out: int

    def __add__(self, other: "Memory") -> "Memory":
        return Memory(self.resident + other.resident, self.shared_out + other.shared_out)


def memory(processes: Mapping[str, psutil.Process]) -> dict[str, Memory]:
    """By name, what a process holds now, with all below it that is not below a later name."""
    found: dict[str, Memory] = {}
    counted: set[psutil.Process] = set()
    for name, process in reversed(list(processes.items())):
        family = {process, *process.children(recursive=True)} - counted
        found[name] = sum(map(held, family), Memory(0, 0))
        counted |= family
    return {name: found[name] for name in processes}


def held(process: psutil.Process) -> Memory:
    try:
        full = process.memory_full_info()
    except psutil.NoSuchProcess:
        return Memory(0, 0)
    return Memory(full.rss, getattr(full, "pss", 0))


def busy(processes: Mapping[str, psutil.Process]) -> dict[str, float]:
    """By name, the processor seconds that a process itself has used so far."""
    return {name: sum(each.cpu_times()[:2]) for name, each in processes.items()}


def calm() -> float:
    """Wait until the machine has little else to do, but not for long; the percent it is busy with then."""
    deadline = time.monotonic() + CALM_LIMIT
    while (percent := psutil.cpu_percent(interval=1.0)) > CALM and time.monotonic() < deadline:
        continue
    return percent
