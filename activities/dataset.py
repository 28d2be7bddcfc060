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
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

from activities.registration import activity
from runs import naming, settings
from runs.contracts import Dataset, Inspection, RunRequest, RunSettings, Upload
from runs.errors import RefusedError, TransientError
from runs.text import quote
from services import run_store
from services.clients import Clients
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

    Raises RefusedError: RunEnded (an engine may execute a finished run id again), DatasetMissing,
    InvalidDataset, LabelMissing, InvalidSetting. Raises TransientError while the dataset is being written.
    """
    claim = run_store.read(request.run_id, clients)
    if claim is not None and claim.record.status != "Running":
        raise run_store.ended_error(claim.record)
    properties = properties_of(request.upload, clients)
    upload = present_version(request.upload, properties)
    other = other_holder(upload, request, clients)
    if other:
        return Inspection(superseded_by=other)
    size = properties.size or 0
    head = read_head(upload, size, clients)
    found = parse_head(upload.dataset, head, whole=size <= HEAD)
    resolved = settings.resolve(
        request.settings,
        properties.metadata or {},
        clients.settings,
        dataset=upload.dataset,
        columns=found.columns,
        task_of=lambda label: dialect.task_of(found.cells(label), found.dialect.decimal),
    )
    check_label(upload.dataset, found, resolved)
    holder = claim_present(upload, request, clients)
    if holder != request.run_id:
        return Inspection(superseded_by=holder)
    sample = sample_of(found, resolved.label)
    clients.container.upload_blob(sample_path(request.run_id), sample, overwrite=True)
    columns = len(found.columns)
    return Inspection(Dataset(upload, size, columns, resolved.label, resolved, clients.settings.polling))


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


def present_version(upload: Upload, properties: "BlobProperties") -> Upload:
    """The version that lies in storage now: `upload` itself, unless the blob has changed since.

    Last-Modified is cut to the second, so a change within the second of the event would seem to be older.
    """
    etag = str(properties.etag).strip('"')
    if etag == upload.etag:
        return upload
    modified = run_store.timestamp(properties.last_modified)
    return replace(upload, etag=etag, uploaded_at=max(upload.uploaded_at, modified))


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


def version_id(upload: Upload) -> str:
    """The id of the first run of a version."""
    return naming.run_id(upload.container, upload.path, upload.etag)


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


# --- The label ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Label:
    """A label column as the first bytes show it.

    rows: how many there are. cells: line number and value of each row whose label is present. missing: line
    number of each row whose label is missing.
    """

    name: str
    decimal: str
    rows: int
    cells: list[tuple[int, str]]
    missing: list[int]

    @property
    def column(self) -> str:
        return f"column {quote(self.name)}"


def label_of(found: dialect.Inspection, name: str) -> Label:
    numbered = list(zip(found.lines, found.cells(name), strict=True))
    return Label(
        name,
        found.dialect.decimal,
        len(numbered),
        [(line, cell.strip()) for line, cell in numbered if not dialect.is_missing(cell)],
        [line for line, cell in numbered if dialect.is_missing(cell)],
    )


def check_label(dataset: str, found: dialect.Inspection, wanted: RunSettings) -> None:
    """Refuse a label that the first bytes of a dataset already show to be unlearnable.

    What later rows could still change is refused only if all rows have been read.

    Raises RefusedError InvalidDataset, which names column, row and remedy.
    """
    label = label_of(found, wanted.label)
    problem = text_in_regression(label) if wanted.task == "regression" else ""
    if not problem and found.whole:
        problem = mostly_missing(label) or single_value(label)
        if not problem and wanted.task == "classification" and wanted.rare_classes == "refuse":
            problem = class_of_one_row(label)
    if problem:
        raise invalid(dataset, problem)


def text_in_regression(label: Label) -> str:
    for line, cell in label.cells:
        if dialect.number_of(cell, label.decimal) is None:
            return (
                f"{label.column}, row {line}: {quote(cell)} is not a number; correct it, name another label,"
                ' or set task to "classification".'
            )
    return ""


def mostly_missing(label: Label) -> str:
    if len(label.cells) * 2 >= label.rows:
        return ""
    return (
        f"{label.column}, row {label.missing[0]}: the label is missing, as in {len(label.missing)} of"
        f" {label.rows} rows; fill in more than half of them, or name another label."
    )


def single_value(label: Label) -> str:
    if len({cell for _, cell in label.cells}) != 1:
        return ""
    (first, value), (last, _) = label.cells[0], label.cells[-1]
    return (
        f"{label.column}, rows {first} to {last}: the only label is {quote(value)}; add rows with another"
        " one, or name another label."
    )


def class_of_one_row(label: Label) -> str:
    """What is wrong with a class that has one row only.

    Spellings are merged generously: the trainer may merge fewer spellings into one class, never more.
    """
    numbers = [dialect.number_of(cell, label.decimal) for _, cell in label.cells]
    classes = [
        cell.lower() if number is None else number
        for (_, cell), number in zip(label.cells, numbers, strict=True)
    ]
    counts = Counter(classes)
    for (line, cell), each in zip(label.cells, classes, strict=True):
        if counts[each] == 1:
            return (
                f"{label.column}, row {line}: class {quote(cell)} has this one row, and training and hold-out"
                ' need one each; add rows of it, remove this one, or set rare_classes to "merge".'
            )
    return ""
