"""A part of the stack as a process: its start, its health, and its end with all its child processes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from localcloud import parent_watchdog
from localcloud.home import free_ports
from localcloud.parts import Part, PartFailedError, Plan, PortTakenError, State, is_alive, listens

SERVE = (
    "import http.server, sys; http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), None).serve_forever()"
)
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
PARENT = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "


def until(what: Callable[[], bool], limit: float = 20.0) -> None:
    deadline = time.monotonic() + limit
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


@pytest.fixture
def part(tmp_path: Path) -> Iterator[Callable[..., Part]]:
    """Returns a function that makes parts which run Python code; they are stopped after the test."""
    made: list[Part] = []

    def make(code: str, port: int | None = None) -> Part:
        (own,) = [port] if port else free_ports(1)
        command = [sys.executable, "-c", code, str(own)]
        log = tmp_path / "part.log"
        plan = Plan("test", command, tmp_path, os.environ, {"web": own}, log, lambda: listens(own))
        made.append(Part(plan))
        return made[-1]

    yield make
    for each in made:
        each.stop(limit=0)


def test_a_part_runs_when_it_is_healthy_and_is_gone_when_it_is_stopped(part: Callable[..., Part]) -> None:
    served = part(SERVE)
    served.start()
    states: list[State] = [served.state]
    served.wait_until_healthy()
    states.append(served.state)
    pid = served.pid
    assert pid is not None
    served.stop()
    states.append(served.state)
    assert states == ["starting", "running", "stopped"]
    assert not psutil.pid_exists(pid)


def test_a_part_that_ends_by_itself_has_died_and_has_its_exit_code(part: Callable[..., Part]) -> None:
    served = part(SERVE)
    served.start()
    served.wait_until_healthy()
    assert served.pid is not None
    os.kill(served.pid, signal.SIGKILL)
    until(lambda: served.state == "died")
    assert served.exit_code == -signal.SIGKILL


def test_the_error_of_a_part_that_cannot_start_quotes_its_log(part: Callable[..., Part]) -> None:
    broken = part("raise SystemExit('the settings are missing')")
    broken.start()
    with pytest.raises(PartFailedError, match="exit code 1: the settings are missing"):
        broken.wait_until_healthy()


def test_a_part_that_is_never_healthy_is_given_up(part: Callable[..., Part]) -> None:
    slow = part("import time; time.sleep(600)")
    slow.start()
    with pytest.raises(PartFailedError, match="was not healthy after 0 s"):
        slow.wait_until_healthy(limit=0.2)


def test_what_a_part_started_ends_with_it(part: Callable[..., Part]) -> None:
    served = part(PARENT + SERVE)
    served.start()
    served.wait_until_healthy()
    assert served.pid is not None
    (child,) = psutil.Process(served.pid).children()
    served.stop()
    assert not is_alive(child)


def test_a_part_that_ignores_sigterm_is_killed(part: Callable[..., Part]) -> None:
    deaf = part(DEAF + SERVE)
    deaf.start()
    deaf.wait_until_healthy()
    pid = deaf.pid
    assert pid is not None
    deaf.stop(limit=0.2)
    assert not psutil.pid_exists(pid)


def test_a_taken_port_is_named_before_anything_is_started(part: Callable[..., Part]) -> None:
    first = part(SERVE)
    first.start()
    first.wait_until_healthy()
    second = part(SERVE, port=first.plan.ports["web"])
    with pytest.raises(
        PortTakenError, match=rf"port {first.plan.ports['web']} \(web\) is taken by .*pid {first.pid}"
    ):
        second.start()
    assert second.pid is None


def holder(command: list[str]) -> "subprocess.Popen[bytes]":
    """A process that starts `command`, prints its process id, and never ends by itself."""
    code = (
        "import subprocess, sys, time;"
        "held = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, start_new_session=True);"
        "print(held.pid, flush=True);"
        "time.sleep(600)"
    )
    return subprocess.Popen([sys.executable, "-c", code, *command], stdout=subprocess.PIPE)


NODE = [
    str(shutil.which("node")),
    "--require",
    str(Path(parent_watchdog.__file__).with_suffix(".cjs")),
]


@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-m", "localcloud.parent_watchdog", "http.server", "--bind", "127.0.0.1", "0"],
        [*NODE, "-e", "require('node:http').createServer().listen(0)"],
    ],
    ids=["python", "node"],
)
def test_a_part_ends_when_its_parent_is_killed(command: list[str]) -> None:
    with holder(command) as stack:
        assert stack.stdout is not None
        held = psutil.Process(int(stack.stdout.readline()))
        assert is_alive(held)
        stack.kill()
    until(lambda: not is_alive(held))


def test_the_parent_watchdog_does_not_keep_a_process_that_has_nothing_left_to_do() -> None:
    done = subprocess.run(
        [*NODE, "-e", "0"], stdin=subprocess.PIPE, timeout=20, check=False, capture_output=True
    )
    assert done.returncode == 0
