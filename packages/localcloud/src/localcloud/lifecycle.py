"""Starts and stops a stack in the background, and reports what runs. The command lines are layers over this.

A background stack belongs to a supervisor (localcloud.supervisor), a process that outlives the command.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from localcloud.home import Home, Ports, free_ports
from localcloud.parts import PortTakenError, StackError, check_ports, descendants, in_use, left_after
from localcloud.spec import CloudSpec, spec_file
from localcloud.stack import Record, clean_up, is_locked, resident

Json = dict[str, Any]

SUPERVISOR_LIMIT = 300.0
"""Seconds within which the supervisor must start or stop the stack; each part has its own limits."""
EXIT_LIMIT = 5.0
"""Seconds from the end of the last part to the end of the supervisor itself."""
INTERVAL = 0.05
"""Seconds between two polls of the stack's record."""


class LifecycleError(StackError):
    """A stack could not be started. hint: what the person can do about it; may be empty."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def exists(root: Path) -> bool:
    """Whether there is a home in `root`."""
    return (root / "cloud.json").exists()


def open_home(root: Path, *, free: bool = False, usual: Ports = Ports()) -> Home:  # noqa: B008 - it is frozen
    """The home in `root`. If there is none, one is made with the usual ports.

    free: replace the usual ports that are taken by free ones. Otherwise such a port raises LifecycleError.
    """
    return Home.open(root) if exists(root) else Home.open(root, _available(usual, free=free))


def _available(usual: Ports, *, free: bool) -> Ports:
    if free:
        taken = [name for name, port in vars(usual).items() if in_use(port)]
        return replace(usual, **dict(zip(taken, free_ports(len(taken)), strict=True)))
    try:
        check_ports(vars(usual))
    except PortTakenError as error:
        hint = "Stop the process that listens there, or choose other ports: add --free-ports."
        raise LifecycleError(f"{error}.", hint) from None
    return usual


def run_in_foreground(
    home: Home,
    spec: CloudSpec | None = None,
    *,
    functions: bool | None = None,
    on_cloud_ready: Callable[[], object] | None = None,
) -> None:
    """Run the stack in this process until a signal ends it. `on_cloud_ready`: see bring_up.

    Raises StackError.
    """
    from localcloud import supervisor

    if spec is not None:
        spec.write(spec_file(home))
    supervisor.supervise(home, functions=functions, on_cloud_ready=on_cloud_ready)


def bring_up(
    home: Home,
    spec: CloudSpec | None = None,
    *,
    functions: bool | None = None,
    on_cloud_ready: Callable[[], object] | None = None,
) -> str:
    """Start the stack of `home` in the background, or restart its dead parts; return what was done.

    A running stack keeps its specification. `on_cloud_ready` is called once storage and the cloud are
    healthy, while the Functions host still starts, and also where all of them ran already. Raises
    LifecycleError if the stack cannot be started, and what `on_cloud_ready` raises; the stack then runs.
    """
    if is_locked(home):
        return _revive(home, on_cloud_ready)
    if spec is not None:
        spec.write(spec_file(home))
    process = _start_supervisor(home, functions=functions)
    deadline = time.monotonic() + SUPERVISOR_LIMIT
    while process.poll() is None and time.monotonic() < deadline:
        record = Record.read(home)
        if record and record.pid == process.pid:
            if on_cloud_ready is not None and _runs(record, "cloud"):
                on_cloud_ready()
                on_cloud_ready = None
            if record.state == "running" and on_cloud_ready is None:
                return "started"
        time.sleep(INTERVAL)
    if process.poll() is not None and is_locked(home):
        # Another command started the stack at the same time and got the lock first.
        return _revive(home, on_cloud_ready)
    record = Record.read(home)
    reason = record.error if record and record.pid == process.pid else ""
    if process.poll() is None:
        process.terminate()
    message = reason or f"the stack could not be started; see {home.logs / 'supervisor.log'}."
    raise LifecycleError(message, _hint_for(reason))


def _start_supervisor(home: Home, *, functions: bool | None) -> subprocess.Popen[bytes]:
    home.logs.mkdir(parents=True, exist_ok=True)
    options = () if functions is None else ("--functions" if functions else "--no-functions",)
    with (home.logs / "supervisor.log").open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "localcloud.supervisor", str(home.root), *options],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )


def _runs(record: Record, name: str) -> bool:
    return any(part.name == name and part.state == "running" for part in record.parts)


def _hint_for(reason: str) -> str:
    if " is taken" in reason:
        return (
            "Stop the process that listens there. This home keeps its ports; a new one can have others:"
            " add --home FOLDER --free-ports."
        )
    return ""


def _revive(home: Home, on_cloud_ready: Callable[[], object] | None) -> str:
    """Have the running supervisor restart dead parts. Raises LifecycleError if it cannot."""
    done = _restarted(home)
    if on_cloud_ready is not None:
        on_cloud_ready()
    return done


def _restarted(home: Home) -> str:
    record = _started(home)
    if all(part.state == "running" for part in record.parts):
        return "was running"
    if record.process:
        record.process.send_signal(signal.SIGUSR1)
    deadline = time.monotonic() + SUPERVISOR_LIMIT
    while time.monotonic() < deadline:
        record = _started(home)
        if record.error:
            raise LifecycleError(record.error)
        if all(part.state == "running" for part in record.parts):
            return "started again what had died"
        time.sleep(INTERVAL)
    raise LifecycleError(f"the supervisor does not answer; see {home.logs / 'supervisor.log'}.")


def _started(home: Home) -> Record:
    """Wait until the stack that holds the lock has started; return its record. Raises LifecycleError."""
    deadline = time.monotonic() + SUPERVISOR_LIMIT
    while is_locked(home) and time.monotonic() < deadline:
        record = Record.read(home)
        if record and record.state == "running":
            return record
        time.sleep(INTERVAL)
    raise LifecycleError(f"a stack of {home.root} was starting or stopping; try again.")


def bring_down(home: Home) -> bool:
    """Stop the stack of `home` and what a killed stack left behind; return whether there was anything."""
    record, locked = Record.read(home), is_locked(home)
    deadline = time.monotonic() + SUPERVISOR_LIMIT
    asked: dict[int, psutil.Process] = {}
    while is_locked(home):
        running = Record.read(home)
        process = running.process if running else None
        if process and process.pid not in asked:
            process.terminate()
            asked[process.pid] = process
        elif process and time.monotonic() > deadline:
            process.kill()
        time.sleep(INTERVAL)
    left_after(EXIT_LIMIT, list(asked.values()))
    clean_up(home)
    return locked or (record is not None and record.state != "failed")


def report(home: Home) -> Json:
    """The state of a home's stack: processes, their memory in bytes, addresses, nodes and faults."""
    running = is_locked(home)
    record = Record.read(home) if running else None
    parts = [_part_report(vars(part)) for part in record.parts] if record else []
    own = _memory(record.pid, family=False) if record else 0
    found: Json = {
        "running": running,
        "home": str(home.root),
        "supervisor": {"pid": record.pid, "memory": own} if record else None,
        "parts": parts,
        "memory": sum(part["memory"] for part in parts) + own,
        "error": record.error if record else "",
        "urls": {
            "functions": home.functions_url,
            "storage": home.storage_url("<account>"),
            "resource_manager": home.resource_manager,
            "identity": home.identity_endpoint,
        },
        "logs": str(home.logs),
        "nodes": [],
        "faults": 0,
    }
    return found | (_cloud_report(home) if running else {})


def _cloud_report(home: Home) -> Json:
    from localcloud.controls import Controls, ControlsError

    with Controls(home, timeout=5) as controls:
        try:
            return {"nodes": controls.call("GET", "batch/nodes")["value"], "faults": len(controls.faults())}
        except ControlsError:
            return {}


def _part_report(part: Json) -> Json:
    pid = part["pid"] if part["state"] != "died" else None
    return {**part, "memory": _memory(pid) if pid else 0}


def _memory(pid: int, *, family: bool = True) -> int:
    """The resident memory (RSS) of a process in bytes, with that of its descendants if `family`."""
    try:
        return sum(resident(each) for each in [psutil.Process(pid), *(descendants(pid) if family else [])])
    except psutil.Error:
        return 0
