"""Runs a module in a process that ends when its parent has ended, however the parent ended.

    python -m localcloud.parent_watchdog MODULE [ARGUMENT ...]

The parent holds the write end of a pipe to this process's standard input and never writes to it. The
operating system closes the pipe when the parent ends, also after `kill -9`; unlike Linux's parent-death
signal, that works on every operating system. `parent_watchdog.cjs` does the same for Node.
"""

import os
import runpy
import signal
import sys
import threading
import time

GRACE = 20.0
"""Seconds between SIGTERM and the forced end of the process."""


def start() -> None:
    """Watch standard input from a thread; returns at once."""
    threading.Thread(target=_end_with_parent, name="parent-watchdog", daemon=True).start()


def _end_with_parent() -> None:
    while os.read(0, 1024):
        continue
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)


if __name__ == "__main__":
    del sys.argv[0]
    start()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
