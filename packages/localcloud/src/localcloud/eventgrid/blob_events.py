"""Blob events, in the form in which Azure Storage publishes them.

Source: "Azure Blob Storage as an Event Grid source".
"""

from dataclasses import dataclass
from datetime import UTC
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from azure.storage.blob import BlobProperties

from localcloud.eventgrid.events import BLOB_CREATED, BLOB_DELETED, Event
from localcloud.eventgrid.journal import Change, Position

Blob = tuple[str, str, str]
"""Account, container and name."""


@dataclass(frozen=True)
class Account:
    """A storage account whose blobs raise events: its resource id, and the URL of its Blob service."""

    id: str
    url: str


def container_subject(container: str) -> str:
    """Return the common prefix of the subjects of a container's events."""
    return f"/blobServices/default/containers/{container}/blobs/"


def subject(blob: Blob) -> str:
    return container_subject(blob[1]) + blob[2]


def etag_of(properties: BlobProperties) -> str:
    return str(properties.etag).strip('"')


def from_change(
    account: Account, position: Position, change: Change, current: BlobProperties | None
) -> Event | None:
    """Return the event of a journaled change, or None if it raises no event.

    current: the blob's properties, if this change was the last one; they supply what the request did not
    contain. The event of a blob that has been overwritten since has no contentLength and no contentType.
    """
    if change.api is None:
        return None
    data = {
        "api": change.api,
        "clientRequestId": change.client_request_id,
        "requestId": change.request_id,
        "contentType": change.content_type,
        "contentLength": change.content_length,
        "blobType": change.blob_type,
    }
    blob = (change.account, change.container, change.blob)
    sequencer = _sequencer(position)
    if change.api == "DeleteBlob":
        return _event(account, blob, BLOB_DELETED, change.request_id, change.time, data, sequencer)
    data |= {"eTag": change.etag, "accessTier": change.access_tier}
    if current is not None:
        data |= _content(current)
    return _event(account, blob, BLOB_CREATED, change.etag, change.time, data, sequencer)


def from_blob(account: Account, position: Position, blob: Blob, current: BlobProperties) -> Event:
    """Return the event of a write that the journal lacks; the request that made it is unknown."""
    copied = current.copy is not None and current.copy.id is not None
    etag = etag_of(current)
    data = {"api": "CopyBlob" if copied else "PutBlob", "eTag": etag, "accessTier": "Default"}
    time = current.last_modified.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    sequencer = _sequencer(position, unjournaled=True)
    return _event(account, blob, BLOB_CREATED, etag, time, data | _content(current), sequencer)


def _event(
    account: Account, blob: Blob, type_: str, identity: str, time: str, data: dict[str, Any], sequencer: str
) -> Event:
    """identity: what distinguishes this event of the blob from all others; it determines the event's id."""
    url = f"{account.url}/{blob[1]}/{quote(blob[2], safe='/~')}"
    known = {name: value for name, value in data.items() if value is not None}
    return Event(
        id=str(uuid5(NAMESPACE_URL, f"{url}#{identity}")),
        topic=account.id,
        subject=subject(blob),
        type=type_,
        time=time,
        data=known | {"url": url, "sequencer": sequencer},
    )


def _content(current: BlobProperties) -> dict[str, Any]:
    return {
        "contentType": current.content_settings.content_type,
        "contentLength": current.size,
        "blobType": current.blob_type.value,
    }


def _sequencer(position: Position, *, unjournaled: bool = False) -> str:
    """Return a write's sequencer, from its place in the journal: greater, as a string, than earlier ones.

    A write that was found without the journal comes after all that had been read until then.
    """
    return f"{position.segment:016x}{position.offset * 2 + unjournaled:016x}"
