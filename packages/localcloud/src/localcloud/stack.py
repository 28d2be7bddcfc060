"""The stack: Azurite, the cloud and the Functions host, which are started, monitored and stopped together.

    with stack.start(home, spec) as running:
        running.controls.arm_fault("http", "error")

A stack belongs to the process that started it: the command line's supervisor, a test, a benchmark. That
process holds the home's lock, so that a home has at most one stack. Each part runs under a parent watchdog
(localcloud.parent_watchdog), so that no part outlives the stack. `stack.json` tells other processes what
runs.
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
from localcloud.functions.site import STATUS, site_file
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
from localcloud.spec import CloudSpec, of_home, spec_file

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
"""Seconds by which two readings of one process's start time may differ, because someone may set the clock."""
ASKING_SECONDS = 0.001
"""Seconds until a stack tries again to take its lock, while others ask for it."""
WATCHDOG_LIMIT = 10.0
"""Seconds within which the watchdogs must have ended the parts of a killed stack."""


class AlreadyRunningError(StackError):
    """The home already has a running stack."""


@dataclass(frozen=True)
class PartRecord:
    """One part in `stack.json`. created and since: start of the process and of its state, in Unix time."""

    name: str
    state: State
    since: float
    log: str
    pid: int | None = None
    created: float | None = None
    exit_code: int | None = None


@dataclass(frozen=True)
class Record:
    """The content of `stack.json`. error: why the stack could not be started."""

    pid: int
    created: float
    state: Literal["starting", "running", "stopping", "failed"]
    since: float
    parts: list[PartRecord]
    error: str = ""

    @classmethod
    def read(cls, home: Home) -> "Record | None":
        """The record of the running stack, or of the last one if it exited without cleaning up."""
        try:
            kept = json.loads(record_file(home).read_text())
        except FileNotFoundError:
            return None
        return cls(**{**kept, "parts": [PartRecord(**part) for part in kept["parts"]]})

    @property
    def process(self) -> psutil.Process | None:
        """The process of the stack, or None if it has ended."""
        return recorded_process(self.pid, self.created)


def record_file(home: Home) -> Path:
    return home.root / "stack.json"


class Lock:
    """A lock that a stack's process holds; the operating system releases it when that process ends.

    Who only asks whether it is held shares it for a moment, which nobody takes for a stack.
    """

    def __init__(self, home: Home) -> None:
        self._path = home.root / "stack.lock"
        self._file: IO[str] | None = None

    def acquire(self) -> bool:
        """Whether the lock could be taken, which it cannot while a stack holds it."""
        file = self._path.open("a")
        while not locked_as(fcntl.LOCK_EX, file):
            if not locked_as(fcntl.LOCK_SH, file):
                file.close()
                return False
            fcntl.flock(file, fcntl.LOCK_UN)
            time.sleep(ASKING_SECONDS)
        self._file = file
        return True

    def release(self) -> None:
        if self._file:
            self._file.close()
            self._file = None


def is_locked(home: Home) -> bool:
    """Whether a stack of this home is running."""
    with (home.root / "stack.lock").open("a") as file:
        return not locked_as(fcntl.LOCK_SH, file)


def locked_as(kind: int, file: IO[str]) -> bool:
    """Whether a lock of this kind could be taken at once."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Stack:
    """The processes of one home, which serve `spec`: Azurite, the cloud, and a Functions host for the site.

    functions: whether there is a Functions host, which is a placeholder until a site is deployed and has its
    code. By default there is one if `spec` names an app, or if the home's site has its code already. Without
    a host, `func start` can serve the app. spec: by default, the specification of the home's last start.
    app_settings override the settings of the site; cloud_settings override the environment of the cloud
    process, such as LOCALCLOUD_POOL_TASK_SLOTS.
    """

    def __init__(
        self,
        home: Home,
        spec: CloudSpec | None = None,
        *,
        app_settings: Mapping[str, str] | None = None,
        cloud_settings: Mapping[str, str] | None = None,
        functions: bool | None = None,
    ) -> None:
        self.home = home
        self.spec = of_home(home) if spec is None else spec
        known = self.spec.app is not None or site_file(home).exists()
        self._hosted = known if functions is None else functions
        self._names = [name for name in PARTS if self._hosted or name != "functions"]
        self._app_settings = dict(app_settings or {})
        self._cloud_settings = dict(cloud_settings or {})
        self._lock = Lock(home)
        self._record_state: Literal["starting", "running", "stopping", "failed"] = "starting"
        self._since = time.time()
        self.parts: dict[PartName, Part] = {}

    def start(self, on_cloud_ready: Callable[[], object] | None = None) -> Self:
        """Start all parts and wait until they are healthy. If one cannot be started, stop the others.

        `on_cloud_ready` is called once storage and the cloud are healthy, while the Functions host still
        starts: it can publish what the app needs.

        Raises AlreadyRunningError, PortTakenError, PartFailedError, or StackError if a program is missing.
        """
        if not self._lock.acquire():
            raise AlreadyRunningError(f"a stack of {self.home.root} is already running.")
        try:
            clean_up(self.home)
            self._start_parts(on_cloud_ready)
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
        """Stop all parts, each before those that it depends on. A second call does nothing."""
        if not self.parts:
            return
        self._record_state = "stopping"
        self.write()
        self._stop_parts()
        record_file(self.home).unlink(missing_ok=True)
        self._lock.release()

    def start_part(self, name: PartName) -> None:
        """Start a part that is not running, and wait until it is healthy."""
        self.parts[name] = Part(self._plan(name))
        self.parts[name].start()
        self.parts[name].wait_until_healthy()
        self.write()

    def stop_part(self, name: PartName, *, kill: bool = False) -> None:
        """Stop one part; with `kill`, as a crash would."""
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
        """Stop one part and start it again. The given settings override the earlier ones."""
        self._app_settings |= app_settings or {}
        self._cloud_settings |= cloud_settings or {}
        self.stop_part(name, kill=kill)
        self.start_part(name)

    def revive(self) -> list[PartName]:
        """Restart the parts that have died; return their names."""
        dead = [name for name, part in self.parts.items() if part.state == "died"]
        for name in dead:
            self.parts[name].stop()
            self.start_part(name)
        return dead

    def resident_bytes(self) -> dict[str, int]:
        """The resident memory (RSS) of each part and its descendants, in bytes."""
        return {
            name: sum(resident(each) for each in [psutil.Process(part.pid), *descendants(part.pid)])
            for name, part in self.parts.items()
            if part.pid is not None
        }

    @cached_property
    def controls(self) -> "Controls":
        """A client of the cloud's controls."""
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
        """Write the state of all parts to `stack.json`."""
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

    def _start_parts(self, on_cloud_ready: Callable[[], object] | None) -> None:
        from localcloud import certificates

        certificates.ensure(self.home)
        self.spec.write(spec_file(self.home))
        plans = {name: self._plan(name) for name in self._names}
        check_ports({what: port for plan in plans.values() for what, port in plan.ports.items()})
        self.parts = {name: Part(plan) for name, plan in plans.items()}
        # The parts start together, because the cloud waits for storage before it applies its resources.
        for part in self.parts.values():
            part.start()
        self.write()
        self.parts["azurite"].wait_until_healthy()
        self.parts["cloud"].wait_until_healthy()
        self.write()
        if on_cloud_ready is not None:
            on_cloud_ready()
        for part in self.parts.values():
            part.wait_until_healthy()

    def _stop_parts(self) -> None:
        order: tuple[PartName, ...] = ("functions", "cloud", "azurite")
        for part in (self.parts[name] for name in order if name in self.parts):
            part.stop()
        self.parts = {}
        # A cloud that has died left its tasks running.
        end(tasks(self.home))

    def _plan(self, name: PartName) -> Plan:
        return {"azurite": self._azurite, "cloud": self._cloud, "functions": self._functions}[name]()

    def _azurite(self) -> Plan:
        from localcloud.storage import emulator

        ports = self.home.ports
        try:
            node, *arguments = emulator.command(self.home, self.spec.app)
        except emulator.StorageUnavailableError as error:
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
            {"blob": ports.blob, "queue": ports.queue, "table": ports.table, "proxy": ports.proxy},
            self.home.logs / "azurite.log",
            lambda: listens(ports.blob, ports.queue, ports.table, ports.proxy),
        )

    def _cloud(self) -> Plan:
        ports, key = self.home.ports, {"X-Localcloud-Key": self.home.control_key}
        return Plan(
            "cloud",
            with_parent_watchdog("localcloud.cloud", str(self.home.root)),
            self.home.root,
            environment.of_cloud(self.home, self._cloud_settings, hosted=self._hosted),
            {"arm": ports.arm, "identity": ports.identity},
            self.home.logs / "cloud.log",
            lambda: answers(ports.identity, "/localcloud/health", key) is not None and listens(ports.arm),
        )

    def _functions(self) -> Plan:
        port, root = self.home.ports.functions, self.home.root
        files = ("--site", str(site_file(self.home)), "--keys", str(root / "keys.json"))
        return Plan(
            "functions",
            with_parent_watchdog("localcloud.functions", *files, "--port", str(port)),
            root,
            environment.of_functions(self.home, self._app_settings),
            {"functions": port},
            self.home.logs / "functions.log",
            lambda: host_is_ready(answers(port, STATUS) or {}),
        )


def host_is_ready(status: Mapping[str, str]) -> bool:
    """Whether a Functions host has become what it can be now. Raises PartFailedError if it cannot.

    Without a site that has its code, it remains a placeholder.
    """
    if status.get("state") == "Error":
        raise PartFailedError(f"functions cannot serve the app: {status.get('error')}")
    return status.get("state") in ("Placeholder", "Running", "Stopped")


def start(
    home: Home,
    spec: CloudSpec | None = None,
    *,
    on_cloud_ready: Callable[[], object] | None = None,
    app_settings: Mapping[str, str] | None = None,
    cloud_settings: Mapping[str, str] | None = None,
) -> Stack:
    """Start a stack of `home` and return it once it is healthy. The caller stops it, or uses `with`."""
    return Stack(home, spec, app_settings=app_settings, cloud_settings=cloud_settings).start(on_cloud_ready)


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
    """The process that was recorded with this id and start time, or None if it has ended.

    The start time distinguishes it from a later process with the same id. word: text that its command line
    must contain.
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
