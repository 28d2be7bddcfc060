"""The measured stack: started as by `up`, with its supervisor, in a new folder and on free ports."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from localcloud.home import Home, Ports
from localcloud.spec import spec_file
from localcloud.stack import Record, with_parent_watchdog

from benchmarks.checkout import CHECKOUT
from touchdown import local
from touchdown.client import Client

START_LIMIT = 300.0
"""Limit in seconds; the supervisor has limits of its own."""


class NotStartedError(Exception):
    """The stack could not be started; the message says why."""


@dataclass(frozen=True)
class RunningStack:
    """A running stack. processes: by name, the supervisor, followed by the processes that it started."""

    client: Client
    processes: dict[str, psutil.Process]

    @property
    def cloud(self) -> int:
        """The id of the process that starts trainers and scoring processes."""
        return self.processes["cloud"].pid


@contextmanager
def started() -> Iterator[RunningStack]:
    """A new stack, which is deleted with all its data after the block. Raises NotStartedError."""
    with tempfile.TemporaryDirectory(prefix="touchdown-benchmarks-", ignore_cleanup_errors=True) as folder:
        home = Home.open(Path(folder) / "home", Ports.free())
        local.spec(CHECKOUT).write(spec_file(home))
        supervisor = subprocess.Popen(
            with_parent_watchdog("localcloud.supervisor", str(home.root)),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            record = running(home, supervisor)
            local.deploy(home, CHECKOUT)
            pids = {part.name: part.pid for part in record.parts if part.pid}
            processes = {name: psutil.Process(pid) for name, pid in pids.items()}
            with Client(local.target(home)) as client:
                yield RunningStack(client, {"supervisor": psutil.Process(supervisor.pid), **processes})
        finally:
            supervisor.terminate()
            supervisor.wait()


def running(home: Home, supervisor: subprocess.Popen[bytes]) -> Record:
    """The record of the stack, once all its processes are healthy. Raises NotStartedError."""
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        ended = supervisor.poll() is not None
        record = Record.read(home)
        if record and record.state == "running":
            return record
        if ended:
            why = record.error if record else f"the supervisor ended with exit code {supervisor.returncode}"
            raise NotStartedError(why)
        time.sleep(0.05)
    raise NotStartedError(f"the stack was not healthy after {START_LIMIT:g} s")
