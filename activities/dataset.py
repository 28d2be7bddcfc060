"""inspect_dataset: refuses data that cannot be trained on before any compute is paid for.

The blob's ETag may no longer be that of the event when a run comes to read it: a client sets metadata or
properties after the upload, which changes the ETag and raises no event, or a newer upload has come. Nothing
tells the two apart for sure (an upload in blocks has no Content-MD5). So the run claims the present ETag as
well, and goes on with what lies there; if another run has claimed it, that run goes on and this one ends.
It claims only what it can go on with: a newer upload that this run's settings do not fit is left to its own
event.
"""

import csv
import io
import logging
from typing import TYPE_CHECKING

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

from activities.label import label_of, problem_of
from activities.registration import activity
from runs import naming, resolving
from runs.contracts import Dataset, Inspection, RunRequest, Upload
from runs.errors import RefusedError, TransientError
from services import run_files, run_store
from services.clients import Clients
from services.uploads import present_version, version_id
from trainer import dialect

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties

log = logging.getLogger("touchdown.activities")

HEAD = dialect.HEAD_BYTES
"""Bytes of a dataset that are read here; they are compressed bytes if the dataset is compressed."""
SAMPLE = "smoke/sample.csv"
"""Path, inside the run's folder, of the rows that the smoke test scores."""
SAMPLE_ROWS = 20
"""Rows that the smoke test scores."""


@activity
def inspect_dataset(request: RunRequest, clients: Clients) -> Inspection:
    """Read a dataset's properties, metadata and first bytes, and decide the run's settings.

    All of this is of one version of the dataset, which the result names. The first rows are kept for the
    smoke test, because the dataset may be replaced before that. They are kept as they are, but without the
    label, and as comma-separated UTF-8 whatever the dataset's dialect, because a deployment reads no other.

    What is found is kept in storage, too: later generations of the run read it there.

    Raises RefusedError: NotClaimed, RunEnded (an engine may execute a finished run id again), DatasetMissing,
    InvalidDataset, LabelMissing, InvalidSetting. Raises TransientError while the dataset is being written.
    """
    run_files.check_claim(request, clients)
    properties = properties_of(request.upload, clients)
    upload = present_version(request.upload, properties)
    other = other_holder(upload, request, clients)
    if other:
        return Inspection(superseded_by=other)
    size = properties.size or 0
    head = read_head(upload, size, clients)
    found = parse_head(upload.dataset, head, whole=size <= HEAD)
    resolved = resolving.resolve(
        request.settings,
        properties.metadata or {},
        clients.settings,
        dataset=upload.dataset,
        columns=found.columns,
        task_of=lambda name: label_of(found, name).reading.task,
    )
    problem = problem_of(found, resolved)
    if problem:
        raise invalid(upload.dataset, problem)
    holder = claim_present(upload, request, clients)
    if holder != request.run_id:
        return Inspection(superseded_by=holder)
    sample = sample_of(found, resolved.label)
    clients.container.upload_blob(sample_path(request.run_id), sample, overwrite=True)
    columns = len(found.columns)
    named = resolving.named_label(
        request.settings, properties.metadata or {}, clients.settings, dataset=upload.dataset
    )
    label = named if named.strip() != resolved.label.strip() and named else resolved.label
    dataset = Dataset(upload, size, columns, label, resolved, clients.settings.polling)
    run_files.keep_dataset(request.run_id, dataset, clients)
    return Inspection(dataset)


def sample_path(run_id: str) -> str:
    """The path, in the container, of the rows that a run's smoke test scores."""
    return f"{naming.RUNS}{run_id}/{SAMPLE}"


def sample_of(found: dialect.Inspection, label: str) -> bytes:
    """The first rows without their label, as CSV in UTF-8 with a header."""
    place = found.columns.index(label)
    text = io.StringIO(newline="")
    csv.writer(text).writerows(
        row[:place] + row[place + 1 :] for row in [found.columns, *found.rows[:SAMPLE_ROWS]]
    )
    return text.getvalue().encode()


def properties_of(upload: Upload, clients: Clients) -> "BlobProperties":
    """The present properties of a dataset.

    Raises RefusedError DatasetMissing, and TransientError while a copy fills the blob: its ETag is then that
    of the empty blob with which an asynchronous copy begins. Source: "Copy Blob".
    """
    try:
        properties = clients.container.get_blob_client(upload.path).get_blob_properties()
    except ResourceNotFoundError:
        raise missing(upload) from None
    if properties.copy.status == "pending":
        raise TransientError(
            f"dataset {upload.dataset}: it is still being copied; once that is done, and if no run has"
            " started by itself, start one with POST /api/runs."
        )
    return properties


def other_holder(present: Upload, request: RunRequest, clients: Clients) -> str:
    """The id of another run that has claimed the present version, or "" if none has."""
    if present == request.upload:
        return ""
    claim = run_store.read(version_id(present), clients)
    return claim.record.run_id if claim is not None and claim.record.run_id != request.run_id else ""


def claim_present(present: Upload, request: RunRequest, clients: Clients) -> str:
    """Claim the present version. Returns the id of the run that has it: another may have been first."""
    if present == request.upload:
        return request.run_id
    holder = run_store.claim_also(version_id(present), request.run_id, clients)
    log.info("run %s: dataset %r now has ETag %s: run %s", request.run_id, present.path, present.etag, holder)
    return holder


def read_head(upload: Upload, size: int, clients: Clients) -> bytes:
    """The first bytes of this very version of a dataset.

    Raises RefusedError DatasetMissing, and TransientError if there is another version by now.
    """
    if not size:
        # Storage refuses a range of an empty blob.
        return b""
    blob = clients.container.get_blob_client(upload.path)
    try:
        download = blob.download_blob(
            offset=0,
            length=HEAD,
            # Its writer sets Content-Encoding, and gzip could make a GiB of these bytes.
            decompress=False,
            etag=f'"{upload.etag}"',
            match_condition=MatchConditions.IfNotModified,
        )
        return download.readall()
    except ResourceNotFoundError:
        raise missing(upload) from None
    except ResourceModifiedError:
        raise TransientError(
            f"dataset {upload.dataset}: it changed while it was read (its ETag was {upload.etag}); once"
            " nothing writes to it any more, start a run with POST /api/runs."
        ) from None


def missing(upload: Upload) -> RefusedError:
    return RefusedError("DatasetMissing", f"dataset {upload.dataset}: it was deleted; upload it again.")


def parse_head(dataset: str, head: bytes, *, whole: bool) -> dialect.Inspection:
    """Dialect, columns and first rows of a CSV whose first bytes are `head`; whole: there are no others.

    Raises RefusedError InvalidDataset if the trainer could not read it either.
    """
    try:
        return dialect.inspect_head(head, whole=whole)
    except dialect.UnreadableError as why:
        raise invalid(dataset, str(why)) from None


def invalid(dataset: str, why: str) -> RefusedError:
    return RefusedError("InvalidDataset", f"dataset {dataset}: {why}")
