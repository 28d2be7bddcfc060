"""The journal of blob changes that `writes.cjs` keeps from inside Azurite, and how it is read.

A folder of segments, each a file of JSON lines named by a number that goes up. Azurite appends to the last
one only, so every other is complete: it is deleted when it has been read and the reader's position is safe.
Nothing that a client sends can end a line, so a line is always one answered request.
"""

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

from localcloud.home import STORAGE_ACCOUNT, Home

log = logging.getLogger("localcloud.eventgrid")

HOOK = Path(__file__).parent / "writes.cjs"
"""What Node must `--require` before Azurite."""
FOLDER_VARIABLE = "LOCALCLOUD_WRITES"
"""The environment variable that tells the hook where to write."""

Api = Literal["PutBlob", "PutBlockList", "CopyBlob", "DeleteBlob"]


def folder(home: Home) -> Path:
    return home.root / "writes"


@dataclass(frozen=True, order=True)
class Position:
    """Everything before `offset` of `segment`, and every segment before it, has been read."""

    segment: int = 0
    offset: int = 0


@dataclass(frozen=True)
class Change:
    """One finished change of a blob.

    api: as an event names it; None for a change that raises no event but gives a new ETag (metadata, an
    appended block). etag has no quotes and is "" for a deletion. Of length, type and kind of the content the
    request itself tells only when the content came with it; otherwise they are None.
    """

    time: str
    api: Api | None
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
        """The change that `line` tells of; None when it is none of a blob served on `port`."""
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
            container=blob[0],
            blob=blob[1],
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


def _blob(path: str, host: str) -> tuple[str, str] | None:
    """(container, blob name) of a request's path, as Azurite reads it; None for anything else."""
    decoded = unquote(path, errors="strict").removeprefix("/")
    if not host.startswith(f"{STORAGE_ACCOUNT}."):
        account, _, decoded = decoded.partition("/")
        if account != STORAGE_ACCOUNT:
            return None
    container, _, blob = decoded.partition("/")
    return (container, blob.replace("\\", "/")) if blob else None


def _content(sent: dict[str, str]) -> dict[str, Any]:
    """What Put Blob's headers say of the content; a page or append blob is begun without any."""
    if sent.get("x-ms-blob-type") != "BlockBlob" or "content-length" not in sent:
        return {}
    default = sent.get("content-type", "application/octet-stream")
    return {
        "content_length": int(sent["content-length"]),
        "content_type": sent.get("x-ms-blob-content-type", default),
        "blob_type": "BlockBlob",
    }


class Journal:
    """Reads the journal of one home, from a position on."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port

    def read(self, position: Position) -> tuple[list[tuple[Position, Change]], Position]:
        """The changes after `position`, each with the position behind it, and where to go on.

        One segment at most; the position stays when there is nothing new.
        """
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
        return changes, position

    def forget(self, position: Position) -> None:
        """Delete the segments that lie before `position`."""
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
        # Many times a second: os.listdir costs a fifth of Path.glob.
        try:
            names = os.listdir(self._folder)  # noqa: PTH208
        except FileNotFoundError:
            return []
        return sorted(int(name[:-6]) for name in names if name.endswith(".jsonl") and name[:-6].isdigit())

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:016}.jsonl"
