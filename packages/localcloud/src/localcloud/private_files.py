"""Files that only their owner can read, and that are whole at any moment, also after a kill.

The draft of a file has one fixed name beside it: what a killed process left is overwritten by the next one.
"""

import fcntl
import os
from pathlib import Path


def replace(file: Path, content: str | bytes) -> None:
    """Write a file with mode 0600 as a whole. Two callers must not write the same file at once."""
    draft = file.with_name(f".{file.name}.draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        os.fchmod(out.fileno(), 0o600)
        out.write(content.encode() if isinstance(content, str) else content)
    draft.replace(file)


def create(file: Path, content: str | bytes) -> None:
    """Write a file as `replace` does, unless it exists: of several callers at once, one writes."""
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if not file.exists():
            replace(file, content)
    finally:
        os.close(folder)
