"""The digest of an MLflow model: one SHA-256 over the path and the SHA-256 of each of its files.

Loading a model runs its files, so a model is only loaded if its digest is known. The app keeps it in the tags
of the model version that it registers; the trainer compares it with the files that it has downloaded. Both
use this module, which needs only the standard library. A file that is added, left out, renamed or changed
gives another digest.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from pathlib import Path

MOST_FILES = 1000
"""Files of a model that are read; this trainer leaves about 25."""
MOST_BYTES = 4 << 30
"""Bytes of a model that are read. The largest model that a node trains in its time has a few hundred MB; a
folder below `runs/` may hold whatever a node has written there."""


class ModelTooLargeError(ValueError):
    """A model has more files or bytes than are read."""


class Allowance:
    """What the files of one model may take in all. Threads may share it."""

    def __init__(self) -> None:
        self._files = self._bytes = 0
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        """Count a file of `size` bytes. Raises ModelTooLargeError if that is one too many, or too long."""
        with self._lock:
            self._files += 1
            self._bytes += size
        if self._files > MOST_FILES or self._bytes > MOST_BYTES:
            raise ModelTooLargeError(
                f"it has more than {MOST_FILES:,} files or {MOST_BYTES:,} bytes, which no training leaves"
            )


def digest_of(files: Mapping[str, str]) -> str:
    """64 hexadecimal digits. files: the SHA-256 of each file by its path in the model's folder.

    It is the SHA-256 of the JSON of the sorted pairs of path and hash, in which no path can look like two.
    """
    return hashlib.sha256(json.dumps(sorted(files.items())).encode()).hexdigest()


def digest_of_folder(folder: Path) -> str:
    """The digest of the files below a folder."""
    hashes: dict[str, str] = {}
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                hashes[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return digest_of(hashes)
