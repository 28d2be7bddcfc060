"""Runs a module that ends when whatever started it is gone, however that ended.

    python -m localcloud.leash MODULE [ARGUMENT ...]

The leash is standard input: a pipe whose other end the stack holds and never writes to. The system closes
it with the stack's process, after a kill -9 too, and on every system; a parent-death signal exists on Linux
only. `leash.cjs` is the same for Node.
"""

import os
import runpy
import signal
import sys
import threading
import time

GRACE = 20.0
"""Seconds from the request to end until the process is ended without its consent."""


def hold() -> None:
    """Watch standard input in a thread; returns at once."""
    threading.Thread(target=_watch, name="leash", daemon=True).start()


def _watch() -> None:
    while os.read(0, 1024):
        continue
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)


if __name__ == "__main__":
    del sys.argv[0]
    hold()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
