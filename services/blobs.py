"""Reads blobs that others may write, of which no more is read than a limit allows.

A node may write whatever it likes below `runs/`, the scoring cluster its predictions and its logs, an
uploader its datasets. A blob is read as it is stored: Content-Encoding is a property that its writer sets,
and with gzip the SDK would make a thousand bytes in memory of each byte that it reads.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from runs.errors import RefusedError
from runs.text import printable
from services.clients import Clients

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

LONGEST_DOCUMENT = 16 << 20
"""Bytes of a JSON, YAML or CSV document that are read. The names of 10,000 columns, which a dataset may have,
take as much if each has 256 characters that JSON writes as escapes. Python's objects take up to 35 times as
many bytes as their JSON, and an instance of the app has 2 GiB."""


@dataclass(frozen=True)
class Content:
    """A blob as it was read. modified: when it was written, by storage's clock."""

    data: bytes
    modified: datetime


def read(
    path: str,
    clients: Clients,
    *,
    limit: int = LONGEST_DOCUMENT,
    on_response: Callable[[Any], None] | None = None,
) -> Content | None:
    """A blob of the app's container, or None if there is none.

    on_response: called with storage's response. Raises RefusedError BlobTooLarge if the blob is longer than
    `limit` bytes, of which then no more are read.
    """
    blob = clients.container.get_blob_client(path)
    hook: dict[str, Any] = {"raw_response_hook": on_response} if on_response else {}
    try:
        download = blob.download_blob(offset=0, length=limit + 1, decompress=False, **hook)
        data = download.readall()
    except ResourceNotFoundError:
        return None
    except HttpResponseError as error:
        if error.status_code != 416:
            raise
        # Storage refuses any range of an empty blob ("Get Blob").
        return _read_empty(blob, hook)
    if len(data) > limit:
        size = int(str(download.properties.content_range).rpartition("/")[2])
        raise too_large(path, size, limit)
    return Content(data, download.properties.last_modified)


def read_text(path: str, clients: Clients) -> str:
    """A blob of the app's container as text; "" if there is none.

    Raises RefusedError: BlobTooLarge; BlobNotText if it is not UTF-8.
    """
    found = read(path, clients)
    try:
        return found.data.decode() if found is not None else ""
    except UnicodeDecodeError as error:
        raise RefusedError("BlobNotText", f"{printable(path)}: it is not UTF-8: {error}.") from None


def read_end(blob: "BlobClient", length: int) -> bytes:
    """The last `length` bytes of a blob. Raises AzureError."""
    size = blob.get_blob_properties().size or 0
    if size == 0:
        return b""
    start = max(0, size - length)
    return blob.download_blob(offset=start, length=size - start, decompress=False).readall()


def too_large(path: str, size: int, limit: int) -> RefusedError:
    return RefusedError(
        "BlobTooLarge",
        f"{printable(path)}: it has {size:,} bytes, and at most {limit:,} are read; no training or scoring of"
        " this app leaves as much, so find out who wrote it.",
    )


def _read_empty(blob: "BlobClient", hook: dict[str, Any]) -> Content | None:
    try:
        return Content(b"", blob.get_blob_properties(**hook).last_modified)
    except ResourceNotFoundError:
        return None
