"""The journal of blob changes, which `writes.cjs` writes from inside Azurite, and its reader.

The journal is a folder of segments: files of JSON lines, named by an increasing number. Azurite appends to
the last segment only, so all others are complete. A complete segment is deleted after it has been read and
the reader's position has been stored. Nothing that a client sends can end a line, so that each line is always
one answered request.
"""

import json
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

from localcloud.home import Home

log = logging.getLogger("localcloud.eventgrid")

HOOK = Path(__file__).parent / "writes.cjs"
"""The hook that Node must load with `--require` before Azurite."""
FOLDER_VARIABLE = "LOCALCLOUD_WRITES"
"""The environment variable with the folder that the hook writes to."""

Api = Literal["PutBlob", "PutBlockList", "CopyBlob", "DeleteBlob"]


def folder(home: Home) -> Path:
    return home.root / "writes"


@dataclass(frozen=True, order=True)
class Position:
    """How far the journal has been read: up to `offset` of `segment`, and all earlier segments."""

    segment: int = 0
    offset: int = 0


@dataclass(frozen=True)
class Change:
    """One finished change of a blob.

    api: as in an event; None for a change that raises no event but gives a new ETag (metadata, an appended
    block). etag: without quotes; "" for a deletion. The content's length, type and kind are None unless the
    request contained the content.
    """

    time: str
    api: Api | None
    account: str
    container: str
    blob: str
    etag: str
    request_id: str
    client_request_id: str | None = None
    content_length: int | None = None
    content_type: str | None = None
    blob_type: str | None = None
    access_tier: str = "Default"

    @classmethod
    def parse(cls, line: bytes, port: int) -> "Change | None":
        """Read the change that a line records, or None if it does not concern a blob served on `port`."""
        entry = json.loads(line)
        blob = _blob(entry["path"], entry.get("host") or "") if entry["port"] == port else None
        if blob is None or entry["snapshot"] is not None:
            return None
        api = _api(entry)
        if api == "DeleteBlob" and entry["request"].get("x-ms-delete-snapshots") == "only":
            return None
        sent, answered = entry["request"], entry["response"]
        return cls(
            time=entry["time"],
            api=api,
            account=blob[0],
            container=blob[1],
            blob=blob[2],
            etag=answered.get("etag", "").strip('"'),
            request_id=answered["x-ms-request-id"],
            client_request_id=sent.get("x-ms-client-request-id"),
            access_tier=sent.get("x-ms-access-tier", "Default"),
            **(_content(sent) if api == "PutBlob" else {}),
        )


def _api(entry: dict[str, Any]) -> Api | None:
    if entry["method"] == "DELETE":
        return "DeleteBlob"
    if entry["comp"] == "blocklist":
        return "PutBlockList"
    if entry["comp"] is not None:
        return None
    if not entry["copy"]:
        return "PutBlob"
    return "CopyBlob" if entry["response"].get("x-ms-copy-status") == "success" else None


def _blob(path: str, host: str) -> tuple[str, str, str] | None:
    """Return account, container and blob name of a request, read as Azurite does, or None."""
    decoded = unquote(path, errors="strict").removeprefix("/")
    account, dot, _ = host.partition(":")[0].partition(".")
    if not dot or account.isdigit():
        account, _, decoded = decoded.partition("/")
    container, _, blob = decoded.partition("/")
    return (account, container, blob.replace("\\", "/")) if blob else None


def _content(sent: dict[str, str]) -> dict[str, Any]:
    """Return the content's properties from Put Blob's headers.

    They must not come from the blob, which may have changed since: an append blob is empty when it is made,
    and what is appended raises no event. Source: "Put Blob".
    """
    kind = sent.get("x-ms-blob-type")
    length = {"AppendBlob": "0", "PageBlob": sent.get("x-ms-blob-content-length")}.get(
        kind or "", sent.get("content-length")
    )
    if kind is None or length is None:
        return {}
    default = sent.get("content-type", "application/octet-stream")
    return {
        "content_length": int(length),
        "content_type": sent.get("x-ms-blob-content-type", default),
        "blob_type": kind,
    }


SETTLED = 1_000_000_000
"""Nanoseconds after a change of a folder until its time would tell the next one, on any file system."""


@dataclass(frozen=True)
class Unchanged:
    """A journal all of which was read, up to `position`: two looks tell whether anything was written since.

    folder, file: the folder, and its last segment. changed: the folder's time when it was listed.
    """

    position: Position
    folder: str
    file: str
    changed: int

    @classmethod
    def of(cls, position: Position, folder: Path, file: Path, looked: int) -> "Unchanged | None":
        """looked: the time before the folder was listed. None if the folder had changed shortly before."""
        changed = folder.stat().st_mtime_ns
        return cls(position, str(folder), str(file), changed) if looked - changed > SETTLED else None

    def holds(self) -> bool:
        # This runs many times a second, and os.stat takes a third of the time of Path.stat.
        try:
            return (
                os.stat(self.file).st_size == self.position.offset  # noqa: PTH116
                and os.stat(self.folder).st_mtime_ns == self.changed  # noqa: PTH116
            )
        except FileNotFoundError:
            return False


class Journal:
    """Reads the journal of one home from any position."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self._read_up: Unchanged | None = None

    def read(self, position: Position) -> tuple[list[tuple[Position, Change]], Position]:
        """Return the changes after `position`, each with the position after it, and the next position.

        Reads at most one segment. The next position is the same if there is nothing new.
        """
        if self._read_up and self._read_up.position == position and self._read_up.holds():
            return [], position
        self._read_up = None
        looked = time.time_ns()
        segments = [number for number in self._segments() if number >= position.segment]
        if not segments:
            return [], position
        if segments[0] != position.segment:
            position = Position(segments[0])
        text = self._read(position)
        changes: list[tuple[Position, Change]] = []
        *lines, unfinished = text.split(b"\n")
        for line in lines:
            position = Position(position.segment, position.offset + len(line) + 1)
            if change := self._parse(line):
                changes.append((position, change))
        if len(segments) > 1:
            if unfinished:
                log.warning("Azurite ended within a line of its journal: the next start finds the write")
            position = Position(segments[1])
        elif not text:
            self._read_up = Unchanged.of(position, self._folder, self._file(position.segment), looked)
        return changes, position

    def forget(self, position: Position) -> None:
        """Delete the segments before `position`."""
        for number in self._segments():
            if number < position.segment:
                self._file(number).unlink()

    def _read(self, position: Position) -> bytes:
        file = self._file(position.segment)
        if file.stat().st_size == position.offset:
            return b""
        with file.open("rb") as segment:
            segment.seek(position.offset)
            return segment.read()

    def _parse(self, line: bytes) -> Change | None:
        try:
            return Change.parse(line, self._port)
        except (ValueError, KeyError, TypeError):
            log.exception("a line of Azurite's journal is not as writes.cjs writes it: %.300r", line)
            return None

    def _segments(self) -> list[int]:
        # This runs many times a second, and os.listdir takes a fifth of the time of Path.glob.
        try:
            names = os.listdir(self._folder)  # noqa: PTH208
        except FileNotFoundError:
            return []
        return sorted(int(name[:-6]) for name in names if name.endswith(".jsonl") and name[:-6].isdigit())

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:016}.jsonl"
