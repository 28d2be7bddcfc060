"""The stack: Azurite, the cloud and the Functions host, started, watched and stopped as one.

    with stack.start(home, spec) as running:
        running.controls.arm_fault("http", "error")

A stack lives in the process that started it: the command line's supervisor, a test, a benchmark. It holds
the home's lock, so that there is one stack per home. Each part runs under a parent watchdog
(localcloud.parent_watchdog), so that no part outlives the stack. `stack.json` records what
runs, for everyone else.
"""

import contextlib
import fcntl
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Literal, Self

import psutil

from localcloud import environment
from localcloud.home import Home
from localcloud.parts import (
    Part,
    PartFailedError,
    Plan,
    PortTakenError,
    StackError,
    State,
    answers,
    check_ports,
    descendants,
    end,
    left_after,
    listens,
)
from localcloud.spec import CloudSpec, kept_in, of_home

if TYPE_CHECKING:
    from localcloud.controls import Controls

__all__ = [
    "AlreadyRunningError",
    "PartFailedError",
    "PortTakenError",
    "Record",
    "Stack",
    "StackError",
    "clean_up",
    "is_locked",
    "start",
]

PartName = Literal["azurite", "cloud", "functions"]
PARTS: tuple[PartName, ...] = ("azurite", "functions", "cloud")
CLOCK_TOLERANCE = 5.0
"""Seconds by which two readings of one process's start may differ: the machine's clock may be set."""


WATCHDOG_LIMIT = 10.0
"""Seconds that the parts of a killed stack may take to end by themselves."""


class AlreadyRunningError(StackError):
    """This home has a stack already."""


@dataclass(frozen=True)
class PartRecord:
    """created and since are seconds since 1970: the process's start, and that of its state."""

    name: str
    state: State
    since: float
    log: str
    pid: int | None = None
    created: float | None = None
    exit_code: int | None = None


@dataclass(frozen=True)
class Record:
    """What `stack.json` says. error: why the stack could not be started."""

    pid: int
    created: float
    state: Literal["starting", "running", "stopping", "failed"]
    since: float
    parts: list[PartRecord]
    error: str = ""

    @classmethod
    def read(cls, home: Home) -> "Record | None":
        """The record of the stack that runs, or of the last one if it exited without cleaning up."""
        try:
            kept = json.loads(record_file(home).read_text())
        except FileNotFoundError:
            return None
        return cls(**{**kept, "parts": [PartRecord(**part) for part in kept["parts"]]})

    @property
    def process(self) -> psutil.Process | None:
        """The process of the stack, while it lives."""
        return recorded_process(self.pid, self.created)


def record_file(home: Home) -> Path:
    return home.root / "stack.json"


class Lock:
    """Held by the process of a stack; the system lets go of it when that process is gone."""

    def __init__(self, home: Home) -> None:
        self._path = home.root / "stack.lock"
        self._file: IO[str] | None = None

    def acquire(self) -> bool:
        file = self._path.open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    def release(self) -> None:
        if self._file:
            self._file.close()
            self._file = None


def is_locked(home: Home) -> bool:
    """Whether a stack of this home runs now."""
    lock = Lock(home)
    free = lock.acquire()
    lock.release()
    return not free


class Stack:
    """The processes of one home, which serve `spec`: Azurite, the cloud, and a Functions host for the app.

    Without `functions`, the app is left to `func start`. Without `spec`, the home is served with its latest
    one. app_settings override the settings of the site, cloud_settings the cloud process's environment:
    LOCALCLOUD_POOL_TASK_SLOTS and the like.
    """

    def __init__(
        self,
        home: Home,
        spec: CloudSpec | None = None,
        *,
        app_settings: Mapping[str, str] | None = None,
        cloud_settings: Mapping[str, str] | None = None,
        functions: bool = True,
    ) -> None:
        self.home = home
        self.spec = of_home(home) if spec is None else spec
        hosted = functions and self.spec.app is not None
        self._names = [name for name in PARTS if hosted or name != "functions"]
        self._app_settings = dict(app_settings or {})
        self._cloud_settings = dict(cloud_settings or {})
        self._lock = Lock(home)
        self._record_state: Literal["starting", "running", "stopping", "failed"] = "starting"
        self._since = time.time()
        self.parts: dict[PartName, Part] = {}

    def start(self, meanwhile: Callable[[], None] | None = None) -> Self:
        """Start everything; returns when all of it is healthy, and leaves nothing behind when it raises.

        `meanwhile` is called once storage and the cloud are there, while the Functions host still starts:
        time to publish what the app needs.

        Raises AlreadyRunningError, PortTakenError, PartFailedError, or StackError when a program is missing.
        """
        if not self._lock.acquire():
            raise AlreadyRunningError(f"a stack of {self.home.root} is already running.")
        try:
            clean_up(self.home)
            self._start_parts(meanwhile)
        except BaseException as error:
            self._record_state = "failed"
            self._stop_parts()
            self.write(str(error) or type(error).__name__)
            self._lock.release()
            raise
        self._record_state, self._since = "running", time.time()
        self.write()
        return self

    def stop(self) -> None:
        """Stop everything, in the order in which the parts need each other; safe to call again."""
        if not self.parts:
            return
        self._record_state = "stopping"
        self.write()
        self._stop_parts()
        record_file(self.home).unlink(missing_ok=True)
        self._lock.release()

    def start_part(self, name: PartName) -> None:
        """Start a part that does not run; returns when it is healthy."""
        self.parts[name] = Part(self._plan(name))
        self.parts[name].start()
        self.parts[name].wait_until_healthy()
        self.write()

    def stop_part(self, name: PartName, *, kill: bool = False) -> None:
        """Stop one part; `kill` does it as a crash would."""
        if kill:
            self.parts[name].kill()
        self.parts[name].stop()
        self.write()

    def restart(
        self,
        name: PartName,
        *,
        kill: bool = False,
        app_settings: Mapping[str, str] | None = None,
        cloud_settings: Mapping[str, str] | None = None,
    ) -> None:
        """Stop one part and start it again, with other settings where they are given."""
        self._app_settings |= app_settings or {}
        self._cloud_settings |= cloud_settings or {}
        self.stop_part(name, kill=kill)
        self.start_part(name)

    def revive(self) -> list[PartName]:
        """Start again what has died; the names of it."""
        dead = [name for name, part in self.parts.items() if part.state == "died"]
        for name in dead:
            self.parts[name].stop()
            self.start_part(name)
        return dead

    def resident_bytes(self) -> dict[str, int]:
        """Memory that the processes hold now (RSS), by part, with what each has started."""
        return {
            name: sum(resident(each) for each in [psutil.Process(part.pid), *descendants(part.pid)])
            for name, part in self.parts.items()
            if part.pid is not None
        }

    @cached_property
    def controls(self) -> "Controls":
        """A client of this cloud's controls."""
        from localcloud.controls import Controls

        return Controls(self.home)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if "controls" in self.__dict__:
            self.controls.close()
        self.stop()

    def write(self, error: str = "") -> None:
        """Write down what runs now."""
        parts = [
            PartRecord(
                name,
                part.state,
                part.since,
                str(part.plan.log),
                part.pid,
                created(part.pid) if part.pid else None,
                part.exit_code,
            )
            for name, part in self.parts.items()
        ]
        own = os.getpid()
        record = Record(own, created(own) or 0.0, self._record_state, self._since, parts, error)
        draft = record_file(self.home).with_suffix(".partial")
        draft.write_text(json.dumps(asdict(record), indent=1))
        draft.replace(record_file(self.home))

    def _start_parts(self, meanwhile: Callable[[], None] | None) -> None:
        from localcloud import certificates

        certificates.ensure(self.home)
        self.spec.write(kept_in(self.home))
        plans = {name: self._plan(name) for name in self._names}
        check_ports({what: port for plan in plans.values() for what, port in plan.ports.items()})
        self.parts = {name: Part(plan) for name, plan in plans.items()}
        # All at once: the cloud waits for storage by itself, before it applies its resources.
        for part in self.parts.values():
            part.start()
        self.write()
        self.parts["azurite"].wait_until_healthy()
        self.parts["cloud"].wait_until_healthy()
        self.write()
        if meanwhile is not None:
            meanwhile()
        for part in self.parts.values():
            part.wait_until_healthy()

    def _stop_parts(self) -> None:
        order: tuple[PartName, ...] = ("functions", "cloud", "azurite")
        for part in (self.parts[name] for name in order if name in self.parts):
            part.stop()
        self.parts = {}
        # A cloud that died could not end its tasks.
        end(tasks(self.home))

    def _plan(self, name: PartName) -> Plan:
        return {"azurite": self._azurite, "cloud": self._cloud, "functions": self._functions}[name]()

    def _azurite(self) -> Plan:
        from localcloud import storage

        ports = self.home.ports
        try:
            node, *arguments = storage.command(self.home, self.spec.app)
        except storage.StorageUnavailableError as error:
            raise StackError(str(error)) from None
        return Plan(
            "azurite",
            [
                node,
                "--require",
                str(Path(__file__).with_name("parent_watchdog.cjs")),
                *arguments,
            ],
            self.home.root,
            environment.of_storage(self.home),
            {"blob": ports.blob, "queue": ports.queue, "table": ports.table},
            self.home.logs / "azurite.log",
            lambda: listens(ports.blob, ports.queue, ports.table),
        )

    def _cloud(self) -> Plan:
        ports, key = self.home.ports, {"X-Localcloud-Key": self.home.control_key}
        return Plan(
            "cloud",
            with_parent_watchdog("localcloud.cloud", str(self.home.root)),
            self.home.root,
            environment.of_cloud(self.home, self._cloud_settings),
            {"arm": ports.arm, "identity": ports.identity},
            self.home.logs / "cloud.log",
            lambda: answers(ports.identity, "/localcloud/health", key) is not None and listens(ports.arm),
        )

    def _functions(self) -> Plan:
        assert self.spec.app is not None
        port = self.home.ports.functions
        keys = str(self.home.root / "keys.json")
        return Plan(
            "functions",
            with_parent_watchdog(
                "localcloud.functions", "--app", str(self.spec.app), "--port", str(port), "--keys", keys
            ),
            self.spec.app,
            environment.of_functions(self.home, self.spec, self._app_settings),
            {"functions": port},
            self.home.logs / "functions.log",
            lambda: (answers(port, "/admin/host/status") or {}).get("state") == "Running",
        )


def start(
    home: Home,
    spec: CloudSpec | None = None,
    *,
    meanwhile: Callable[[], None] | None = None,
    app_settings: Mapping[str, str] | None = None,
    cloud_settings: Mapping[str, str] | None = None,
) -> Stack:
    """A stack of `home` that runs and is healthy; the caller stops it, or leaves it to `with`."""
    return Stack(home, spec, app_settings=app_settings, cloud_settings=cloud_settings).start(meanwhile)


def with_parent_watchdog(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "localcloud.parent_watchdog", module, *arguments]


def clean_up(home: Home) -> None:
    """End what an earlier stack of this home left behind. Call it only where no stack of it runs.

    The parent watchdog ends the parts of a killed stack within seconds; this function waits for that and
    ends every process that is still running. A process is identified by its id, its start time and the home
    in its command line or environment, so that no one else's process is touched.
    """
    record = Record.read(home)
    parts = record.parts if record else []
    kept = [(part.pid, part.created) for part in parts if part.pid and part.created]
    known = [each for pid, moment in kept if (each := recorded_process(pid, moment, str(home.root)))]
    left = left_after(WATCHDOG_LIMIT, known)
    end([*left, *(child for process in left for child in descendants(process.pid)), *tasks(home)])
    record_file(home).unlink(missing_ok=True)


def recorded_process(pid: int, moment: float, word: str = "") -> psutil.Process | None:
    """The process with that id, if it is the one that was written down: its start tells a reused id apart.

    word: what its command line must contain.
    """
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - moment) < CLOCK_TOLERANCE
        return process if same and word in " ".join(process.cmdline()) else None
    except psutil.Error:
        return None


def tasks(home: Home) -> list[psutil.Process]:
    """The processes that a Batch node of this home started and that are still running."""
    root = str(home.root / "batch")
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.uids().real == os.getuid() and process.environ().get("AZ_BATCH_NODE_ROOT_DIR") == root:
                found.append(process)
    return found


def created(pid: int) -> float | None:
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
