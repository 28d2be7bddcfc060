"""Reads the dataset and earlier runs from Blob Storage, by connection string or identity."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from job import Destination, TrainingJob
from model_digest import MOST_FILES, Allowance
from refusals import BadInputError, DatasetReplacedError, TrainingRefusedError, without_secrets
from text import quoted, shorten

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

MLMODEL = "artifacts/model/MLmodel"
CHUNK_BYTES = 8 * 1024 * 1024
ROLES = (
    "Touchdown blob owner on the data account, with roleSet=Narrow Touchdown container maker: docs/roles.md"
)
"""What a deployment assigns to the identity of its trainings."""
LONGEST_DOCUMENT = 16 << 20
"""Bytes of another training's JSON document that are read, as many as the app reads (services/blobs.py)."""


class TooLargeError(TrainingRefusedError):
    """A document is longer than what is read of it; the message names both."""


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
                f"write blobs of the container ({ROLES}), a connection string a valid key"
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
            # Its writer sets Content-Encoding. The text of a gzip file is limited elsewhere, by its bytes.
            download = blob.download_blob(
                etag=f'"{job.etag}"', match_condition=MatchConditions.IfNotModified, decompress=False
            )
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


def finished_earlier(container: ContainerClient, prefix: str) -> dict[str, Any] | None:
    """The metrics.json of an earlier attempt at this run, if that attempt got as far as MLmodel.

    Batch runs a task again from the beginning if it loses the node, and a run must have a single model.
    Raises TrainingRefusedError if that file is none that an attempt leaves.
    """
    with storage_errors(f"look for earlier results in {container.container_name}/{prefix}"):
        for name in container.list_blob_names(name_starts_with=f"{prefix}/"):
            if name.endswith(f"/{MLMODEL}"):
                metrics = name.removesuffix("model/MLmodel") + "metrics.json"
                return told_earlier(metrics, read_bytes(container, metrics))
    return None


def told_earlier(name: str, content: bytes) -> dict[str, Any]:
    """The metrics.json of an earlier attempt. Raises TrainingRefusedError if it is none."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("mlflow_run_id"), str):
        raise TrainingRefusedError(
            f"{shorten(name)} is not what an attempt at this run leaves: find out who else writes below runs/"
        )
    return document


def download_folder(container: ContainerClient, prefix: str, into: Path) -> int:
    """Copy the blobs below a prefix into a folder. Returns how many there are.

    Raises ModelTooLargeError if they are more than a model has.
    """
    files: dict[str, Path] = {}
    allowance = Allowance()
    with storage_errors(f"read the champion from {container.container_name}/{prefix}"):
        for name in islice(container.list_blob_names(name_starts_with=f"{prefix}/"), MOST_FILES + 1):
            path = PurePosixPath(name.removeprefix(f"{prefix}/"))
            if ".." in path.parts or path.is_absolute() or "\\" in name:
                raise TrainingRefusedError(
                    f"cannot read the champion: {shorten(name)} is not a path below {shorten(prefix)}"
                )
            files[name] = into / path

        def get(name: str) -> None:
            download = container.download_blob(name, decompress=False)
            allowance.take(download.size)
            files[name].parent.mkdir(parents=True, exist_ok=True)
            with files[name].open("wb") as file:
                download.readinto(file)

        with ThreadPoolExecutor(max_workers=4) as pool:
            list(pool.map(get, files))
    return len(files)


def read_bytes(container: ContainerClient, name: str, limit: int = LONGEST_DOCUMENT) -> bytes:
    """The contents of a blob, as it is stored; empty if it does not exist.

    Raises TooLargeError if it is longer than `limit` bytes, of which then no more are read.
    """
    from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

    with storage_errors(f"read {container.container_name}/{shorten(name)}"):
        try:
            content = container.download_blob(name, offset=0, length=limit + 1, decompress=False).readall()
        except ResourceNotFoundError:
            return b""
        except HttpResponseError as error:
            if error.status_code != 416:  # storage refuses any range of an empty blob
                raise
            return b""
    return within(name, content, limit)


def read_file(path: Path, limit: int = LONGEST_DOCUMENT) -> bytes:
    """The contents of a file; empty if it does not exist. Raises TooLargeError as read_bytes does."""
    try:
        with path.open("rb") as file:
            return within(str(path), file.read(limit + 1), limit)
    except FileNotFoundError:
        return b""


def within(name: str, content: bytes, limit: int) -> bytes:
    """What was read of a document, at most a byte more than its limit. Raises TooLargeError."""
    if len(content) > limit:
        raise TooLargeError(f"{shorten(name)} has more than {limit:,} bytes, so no training has left it")
    return content
