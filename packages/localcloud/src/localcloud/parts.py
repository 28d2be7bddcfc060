"""One process of the stack: started under a parent watchdog, monitored, ended with all its children."""

import contextlib
import http.client
import json
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil

from localcloud.home import LOOPBACK

START_LIMIT = 120.0
"""Seconds within which a part must be healthy; imports on a busy machine take long."""
STOP_LIMIT = 20.0
"""Seconds that a part has to exit after SIGTERM."""
KEPT_LOG = 5_000_000
"""Size in bytes at which a log is rotated at the next start."""
TAIL = 2000
"""How many of a log's last characters an error quotes."""

State = Literal["starting", "running", "stopped", "died"]


class StackError(Exception):
    """The stack cannot do what was requested; the text says why and what to do."""


class PortTakenError(StackError):
    """Another process listens on a port that a part needs."""


class PartFailedError(StackError):
    """A part exited, or did not become healthy, while it was being started."""


@dataclass(frozen=True)
class Plan:
    """How a part is started and known to be healthy.

    folder: the process's working directory. ports: the part's ports by their purpose. healthy: says at once
    whether the part is healthy.
    """

    name: str
    command: list[str]
    folder: Path
    environment: Mapping[str, str]
    ports: Mapping[str, int]
    log: Path
    healthy: Callable[[], bool] = field(repr=False)


class Part:
    """A process of the stack."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.since = 0.0
        self._state: State = "stopped"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self.state != "stopped" else None

    @property
    def exit_code(self) -> int | None:
        return self._process.poll() if self._process else None

    @property
    def state(self) -> State:
        """The part's state now; a process that was running and has exited by itself has died."""
        if self._state in ("starting", "running") and self.exit_code is not None:
            self._state, self.since = "died", time.time()
        return self._state

    def start(self) -> None:
        """Start the process; `wait_until_healthy` completes the start. Raises PortTakenError."""
        check_ports(self.plan.ports)
        rotate_log(self.plan.log)
        self.plan.log.parent.mkdir(parents=True, exist_ok=True)
        with self.plan.log.open("ab") as out:
            self._process = subprocess.Popen(
                self.plan.command,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                cwd=self.plan.folder,
                env=dict(self.plan.environment),
                # A new session, so that Ctrl-C reaches only the stack, which ends its parts in order.
                start_new_session=True,
            )
        self._state, self.since = "starting", time.time()

    def wait_until_healthy(self, limit: float = START_LIMIT) -> None:
        """Raise PartFailedError, with the end of the log, if the process exits or is not healthy in time."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            if self.state == "died":
                raise PartFailedError(f"{self.name} ended with exit code {self.exit_code}: {self.tail()}")
            if self.plan.healthy():
                self._state = "running"
                return
            time.sleep(0.05)
        raise PartFailedError(f"{self.name} was not healthy after {limit:.0f} s: {self.tail()}")

    def tail(self) -> str:
        """Return the end of the part's log and the log's path."""
        text = self.plan.log.read_text(errors="replace")[-TAIL:].strip() if self.plan.log.exists() else ""
        return f"{text or 'it printed nothing'}\n(log: {self.plan.log})"

    def stop(self, limit: float = STOP_LIMIT) -> None:
        """End the process and all processes that it started; returns when they have ended."""
        process, self._process = self._process, None
        self._state, self.since = "stopped", time.time()
        if process is None:
            return
        family = descendants(process.pid)
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(limit)
        if process.poll() is None:
            family += descendants(process.pid)
            process.kill()
            process.wait()
        if process.stdin:
            process.stdin.close()
        end(family)

    def kill(self) -> None:
        """Kill the process, as in a crash, without the processes that it started."""
        if self._process:
            self._process.kill()
            self._process.wait()


def descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def end(processes: list[psutil.Process], limit: float = 3.0) -> None:
    """End the live ones of `processes` by SIGTERM, then SIGKILL. psutil recognises a reused pid."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    left = left_after(limit, processes)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    left_after(limit, left)


def left_after(limit: float, processes: list[psutil.Process]) -> list[psutil.Process]:
    """Wait until all `processes` have ended; returns those that have not within `limit` seconds.

    A zombie counts as ended. In a container without an init process no one reads its exit code, and psutil's
    own wait would never return.
    """
    deadline = time.monotonic() + limit
    left = [process for process in processes if is_alive(process)]
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = [process for process in left if is_alive(process)]
    return left


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def rotate_log(log: Path) -> None:
    """Rotate a log that has become large; only one older log is kept."""
    if log.exists() and log.stat().st_size > KEPT_LOG:
        log.replace(log.with_suffix(".1.log"))


def check_ports(ports: Mapping[str, int]) -> None:
    """Raise PortTakenError if a port is in use; the text names all such ports and their processes."""
    taken = [f"port {port} ({what}) is taken{by_whom(port)}" for what, port in ports.items() if in_use(port)]
    if taken:
        raise PortTakenError("; ".join(taken))


def in_use(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False


def by_whom(port: int) -> str:
    """Return ` by <program> (pid <n>)`, or "" if the operating system does not reveal the process."""
    try:
        listening = [
            each
            for each in psutil.net_connections("tcp")
            if each.status == psutil.CONN_LISTEN and each.pid and each.laddr and each.laddr.port == port
        ]
        return f" by {psutil.Process(listening[0].pid).name()} (pid {listening[0].pid})" if listening else ""
    except psutil.Error:
        return ""


def listens(*ports: int) -> bool:
    """Return whether processes listen on all `ports`."""
    for port in ports:
        try:
            socket.create_connection((LOOPBACK, port), timeout=1).close()
        except OSError:
            return False
    return True


def answers(port: int, path: str, headers: Mapping[str, str] | None = None) -> Any:
    """Return the JSON that a part answers with 200 on plain HTTP, or None.

    This uses the standard library's client, to keep the process that monitors the stack small."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        answer = connection.getresponse()
        return json.loads(answer.read()) if answer.status == http.HTTPStatus.OK else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
