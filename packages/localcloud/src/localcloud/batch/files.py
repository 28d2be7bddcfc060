"""The files of a task: downloads them before its command and uploads them after it. All functions block."""

import shutil
from pathlib import Path
from typing import BinaryIO

from azure.core.exceptions import AzureError as StorageError

from localcloud.batch.tasks import ResourceFile, TaskFailedError, TaskSpec
from localcloud.service import Cloud

STDERR_TAIL = 2000
"""How many of the last characters of a start task's stderr a failed task quotes."""


def fetch(cloud: Cloud, spec: TaskSpec, folder: Path) -> None:
    """Recreate the task's folder, with its resource files in `wd`. Raises TaskFailedError."""
    shutil.rmtree(folder, ignore_errors=True)
    working = folder / "wd"
    working.mkdir(parents=True)
    for file in spec.resource_files:
        fetch_file(cloud, file, working)


def fetch_file(cloud: Cloud, file: ResourceFile, folder: Path) -> None:
    """Copy a blob to a new file of the folder; one that is there is replaced. Raises TaskFailedError."""
    blob = cloud.blobs.get_blob_client(file.container, file.blob)
    try:
        with (folder / file.file_path).open("wb") as out:
            blob.download_blob().readinto(out)
    except (StorageError, OSError) as error:
        message = f"The blob {blob.url} could not be copied to the node as {file.file_path}: {error}"
        raise TaskFailedError("UserError", "BlobDownloadMiscError", message) from error


def upload(cloud: Cloud, spec: TaskSpec, folder: Path) -> None:
    """Upload those output files that exist to their blobs. Raises TaskFailedError."""
    for file in spec.output_files:
        path = folder / "wd" / file.file_path
        if not path.is_file():
            continue
        blob = cloud.blobs.get_blob_client(file.container, file.blob)
        try:
            with path.open("rb") as data:
                blob.upload_blob(data, overwrite=True)
        except (StorageError, OSError) as error:
            message = f"The task's {path.name} could not be copied to {blob.url}: {error}"
            raise TaskFailedError("UserError", "FileUploadMiscError", message) from error


def open_output(folder: Path) -> tuple[BinaryIO, BinaryIO]:
    """Open stdout.txt and stderr.txt of a process, empty."""
    return (folder / "stdout.txt").open("wb"), (folder / "stderr.txt").open("wb")


def tail(file: Path) -> str:
    return file.read_text(errors="replace").strip()[-STDERR_TAIL:]
