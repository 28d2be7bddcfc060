"""The files of a task: downloads them before its command and uploads them after it. All functions block."""

import shutil
from pathlib import Path
from typing import BinaryIO

from azure.core.exceptions import AzureError as StorageError
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobClient

from localcloud.batch.tasks import OutputFile, ResourceFile, TaskFailedError, TaskSpec
from localcloud.service import Cloud
from localcloud.storage.words import said

FORBIDDEN = 403
DOWNLOADS = {0: "BlobDownloadMiscError", FORBIDDEN: "BlobAccessDenied", 404: "BlobNotFound"}
"""Batch's error code for a blob that cannot be read, by the status of storage's answer."""
UPLOADS = {0: "FileUploadMiscError", FORBIDDEN: "FileUploadAccessDenied", 404: "FileUploadContainerNotFound"}
"""The same for a blob that cannot be written. Source: BatchErrorCodeStrings of Azure's SDK for .NET."""
ACCESS_DENIED = "Access for one of the specified Azure Blob(s) is denied."
"""Batch's own words (Azure-DataFactory#526)."""

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
    blob, target = client(cloud, file), folder / file.file_path
    try:
        with target.open("wb") as out:
            blob.download_blob().readinto(out)
        if file.mode is not None:
            target.chmod(file.mode)
    except (StorageError, OSError) as error:
        raise failed(error, DOWNLOADS, f"copied from {blob.url} to the node as {file.file_path}") from error


def upload(cloud: Cloud, spec: TaskSpec, folder: Path) -> None:
    """Upload those output files that exist to their blobs. Raises TaskFailedError."""
    for file in spec.output_files:
        path = folder / "wd" / file.file_path
        if not path.is_file():
            continue
        blob = client(cloud, file)
        try:
            with path.open("rb") as data:
                blob.upload_blob(data, overwrite=True)
        except (StorageError, OSError) as error:
            raise failed(error, UPLOADS, f"copied from the task's {path.name} to {blob.url}") from error


def client(cloud: Cloud, file: ResourceFile | OutputFile) -> BlobClient:
    """The client of a file's blob, with the right that the file names."""
    place = file.blob
    if file.identity:
        principal = cloud.principals.of_identity(file.identity)
        return cloud.storage_as(principal, place.account).get_blob_client(place.container, place.blob)
    return BlobClient(
        cloud.home.storage_url(place.account),
        place.container,
        place.blob,
        credential=file.sas or None,
        connection_verify=str(cloud.home.ca_bundle),
        proxies=cloud.home.proxies,
    )


def failed(error: Exception, codes: dict[int, str], what: str) -> TaskFailedError:
    """The failure of a task whose file could not be copied, with storage's own words."""
    status = error.status_code if isinstance(error, HttpResponseError) else None
    code = codes.get(status or 0, codes[0])
    meaning = f"{ACCESS_DENIED} " if status == FORBIDDEN else ""
    return TaskFailedError("UserError", code, f"{meaning}Nothing could be {what}: {said(error)}")


def open_output(folder: Path) -> tuple[BinaryIO, BinaryIO]:
    """Open stdout.txt and stderr.txt of a process, empty."""
    return (folder / "stdout.txt").open("wb"), (folder / "stderr.txt").open("wb")


def tail(file: Path) -> str:
    return file.read_text(errors="replace").strip()[-STDERR_TAIL:]
