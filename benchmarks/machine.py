"""Lifetimes, memory and processor time of processes, observed from outside.

No measured process times itself. The lifetime of a process is observed through its parent's list of
children, so that localcloud's work around the trainer and the scoring process is not counted as theirs.
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
"""Kinds of child processes of the cloud, by the file that their command line names."""
POLLING_INTERVAL = 0.005 if Path("/proc/self/task").exists() else 0.05
"""Seconds between two reads of a process's children; a read is slow on systems that keep no list of them."""
CALM = 15.0
"""Percent of all processors that may be busy when a measurement starts."""
CALM_LIMIT = 30.0
"""Seconds for which a measurement waits for the machine to become that calm."""


@dataclass
class Life:
    """A child process. began, ended: first and last observation, in Unix seconds. kind: "" if unknown."""

    began: float
    ended: float = 0.0
    kind: str = ""


@dataclass
class Children:
    """Observes the children of one process during a `with` block."""

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
        """The only child of that kind. Raises LookupError unless there was exactly one."""
        found = [life for life in self.lives.values() if life.kind == kind]
        if len(found) != 1:
            raise LookupError(f"expected one {kind} process and saw {len(found)}")
        return found[0]

    def _watch(self) -> None:
        alive: set[int] = set()
        while not self._stop.wait(POLLING_INTERVAL):
            now = time.time()
            seen = set(children(self.parent))
            for pid in seen - alive:
                self.lives[pid] = Life(now)
            for pid in alive - seen:
                self.lives[pid].ended = now
            for pid in seen:
                # Between fork and exec, a child still has its parent's command line.
                life = self.lives[pid]
                life.kind = life.kind or kind_of(pid)
            alive = seen


def children(parent: int) -> list[int]:
    """The ids of the child processes that a process's main thread has started and not yet reaped."""
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
    """Memory of processes, in bytes.

    resident: RSS. shared_out: PSS, in which a page that n processes share counts 1/n for each; 0 where the
    system does not report it.
    """

    resident: int
    shared_out: int

    def __add__(self, other: "Memory") -> "Memory":
        return Memory(self.resident + other.resident, self.shared_out + other.shared_out)


def memory(processes: Mapping[str, psutil.Process]) -> dict[str, Memory]:
    """By name, the memory of a process and its descendants, without those of processes with a later name."""
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
    """By name, the processor seconds that a process has used so far, without its children."""
    return {name: sum(each.cpu_times()[:2]) for name, each in processes.items()}


def calm() -> float:
    """Wait for a calm machine, at most CALM_LIMIT seconds. Returns the percent of all processors in use."""
    deadline = time.monotonic() + CALM_LIMIT
    while (percent := psutil.cpu_percent(interval=1.0)) > CALM and time.monotonic() < deadline:
        continue
    return percent
