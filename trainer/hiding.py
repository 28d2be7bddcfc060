"""Keeps other processes of the user from reading this one, whose environment and memory sign in to storage.

A champion runs as the user of the task. So it does on a node that runs several tasks at once, where it could
read the trainer of another task.
"""

from __future__ import annotations

import ctypes
import sys

PR_SET_DUMPABLE = 4
"""prctl(2). No other process of its user can read or trace one that is not dumpable, unless it has a
capability such as CAP_SYS_PTRACE (ptrace(2), "Ptrace access mode checking")."""


def hide_this_process() -> None:
    """Keep other processes of the same user from reading the environment and the memory of this one.

    Linux only; elsewhere nothing changes. Raises OSError if it fails.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE) failed")
