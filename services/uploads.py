"""Which version of an upload lies in storage, and which run is its first."""

from dataclasses import replace
from typing import TYPE_CHECKING

from runs import naming
from runs.contracts import Upload
from services import run_store

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties


def present_version(upload: Upload, properties: "BlobProperties") -> Upload:
    """The version that lies in storage now: `upload` itself, unless the blob has changed since.

    Last-Modified is cut to the second, so a change within the second of the event would seem to be older.
    """
    etag = str(properties.etag).strip('"')
    if etag == upload.etag:
        return upload
    modified = run_store.timestamp(properties.last_modified)
    return replace(upload, etag=etag, uploaded_at=max(upload.uploaded_at, modified))


def version_id(upload: Upload) -> str:
    """The id of the first run of a version."""
    return naming.run_id(upload.container, upload.path, upload.etag)
