"""Files that only their owner can read, and that are whole at any moment, also after a kill.

The draft of a file has one fixed name beside it: what a killed process left is overwritten by the next one.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def replace(file: Path, content: str | bytes) -> None:
    """Write a file with mode 0600 as a whole; several callers at once do so one after the other."""
    with alone_in(file.parent):
        write(file, content)


def create(file: Path, content: str | bytes) -> None:
    """Write a file as `replace` does, unless it exists: of several callers at once, one writes."""
    with alone_in(file.parent):
        if not file.exists():
            write(file, content)


@contextmanager
def alone_in(path: Path) -> Iterator[None]:
    """Wait until no other caller, in any process, writes in a folder, and keep the others out of it."""
    folder = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def write(file: Path, content: str | bytes) -> None:
    draft = file.with_name(f".{file.name}.draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        os.fchmod(out.fileno(), 0o600)
        out.write(content.encode() if isinstance(content, str) else content)
    draft.replace(file)
