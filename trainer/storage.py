"""Reads the dataset from Blob Storage and writes the MLflow run to it, by connection string or identity."""

from __future__ import annotations

import contextlib
import json
import mimetypes
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from job import Destination, TrainingJob
from refusals import BadInputError, DatasetReplacedError, TrainingRefusedError, without_secrets
from text import quoted, shorten

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

MLMODEL = "artifacts/model/MLmodel"
REPORT = "artifacts/report.html"
CHUNK_BYTES = 8 * 1024 * 1024


@contextlib.contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Turn errors of storage and identity into a TrainingRefusedError whose one line says what failed.

    doing: what the block does, as in "read x".
    """
    from azure.core.exceptions import (
        ClientAuthenticationError,
        HttpResponseError,
        ResourceModifiedError,
        ServiceRequestError,
        ServiceResponseError,
    )

    try:
        yield
    except ResourceModifiedError:
        raise
    except HttpResponseError as error:
        code = getattr(error, "error_code", None)
        message = without_secrets(" ".join(str(error.message).split()))
        if isinstance(error, ClientAuthenticationError) and code is None:
            reason = f"signing in to storage failed: {message}"
        elif error.status_code in (401, 403):
            reason = (
                f"storage refused it ({error.status_code} {code}); the identity needs a role to read and "
                "write blobs of the container, a connection string a valid key"
            )
        elif error.status_code == 404:
            reason = f"it is not there (404 {code}); check account, container and path"
        else:
            reason = f"storage answered {error.status_code} {code}: {message}"
        raise TrainingRefusedError(f"cannot {doing}: {reason}") from error
    except (ServiceRequestError, ServiceResponseError) as error:
        # The message may contain an address that ends with a SAS.
        reason = without_secrets(" ".join(re.sub(r"\?\S*", "", str(error)).split()))
        raise TrainingRefusedError(
            f"cannot {doing}: the storage account does not answer: {reason}"
        ) from error


def open_container(to: Destination) -> ContainerClient:
    from azure.storage.blob import BlobServiceClient

    # Downloads in small ranges, so that a dataset of any size needs only a few megabytes of memory.
    ranges: dict[str, Any] = {"max_single_get_size": CHUNK_BYTES, "max_chunk_get_size": CHUNK_BYTES}
    try:
        if to.connection_string:
            service = BlobServiceClient.from_connection_string(to.connection_string, **ranges)
        else:
            from azure.identity import DefaultAzureCredential

            credential = DefaultAzureCredential(managed_identity_client_id=to.client_id or None)
            service = BlobServiceClient(to.account_url, credential=credential, **ranges)
        return service.get_container_client(to.container)
    except ValueError as error:
        raise BadInputError(
            "the connection string is malformed; copy it again from the storage account's access keys"
            if to.connection_string
            else f"{quoted(to.account_url)} is not an account URL; give one like"
            " https://<account>.blob.core.windows.net"
        ) from error


@contextlib.contextmanager
def blob_chunks(container: ContainerClient, job: TrainingJob) -> Iterator[Iterator[bytes]]:
    """The blob's bytes in chunks. Raises DatasetReplacedError if it is of another ETag."""
    from azure.core import MatchConditions
    from azure.core.exceptions import ResourceModifiedError

    blob = container.get_blob_client(job.dataset)
    with storage_errors(f"read dataset {shorten(job.dataset)} from container {container.container_name}"):
        try:
            download = blob.download_blob(etag=f'"{job.etag}"', match_condition=MatchConditions.IfNotModified)
            yield download.chunks()
        except ResourceModifiedError as error:
            now = str(blob.get_blob_properties().etag).strip('"')
            raise DatasetReplacedError(
                f"dataset {shorten(job.dataset)} has changed since this run inspected it "
                f"(etag {job.etag}, now {now})"
            ) from error


@contextlib.contextmanager
def file_chunks(path: str) -> Iterator[Iterator[bytes]]:
    try:
        with Path(path).open("rb") as file:
            yield iter(lambda: file.read(CHUNK_BYTES), b"")
    except OSError as error:
        raise BadInputError(
            f"dataset {shorten(path)} cannot be read: {error.strerror}; check the path"
        ) from error


def dataset_chunks(container: ContainerClient | None, job: TrainingJob) -> Iterator[bytes]:
    """The dataset's bytes: of the blob that the run was started for, or of a file if started by hand."""
    opened = blob_chunks(container, job) if container is not None and job.etag else file_chunks(job.dataset)
    with opened as chunks:
        yield from chunks


def upload_run(container: ContainerClient, folder: Path, prefix: str, report: str = "") -> None:
    """Upload an MLflow run. MLmodel comes last, so that its BlobCreated event means that the run is complete.

    report: the name under which the report is uploaded, if not among the artifacts.
    """
    from azure.storage.blob import ContentSettings

    def put(path: Path) -> None:
        name = str(PurePosixPath(prefix, path.relative_to(folder).as_posix()))
        if report and path == folder / REPORT:
            name = report
        settings = ContentSettings(content_type=mimetypes.guess_type(name)[0] or "application/octet-stream")
        with path.open("rb") as data:
            container.upload_blob(name, data, overwrite=True, content_settings=settings)

    last = folder / MLMODEL
    with storage_errors(f"upload {folder} to {container.container_name}/{prefix}"):
        with ThreadPoolExecutor(max_workers=4) as pool:
            list(pool.map(put, (path for path in folder.rglob("*") if path.is_file() and path != last)))
        put(last)


def finished_earlier(container: ContainerClient, prefix: str) -> dict[str, Any] | None:
    """The metrics.json of an earlier attempt at this run, if that attempt got as far as MLmodel.

    Batch runs a task again from the beginning if it loses the node, and a run must have a single model.
    """
    with storage_errors(f"look for earlier results in {container.container_name}/{prefix}"):
        for name in container.list_blob_names(name_starts_with=f"{prefix}/"):
            if name.endswith(f"/{MLMODEL}"):
                metrics = name.removesuffix("model/MLmodel") + "metrics.json"
                document: dict[str, Any] = json.loads(container.download_blob(metrics).readall())
                return document
    return None


def download_folder(container: ContainerClient, prefix: str, into: Path) -> int:
    """Copy the blobs below a prefix into a folder. Returns how many there are."""
    files: dict[str, Path] = {}
    with storage_errors(f"read the champion from {container.container_name}/{prefix}"):
        for name in container.list_blob_names(name_starts_with=f"{prefix}/"):
            path = PurePosixPath(name.removeprefix(f"{prefix}/"))
            if ".." in path.parts or path.is_absolute() or "\\" in name:
                raise TrainingRefusedError(
                    f"cannot read the champion: {shorten(name)} is not a path below {shorten(prefix)}"
                )
            files[name] = into / path

        def get(name: str) -> None:
            files[name].parent.mkdir(parents=True, exist_ok=True)
            with files[name].open("wb") as file:
                container.download_blob(name).readinto(file)

        with ThreadPoolExecutor(max_workers=4) as pool:
            list(pool.map(get, files))
    return len(files)


def read_bytes(container: ContainerClient, name: str) -> bytes:
    """The contents of a blob; empty if it does not exist."""
    from azure.core.exceptions import ResourceNotFoundError

    with storage_errors(f"read {container.container_name}/{name}"):
        try:
            return container.download_blob(name).readall()
        except ResourceNotFoundError:
            return b""
