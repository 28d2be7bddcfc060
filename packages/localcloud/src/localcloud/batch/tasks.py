"""A Batch task: its specification and its outcome.

A task's files are blobs, because that is how Data Factory passes work to Batch: the node downloads
`resource_files` before it runs the command, and uploads `output_files` when the process has ended.
Source: Batch service REST, "Task - Add" and "Task - Get".
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from localcloud.blob_urls import BlobUrl
from localcloud.wire import timestamp

RETENTION = timedelta(days=7)
"""How long a node keeps the folder of a completed task by default."""


@dataclass(frozen=True)
class ResourceFile:
    """A blob that the node copies to `file_path`, a plain name in the task's working directory.

    identity: resource id of the pool's identity that reads it. sas: the shared access signature that does, in
    its place. With neither, anybody may read the blob. mode: the file's permissions.
    """

    file_path: str
    blob: BlobUrl
    identity: str = ""
    sas: str = ""
    mode: int | None = None

    def __post_init__(self) -> None:
        if self.file_path in ("", ".", "..") or any(character in self.file_path for character in "/\\\0"):
            raise ValueError(f"{self.file_path!r} is no plain file name.")


@dataclass(frozen=True)
class OutputFile:
    """A file, relative to the task's working directory, that the node copies to a blob if it is there.

    identity and sas are those of a ResourceFile, and write.
    """

    file_path: str
    blob: BlobUrl
    identity: str = ""
    sas: str = ""


@dataclass(frozen=True)
class TaskSpec:
    """The specification of a task. `command_line` is split into words and executed without a shell."""

    command_line: str
    resource_files: tuple[ResourceFile, ...] = ()
    output_files: tuple[OutputFile, ...] = ()
    retention: timedelta = RETENTION


class TaskState(StrEnum):
    ACTIVE = "active"
    PREPARING = "preparing"
    RUNNING = "running"
    COMPLETED = "completed"


class TaskFailedError(Exception):
    """A task failed for another reason than its exit code. category: "UserError" or "ServerError"."""

    def __init__(self, category: str, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.category = category
        self.code = code
        self.message = message

    def as_dict(self) -> dict[str, str]:
        return {"category": self.category, "code": self.code, "message": self.message}


@dataclass
class Task:
    """One task of a pool.

    exit_code: None unless the command ended by itself. terminated: set to request that the task ends early.
    completed: set when no process of the task is left and its output files are uploaded.
    """

    id: str
    job: str
    spec: TaskSpec
    state: TaskState = TaskState.ACTIVE
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: datetime | None = None
    ended: datetime | None = None
    node: str | None = None
    pid: int | None = None
    exit_code: int | None = None
    failure: TaskFailedError | None = None
    requeues: int = 0
    terminated: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    completed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def complete(self, exit_code: int | None = None, failure: TaskFailedError | None = None) -> None:
        self.exit_code, self.failure = exit_code, failure
        self.state, self.ended, self.pid = TaskState.COMPLETED, datetime.now(UTC), None
        self.completed.set()

    def requeue(self) -> None:
        self.state, self.node, self.pid = TaskState.ACTIVE, None, None
        self.requeues += 1

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "jobId": self.job,
            "state": self.state,
            "commandLine": self.spec.command_line,
            "creationTime": timestamp(self.created),
            "nodeId": self.node,
            "pid": self.pid,
            "executionInfo": {
                "startTime": timestamp(self.started) if self.started else None,
                "endTime": timestamp(self.ended) if self.ended else None,
                "exitCode": self.exit_code,
                "failureInfo": self.failure.as_dict() if self.failure else None,
                "requeueCount": self.requeues,
            },
        }
