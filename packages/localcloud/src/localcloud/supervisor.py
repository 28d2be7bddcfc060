"""Keeps a stack running in the background, where `up` starts it:

    python -m localcloud.supervisor HOME [--functions | --no-functions]

SIGTERM and SIGINT end it and everything it started; SIGUSR1 restarts parts that have died. A part that dies
is recorded, not restarted, so that people who use the stack notice it. The supervisor does not fork into the
background; the command line starts it in a new session.
"""

import logging
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from localcloud import log_lines
from localcloud.home import Home
from localcloud.parts import StackError
from localcloud.stack import Stack

log = logging.getLogger("localcloud.supervisor")

FUNCTIONS = {"--functions": True, "--no-functions": False}
"""What Stack's `functions` is under an option; None without one."""
POLL_SECONDS = 0.3
"""Seconds between two checks whether all parts are still running."""


class Stop(BaseException):
    """A signal asked the supervisor to end."""


def supervise(
    home: Home, *, functions: bool | None = None, on_cloud_ready: Callable[[], object] | None = None
) -> None:
    """Run the stack of `home` until a signal; `on_cloud_ready`: see Stack.start.

    Raises StackError when it cannot be started.
    """
    revive = threading.Event()

    def stop(number: int, _: FrameType | None) -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        raise Stop(signal.Signals(number).name)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGUSR1, lambda *_: revive.set())
    stack = Stack(home, functions=functions)
    try:
        stack.start(on_cloud_ready)
        monitor(stack, revive)
    except Stop as asked:
        log.info("stopping: %s", asked)
    finally:
        stack.stop()


def monitor(stack: Stack, revive: threading.Event) -> None:
    """Record every change of a part, and restart dead parts on request; never returns."""
    log.info("everything runs: %s", {name: part.pid for name, part in stack.parts.items()})
    known = [part.state for part in stack.parts.values()]
    while True:
        if revive.wait(POLL_SECONDS):
            revive.clear()
            restart_dead_parts(stack)
        states = [part.state for part in stack.parts.values()]
        if states != known:
            for part in stack.parts.values():
                log.info("%s: %s (exit code %s)", part.name, part.state, part.exit_code)
            stack.write()
            known = states


def restart_dead_parts(stack: Stack) -> None:
    try:
        log.info("started again: %s", ", ".join(stack.revive()) or "nothing")
    except StackError as error:
        log.error("%s", error)  # noqa: TRY400 - the message says everything
        stack.write(str(error))


def main() -> int:
    log_lines.configure()
    try:
        functions = FUNCTIONS.get("".join(sys.argv[2:]))
        supervise(Home.open(Path(sys.argv[1])), functions=functions)
    except StackError as error:
        log.error("%s", error)  # noqa: TRY400 - written for a person
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
